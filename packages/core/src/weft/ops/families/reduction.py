"""Reductions: a formula per element, how elements combine, the identity, and what finishes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from weft._backend import asarray, ndarray, np, xp
from weft._backend.cpu import switches
from weft._backend.numpy_ import restore, silence
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.dispatch import apply_one, record_one
from weft._core.errors import DTypeError
from weft._core.inference import born
from weft._core.kernels import bind
from weft._core.modes import flags, here
from weft._core.op import NotDifferentiable, Op
from weft._core.public import UNSET, build
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dims, without
from weft._core.tensor import Tensor
from weft._core.watching import short_path
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.promotion import converted, real_only

Rule = Callable[..., Any]

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
# What the short path takes. Both are None while it is closed.
_SHORT32, _SHORT64 = _F32, _F64
short_path(globals(), "_SHORT32", "_SHORT64")
_new = Tensor.__new__
#: What NumPy's functions of these names reduce with.
_UFUNCS: dict[str, Any] = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "all": np.logical_and,
    "any": np.logical_or,
}

#: From how many elements on a reduction may be machine code.
_LARGE = 8192
#: Up to how many elements a sum is a product with ones, and those.
_FEW = 128
#: The settings of calls by the argument's dims and the one reduced; never written to.
_SETTINGS: dict[tuple[int, int | None, bool], dict[str, Any]] = {}
_NONE: dict[str, Any] = {}
_ONES32, _ONES64 = ([np.ones(n, d) for n in range(_FEW + 1)] for d in (_F32, _F64))
#: The settings of reducing every dim, by the number of dims; never written to.
_WHOLE = [{"dim": tuple(range(ndim)), "keepdim": False} for ndim in range(65)]

#: Dims on which every reduction is tested.
SAMPLES = (
    Sample(array(2, 3)),
    Sample(array(2, 3, 2), dim=1),
    Sample(array(2, 3, 2), dim=(0, -1), keepdim=True),
    Sample(array()),
)
ERRORS = (
    ErrorSample(array(2, 3), dim=2, error=IndexError, match="dim 2 is out of range"),
    ErrorSample(array(2, 3), dim=(0, -2), error=ValueError, match="names a dimension twice"),
    ErrorSample(array(2, 3), dim="x", error=TypeError, match="dim must be an int"),
)


def reduction(
    *,
    combine: str,
    vjp: Rule | NotDifferentiable,
    jvp: Rule | NotDifferentiable,
    identity: float | None = None,
    finalise: Rule | None = None,
    saves: Iterable[str] = (),
    dtype: str = "same",
    takes_dtype: bool = False,
    all_for_empty: bool = True,
    samples: Iterable[Sample] = SAMPLES,
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    out: bool | None = None,
) -> Callable[[Rule], Callable[..., Tensor]]:
    """Make an op that reduces dims, of a formula ``formula(xp, x)`` applied to each element first.

    Args:
        combine: what joins two elements: ``"sum"``, ``"prod"``, ``"max"``, ``"min"``, ``"all"``
            or ``"any"``.
        vjp: ``vjp(g, out, x, dim)``, the cotangent of x, where ``g`` and ``out`` keep the reduced
            dims with length 1.
        jvp: ``jvp(t, out, x, dim, keepdim)``, the result's tangent.
        identity: the result over no element; None makes that an error.
        finalise: ``finalise(xp, combined, count)``, the result.
        saves: ``"x"`` and ``"out"``, where ``vjp`` reads them.
        dtype: the result's dtype: ``"same"``, ``"real"`` (the same; complex numbers are refused,
            as they have no order), ``"sum"`` (integers become int64), ``"float"`` (integers are
            refused), ``"bool"``, or ``"count"`` (int64).
        takes_dtype: whether users may pass ``dtype=``, to which the input is converted first.
        all_for_empty: whether ``dim=()`` means all dims, as in PyTorch, rather than none.
        samples: argument lists for the generated tests.
        errors: argument lists that must raise, besides wrong dims.
        namespaces: where it is offered.
        methods: tensor methods that are this function.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        out: whether it takes ``out=``; by default it does.
    """

    def decorate(formula: Rule) -> Callable[..., Tensor]:
        name = catalogue.key_of(formula.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=True)

        def kernel(xp: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
            if combine == "sum" and dtype == "sum":
                combined = xp.sum(
                    formula(xp, x), axis=dim, keepdims=keepdim, dtype=_sum_dtype(x.dtype)
                )
            elif combine == "prod":
                combined = xp.prod(
                    formula(xp, x), axis=dim, keepdims=keepdim, dtype=_sum_dtype(x.dtype)
                )
            else:
                combined = getattr(xp, combine)(formula(xp, x), axis=dim, keepdims=keepdim)
            if finalise is None:
                return combined
            return finalise(xp, combined, math.prod(x.shape[d] for d in dim))

        def on_numpy(x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
            """The same without the Python layer of NumPy's functions, for plain floats."""
            if x.size >= _LARGE and finalise is None and dim:
                out = _compiled(
                    combine, formula, x, dim, keepdim, _result_dtype(name, dtype, x.dtype)
                )
                if out is not None:
                    return out
            if x.dtype is not _F32 and x.dtype is not _F64:
                return general(x, dim=dim, keepdim=keepdim)
            before = silence()
            try:
                # as on the short path: a call that is turned aside keeps its very bits
                if adds and not keepdim:
                    if len(dim) == x.ndim and x.size <= _FEW:
                        ones = _ONES32 if x.dtype is _F32 else _ONES64
                        return asarray(x.ravel().dot(ones[x.size]))
                    if x.ndim == 2 and _is_small_table(x):
                        if dim == (0,):
                            return _row_sum(x)
                        if dim == (1,) and 0 < x.shape[1] <= _FEW:
                            return _column_sum(x)
                # None costs NumPy less than a tuple that names every axis
                axis = None if len(dim) == x.ndim else dim
                out = ufunc.reduce(formula(xp, x), axis=axis, keepdims=keepdim)
                if finalise is not None:
                    out = finalise(xp, out, math.prod(x.shape[d] for d in dim))
            finally:
                restore(before)
            return asarray(out)

        def shape(x: Aval, *, dim: tuple[int, ...], keepdim: bool) -> Aval:
            if identity is None:
                empty = [d for d in dim if x.shape[d] == 0]
                if empty:
                    raise IndexError(
                        f"{name}: cannot reduce dim {empty[0]} of length 0 of a tensor of shape "
                        f"{x.shape}: the operation has no identity"
                    )
            return Aval(without(x.shape, dim, keepdim), _result_dtype(name, dtype, x.dtype))

        def kept(value: Any, dim: tuple[int, ...], shape_in: tuple[int, ...], keep: bool) -> Any:
            if keep or not value.ndim:  # a 0-d value broadcasts as it is
                return value
            return value.reshape(without(shape_in, dim, True))

        def full_vjp(
            needs: Any, g: Any, out: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool
        ) -> tuple[Any]:
            assert not isinstance(vjp, NotDifferentiable)
            g = kept(g, dim, tuple(x.shape), keepdim)
            if isinstance(out, Tensor):
                out = kept(out, dim, tuple(x.shape), keepdim)
            return (vjp(g, out, x, dim),)

        def full_jvp(
            tangents: Any, out: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool
        ) -> Any:
            assert not isinstance(jvp, NotDifferentiable)
            return None if tangents[0] is None else jvp(tangents[0], out, x, dim, keepdim)

        op = Op(
            name,
            "reduction",
            kernel=kernel,
            shape=shape,
            vjp=vjp if isinstance(vjp, NotDifferentiable) else full_vjp,
            jvp=jvp if isinstance(jvp, NotDifferentiable) else full_jvp,
            batch=with_params(name, shift_dims("dim")),
            saves=tuple({"x": 0, "out": -1}[s] for s in saves),
            widen=True,
            kernels=bind(kernel, shape, widen=True),
        )
        ufunc = _UFUNCS[combine]
        adds = takes_dtype and finalise is None and ufunc is np.add and _is_identity(formula)
        general = op.kernels[ndarray]
        op.kernels[ndarray] = on_numpy

        def run(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
            (x,) = args
            wanted = params.pop("dtype", None)
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"{name}: expected a weft.Tensor, got {type(x).__name__} {x!r}; "
                    f"make one with weft.tensor(...)"
                )
            if wanted is not None:
                x = converted(x, dtypes.of(dtypes.canonical(wanted)))
            params["dim"] = _reduced_dims(name, params["dim"], x.ndim, all_for_empty)
            if dtype == "float":
                _result_dtype(name, dtype, x._data.dtype)
            elif dtype == "real":
                real_only(name, x)
            out = apply_one(op, x, params)
            # sums of integers are int64 until here
            return out if wanted is None else converted(out, dtypes.of(dtypes.canonical(wanted)))

        function = build(name, _with_dtype if takes_dtype else _without_dtype, run, out=has_out)
        if takes_dtype and finalise is None:
            function = _short(op, combine, ufunc, formula, function)
        return catalogue.enter(
            function,
            op,
            source=formula,
            samples=samples,
            errors=(*ERRORS, *errors),
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            out=has_out,
            not_differentiable=vjp.reason if isinstance(vjp, NotDifferentiable) else "",
        )

    return decorate


def _compiled(
    combine: str, formula: Rule, x: Any, dims: tuple[int, ...], keepdim: bool, dtype: Any
) -> Any:
    """Return the result of machine code; None where NumPy is to compute it."""
    if not switches.codegen:
        return None
    from weft._backend.cpu.launch.reductions import reduced

    return reduced(combine, formula, x, dims, keepdim, dtype)


def _is_small_table(x: Any) -> bool:
    """Whether an array has few rows, which a product with ones adds up sooner than a reduction."""
    return x.ndim == 2 and 0 < x.shape[0] <= _FEW and bool(x.flags.c_contiguous) and x.size < 8192


def _row_sum(x: Any) -> Any:
    return (_ONES32 if x.dtype is _F32 else _ONES64)[x.shape[0]].dot(x)


def _column_sum(x: Any) -> Any:
    return x.dot((_ONES32 if x.dtype is _F32 else _ONES64)[x.shape[1]])


def _is_identity(formula: Rule) -> bool:
    """Whether a formula gives back its argument."""
    mark = object()
    try:
        return formula(xp, mark) is mark
    except (AttributeError, TypeError):  # it computes
        return False


def _short(
    op: Op, combine: str, ufunc: Any, formula: Rule, settled: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the function users call: a short path for plain floats, then all else.

    Args:
        op: the record.
        combine: what joins two elements.
        ufunc: what reduces.
        formula: what is applied to each element first.
        settled: the built function, which makes settings canonical.
    """
    records = op.records
    reduce = ufunc.reduce
    applied = None if _is_identity(formula) else formula
    adds = ufunc is np.add and applied is None

    def call(
        input: Any,
        dim: Any = None,
        keepdim: Any = False,
        *,
        dtype: Any = None,
        out: Any = None,
        axis: Any = UNSET,
        keepdims: Any = UNSET,
    ) -> Any:
        try:
            x = input._data
            own = x.dtype
        except AttributeError:
            return settled(input, dim, keepdim, dtype=dtype, out=out, axis=axis, keepdims=keepdims)
        if (
            type(x) is not ndarray
            or (own is not _SHORT32 and own is not _SHORT64)
            or (dim is not None and (type(dim) is not int or not -x.ndim <= dim < x.ndim))
            or dtype is not None
            or out is not None
            or axis is not UNSET
            or keepdims is not UNSET
        ):
            return settled(input, dim, keepdim, dtype=dtype, out=out, axis=axis, keepdims=keepdims)
        first = data = None
        if adds and not keepdim:
            # a product with ones: NumPy's reductions cost three times as much to begin
            ones = _ONES32 if own is _F32 else _ONES64
            if dim is None:
                if x.size <= _FEW:
                    first, second = x.ravel(), ones[x.size]
            elif x.ndim == 2 and _is_small_table(x):
                rows, columns = x.shape
                if dim == 0 or dim == -2:
                    first, second = ones[rows], x
                elif 0 < columns <= _FEW:
                    first, second = x, ones[columns]
        if first is not None:
            before = silence()
            try:
                data = first.dot(second)
            finally:
                restore(before)
        else:
            if x.size >= _LARGE and x.ndim:
                dims = tuple(range(x.ndim)) if dim is None else (dim % x.ndim,)
                data = _compiled(combine, formula, x, dims, bool(keepdim), own)
            if data is None:
                before = silence()
                try:
                    data = reduce(
                        x if applied is None else applied(xp, x), dim, None, None, keepdim
                    )
                finally:
                    restore(before)
        result = _new(Tensor)
        result._data = data if type(data) is ndarray else asarray(data)
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if records and input._node is not None and (not flags.any or here.grad):
            if dim is None and not keepdim:
                params = _WHOLE[x.ndim]
            else:
                place = (x.ndim, dim, keepdim)
                params = _SETTINGS.get(place, _NONE)
                if params is _NONE:
                    dims = tuple(range(x.ndim)) if dim is None else (dim % x.ndim,)
                    params = {"dim": dims, "keepdim": keepdim}
                    if keepdim is True or keepdim is False:
                        _SETTINGS[place] = params
            record_one(op, input, params, result)
        return result

    return call


def _without_dtype(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False) -> None:
    """The settings of every reduction, read by the builder of public functions."""


def _with_dtype(
    xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> None:
    """The settings of a reduction that takes a dtype."""


def _reduced_dims(name: str, dim: Any, ndim: int, all_for_empty: bool) -> tuple[int, ...]:
    """Return the dims to reduce: all for None and, in most reductions, for an empty tuple."""
    if dim is None or (all_for_empty and (dim == () or dim == [])):
        return tuple(range(ndim))
    dims = canonical_dims(name, dim, ndim)
    return dims if ndim else ()  # a 0-d tensor has no axis for dim 0 or -1 to name


def _sum_dtype(own: Any) -> Any:
    return dtypes.int64.numpy if dtypes.of(own).category < 2 else own


def _result_dtype(name: str, rule: str, own: Any) -> Any:
    if rule == "sum":
        return _sum_dtype(own)
    if rule == "bool":
        return dtypes.bool_.numpy
    if rule == "count":
        return dtypes.int64.numpy
    if rule == "float" and dtypes.of(own).category < 2:
        raise DTypeError(
            f"{name}: expected a floating or complex tensor, got {dtypes.of(own)}; convert it "
            f"with .to(weft.float32) or pass dtype="
        )
    return own
