"""Elementwise ops: one scalar formula and one partial derivative per argument; the rest derives.

The formula runs over an array namespace. Given NumPy it is the reference, given CuPy the GPU's
general path, given a symbolic namespace it yields the expression that is compiled.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from weft._backend import asarray, ndarray, np
from weft._backend.libraries import by_array
from weft._backend.numpy_ import restore, silence
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.device import device_of, placed
from weft._core.dispatch import apply, explain, record_one, record_two
from weft._core.errors import DeviceError, DTypeError
from weft._core.inference import born
from weft._core.kernels import as_array, bare, bind, prefer
from weft._core.modes import flags, here
from weft._core.op import NotDifferentiable, Op, places
from weft._core.out import into
from weft._core.public import build, kernel_signature
from weft._core.rank import guard
from weft._core.samples import Domain, ErrorSample, Sample
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor, wrap
from weft._core.watching import short_path
from weft.ops.broadcasting import expand_to, shape_of, sum_to
from weft.ops.families.compiled import Compiled
from weft.ops.families.slopes import Slope

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
# What the short path takes. Both are None while it is closed.
_SHORT32, _SHORT64 = _F32, _F64
short_path(globals(), "_SHORT32", "_SHORT64")
_SCALARS = frozenset({bool, int, float, complex})
_OPERANDS = (Tensor, int, float, complex, np.generic)
_NONE: dict[str, Any] = {}  # the settings of ops that have none; never written to
_new = Tensor.__new__

Partial = Callable[..., Any] | float | None


def elementwise(
    *,
    partials: Sequence[Partial] | NotDifferentiable,
    samples: Domain | Iterable[Sample],
    saves: Iterable[str] = (),
    reads: Mapping[str, Iterable[str]] | None = None,
    dtype: str = "same",
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = True,
    out: bool | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    unpromoted: Iterable[str] = (),
    real: bool = False,
    widen: bool = True,
    called: str = "",
    numbers: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]:
    """Make an op of a scalar formula ``formula(xp, x, ..., *, setting=...)``.

    Args:
        partials: for each argument ``partial(out, x, ..., **settings)``, the derivative of the
            result by it, over public ops; a number where it is constant (0: the gradient is
            zeros); None for an argument that is no variable.
            One whose first parameter is called ``g`` returns the derivative times ``g`` instead
            (where a product would make NaN of 0 times inf).
        samples: where to draw arguments.
        saves: the names of the arguments, and ``"out"``, that the partials read.
        reads: of these, the names that the partial by each argument reads; by default all.
        dtype: the result's dtype from the promoted one: ``"same"``, ``"float"`` (integers become
            the default float), ``"integer"`` (booleans become int64), ``"bool"``, ``"real"`` (the
            real part's), or ``"number"`` (as ``"same"``, and booleans are refused).
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``; by default it does.
        canonical: makes settings canonical.
        unpromoted: names of arguments that keep their dtype, such as a condition.
        real: whether it is of real numbers alone: complex ones are refused.
        widen: whether half precision is computed in float32.
        called: the name in messages, where users know an internal op by another; else its own.
        numbers: whether Python numbers reach the formula as they are; False makes arrays of them,
            for functions of SciPy that compute in float64 beside a number.
    """

    def decorate(formula: Callable[..., Any]) -> Callable[..., Tensor]:
        arrays, _, settings = kernel_signature(formula)
        name = catalogue.key_of(formula.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=True)
        exempt = frozenset(arrays.index(s) for s in unpromoted)
        told = called or name
        formula.__dict__["called"] = told
        computed = functools.partial(_compute_dtype, told, dtype, real, exempt)
        shape = _shape_rule(told, dtype, computed)
        kept = places(saves, arrays)
        rules: dict[str, Any]
        if isinstance(partials, NotDifferentiable):
            rules = {"vjp": partials, "jvp": partials}
        else:
            assert len(partials) == len(arrays), f"{name}: one partial per argument"
            scaled = tuple(map(_scaling, partials))
            rules = {"vjp": _vjp(name, scaled), "jvp": _jvp(scaled)}
        op = Op(
            name,
            "elementwise",
            kernel=formula,
            shape=shape,
            batch=_batch(name),
            saves=kept,
            reads=None if reads is None else tuple(places(reads[a], arrays) for a in arrays),
            takes_scalars=True,
            widen=widen,
            kernels=bind(formula, shape, widen=widen),
            **rules,
        )
        compiled = Compiled(name, formula, shape)
        prefer(op, compiled)
        run = _promoting(op, told, computed, exempt, numbers)
        if settings or not numbers or len(arrays) > 2 or formula.__defaults__:
            function = build(name, formula, run, canonical=canonical, out=has_out)
        elif len(arrays) == 1:
            function = _unary(op, formula, compiled, run)
        else:
            function = _binary(op, formula, compiled, run)
            # the same, for the operator: a function of its own, so that no call is added
            function.__dict__["operator"] = _binary(op, formula, compiled, or_decline(run))
        drawn = samples.samples(len(arrays)) if isinstance(samples, Domain) else samples
        return catalogue.enter(
            function,
            op,
            source=formula,
            samples=drawn,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=has_out,
            not_differentiable=partials.reason if isinstance(partials, NotDifferentiable) else "",
        )

    return decorate


# --- dtype and shape ---------------------------------------------------------------------------


def _compute_dtype(
    name: str, rule: str, real: bool, exempt: frozenset[int], args: Sequence[Any]
) -> dtypes.dtype:
    """Return the dtype to which the arguments are promoted before the formula runs."""
    promoted = dtypes.result_type(
        *(a for i, a in enumerate(args) if a is not None and i not in exempt)
    )
    if rule == "float" and promoted.category < 2:
        return dtypes.get_default_dtype()
    if rule == "integer" and promoted is dtypes.bool_:
        return dtypes.int64
    if rule == "number" and promoted is dtypes.bool_:
        raise DTypeError(
            f"{name}: boolean tensors are not numbers here; use logical_xor, logical_not or "
            f"convert with .to(weft.int64)"
        )
    if real and promoted.is_complex:
        raise DTypeError(
            f"{name}: expected real numbers, got operands that promote to {promoted}; take the "
            f"parts with .real and .imag, or .abs()"
        )
    return promoted


def _result_dtype(rule: str, compute: Any) -> Any:
    if rule == "bool":
        return dtypes.bool_.numpy
    if rule == "real" and compute.kind == "c":
        return _F32 if compute.itemsize == 8 else _F64
    return compute


def _shape_rule(name: str, rule: str, computed: Callable[..., Any]) -> Callable[..., Aval]:
    def shape(*args: Any, **params: Any) -> Aval:
        avals = [a for a in args if hasattr(a, "shape")]  # arrays may stand beside meta tensors
        out = broadcast_shapes(name, *(a.shape for a in avals))
        compute = computed(args).numpy
        return Aval(out, _result_dtype(rule, compute))

    return shape


# --- derivatives -------------------------------------------------------------------------------


def _scaling(partial: Any) -> Callable[..., Any] | None:
    """Return ``scale(g, out, *args, **settings)``: g times the partial; None for a zero one."""
    if partial is None:
        return None
    if not callable(partial):
        return _constant_scaling(partial)
    if next(iter(inspect.signature(partial).parameters)) == "g":
        return partial  # type: ignore[no-any-return]  # an author's lambda

    def scale(g: Any, out: Any, *args: Any, **settings: Any) -> Any:
        return g * partial(out, *args, **settings)

    scale.partial = partial  # type: ignore[attr-defined]  # the vjp conjugates it
    return scale


def _constant_scaling(number: float) -> Callable[..., Any]:
    if number == 1:
        return lambda g, out, *args, **settings: g
    if number == -1:
        return lambda g, out, *args, **settings: -g
    if number == 0:  # not g * 0: that is NaN where g is infinite
        return _zeros_like
    return lambda g, out, *args, **settings: g * number


def _zeros_like(g: Any, out: Any, *args: Any, **settings: Any) -> Any:
    from weft.ops.filled_like import zeros_like

    return zeros_like(g)


def _vjp(name: str, scaled: Sequence[Any]) -> Callable[..., tuple[Any, ...]]:
    slopes: list[Any] = [None if s is None else Slope(name, s) for s in scaled]

    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> tuple[Any, ...]:
        cotangents: list[Any] = []
        for i, scale in enumerate(scaled):
            if not needs[i] or scale is None:
                cotangents.append(None)
                continue
            partial = getattr(scale, "partial", None)
            if partial is not None and g._data.dtype.kind == "c":
                # The cotangent of a holomorphic function is g times the conjugate derivative.
                value = partial(out, *args, **params)
                ct = g * (value.conj() if isinstance(value, Tensor) else value.conjugate())
            else:
                ct = slopes[i](g, out, args, params)
                if ct is None:
                    ct = scale(g, out, *args, **params)
            cotangents.append(sum_to(ct, shape_of(args[i])))
        return tuple(cotangents)

    return vjp


def _jvp(scaled: Sequence[Any]) -> Callable[..., Any]:
    def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
        total = None
        for t, scale in zip(tangents, scaled, strict=True):
            if t is None or scale is None:
                continue
            term = scale(t, out, *args, **params)
            total = term if total is None else total + term
        return None if total is None else expand_to(total, out.shape)

    return jvp


def _batch(name: str) -> Callable[..., Any]:
    def batch(size: int, batched: Sequence[bool], *args: Any, **params: Any) -> Any:
        """Align ranks: a batched argument gets ones between its batch axis and its own axes."""
        rank = max(
            a.ndim - bool(b) for a, b in zip(args, batched, strict=True) if isinstance(a, Tensor)
        )
        aligned = []
        for a, b in zip(args, batched, strict=True):
            if b and a.ndim - 1 < rank:
                own = tuple(a.shape[1:])
                a = a.reshape((a.shape[0], *(1,) * (rank - len(own)), *own))
            aligned.append(a)
        return apply(catalogue.ops[name], tuple(aligned), params)

    return batch


# --- calling -----------------------------------------------------------------------------------


def _promoting(
    op: Op, name: str, computed: Callable[..., Any], exempt: frozenset[int], numbers: bool
) -> Callable[..., Any]:
    """Return ``run(args, params)``: promote the arguments to one dtype, then dispatch."""

    def run(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        args = tuple(
            a.item() if isinstance(a, np.generic) else a for a in args
        )  # a NumPy scalar counts as the Python number it is
        for i, a in enumerate(args):
            if a is not None and not isinstance(a, Tensor) and type(a) not in _SCALARS:
                return _refuse(name, args, i)
        tensors = [a for a in args if isinstance(a, Tensor)]
        if not tensors:
            return _refuse(name, args, 0)
        if flags.rank:
            guard(name, args)
        compute = computed(args)
        integral = compute.category < 2
        ready = []
        for i, a in enumerate(args):
            if i in exempt:
                pass
            elif isinstance(a, Tensor):
                if a._data.dtype is not compute.numpy and a._data.dtype != compute.numpy:
                    a = _convert(a, compute)
            elif a is not None and (integral or not numbers):
                number = asarray(a).astype(compute.numpy)  # wraps round, as in C and PyTorch
                a = wrap(placed(number, device_of(tensors[0])) if by_array else number)
            ready.append(a)
        try:
            return apply(op, tuple(ready), params)
        except DeviceError:  # a 0-d tensor on the CPU goes with those of any device
            from weft.ops.transfer import together

            gathered = together(tuple(ready))
            if gathered is None:
                raise
            return apply(op, gathered, params)

    return run


def or_decline(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run`` for an operator's second operand: NotImplemented for one it does not know."""

    def checked(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        x, other = args
        if isinstance(other, ndarray):
            other = wrap(other)
        return run((x, other), params) if isinstance(other, _OPERANDS) else NotImplemented

    return checked


def _convert(x: Tensor, dtype: dtypes.dtype) -> Tensor:
    from weft.ops.casting import convert

    return convert(x, dtype=dtype)


def _refuse(name: str, args: tuple[Any, ...], position: int) -> Any:
    bad = args[position]
    text = repr(bad)
    raise TypeError(
        f"{name}: expected a weft.Tensor or a number as argument {position + 1}, got "
        f"{type(bad).__name__} {text if len(text) < 60 else text[:57] + '...'}; "
        f"at least one must be a tensor; make one with weft.tensor(...)"
    )


def _unary(op: Op, formula: Any, compiled: Compiled, run: Any) -> Callable[..., Any]:
    """Return the function of one array, with a short path for plain float32 and float64."""
    on_32: Any = None
    on_64: Any = None
    records = op.records
    least = compiled.least

    def call(input: Any, *, out: Any = None) -> Any:
        nonlocal on_32, on_64
        if out is not None:
            return into(op.called, out, run((input,), _NONE))
        try:
            x = input._data
            dtype = x.dtype
        except AttributeError:
            return run((input,), _NONE)
        if (dtype is not _SHORT32 and dtype is not _SHORT64) or type(x) is not ndarray:
            return run((input,), _NONE)
        if on_32 is None:
            on_32, on_64 = (bare(formula, 1, d) for d in (_F32, _F64))
        data = compiled.one(x) if x.size >= least else None
        if data is None:
            before = silence()
            try:
                data = on_32(x) if dtype is _F32 else on_64(x)
            finally:
                restore(before)
        result = _new(Tensor)
        result._data = data if type(data) is ndarray else as_array(data)
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if records and input._node is not None and (not flags.any or here.grad):
            record_one(op, input, _NONE, result)
        return result

    return call


def _binary(op: Op, formula: Any, compiled: Compiled, run: Any) -> Callable[..., Any]:
    """Return the function of two arrays, with a short path for plain float32 and float64.

    A Python float or int beside such an array takes it too: it changes no floating dtype.
    """
    kernel: Any = None
    records = op.records
    least = compiled.least

    def call(input: Any, other: Any, *, out: Any = None) -> Any:
        nonlocal kernel
        if out is not None:
            return into(op.called, out, run((input, other), _NONE))
        try:
            x = input._data
            dtype = x.dtype
        except AttributeError:
            return run((input, other), _NONE)
        if (dtype is not _SHORT32 and dtype is not _SHORT64) or type(x) is not ndarray:
            return run((input, other), _NONE)
        kind = type(other)
        if kind is float or kind is int:
            y = other
            record = input._node is not None
        else:
            try:
                y = other._data
                if y.dtype is not dtype or type(y) is not ndarray or flags.rank:
                    return run((input, other), _NONE)
            except AttributeError:
                return run((input, other), _NONE)
            record = input._node is not None or other._node is not None
        if kernel is None:
            kernel = bare(formula, 2, None)
        data = None
        if x.size >= least or (kind is not float and kind is not int and y.size >= least):
            try:
                data = compiled(x, y)
            except ValueError as error:
                raise explain(op, [x, y], _NONE, error) from None
        if data is None:
            before = silence()
            try:
                data = kernel(x, y)
            except ValueError as error:
                raise explain(op, [x, y], _NONE, error) from None
            except OverflowError:  # an int beyond what the dtype holds
                return run((input, float(other)), _NONE)
            finally:
                restore(before)
        result = _new(Tensor)
        result._data = data if type(data) is ndarray else as_array(data)
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if record and records and (not flags.any or here.grad):
            record_two(op, input, other, result)
        return result

    return call


def declining(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the operator of a function of two: foreign operands get their own say.

    For an elementwise op the short path is in the operator itself, not behind one more call.
    """
    made: Callable[..., Any] | None = getattr(function, "operator", None)
    if made is not None:
        return made
    checked = or_decline(lambda args, params: function(*args))

    def operator(self: Any, other: Any) -> Any:
        return checked((self, other), _NONE)

    return operator
