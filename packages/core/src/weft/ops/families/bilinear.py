"""Bilinear ops: kernel, shape, two transposes, and how batch axes align."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._core import catalogue
from weft._core.dispatch import apply, explain, record_two
from weft._core.inference import born
from weft._core.kernels import bind
from weft._core.modes import flags, here
from weft._core.op import Op
from weft._core.out import into
from weft._core.public import build, kernel_signature
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft._core.watching import short_path
from weft.ops.families.batching import loop
from weft.ops.families.elementwise_calls import or_decline
from weft.ops.families.promotion import promoted

Rule = Callable[..., Any]

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
# What the short path takes. Both are None while it is closed.
_SHORT32, _SHORT64 = _F32, _F64
short_path(globals(), "_SHORT32", "_SHORT64")
_NONE: dict[str, Any] = {}  # the settings of ops that have none; never written to
_new = Tensor.__new__


def bilinear(
    *,
    shape: Rule,
    transposes: Sequence[Rule],
    samples: Iterable[Sample],
    batch: Rule | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = False,
    out: bool | None = None,
) -> Callable[[Rule], Callable[..., Tensor]]:
    """Make an op of two arrays that is linear in each.

    Args:
        shape: ``shape(x, y, **params)`` on avals.
        transposes: ``(to_x, to_y)``: ``to_x(g, x, y, **params)`` is the cotangent of x, where only
            x's shape and dtype may be read, and ``to_y`` likewise.
        samples: argument lists for the generated tests.
        batch: the batching rule; None runs the op once per entry.
        canonical: makes settings canonical.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``; by default it does.
    """
    to_x, to_y = transposes

    def vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, **params: Any) -> tuple[Any, Any]:
        return (
            to_x(g, x, _conjugate(y), **params) if needs[0] else None,
            to_y(g, _conjugate(x), y, **params) if needs[1] else None,
        )

    def decorate(kernel: Rule) -> Callable[..., Tensor]:
        name = catalogue.key_of(kernel.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=True)

        def jvp(tangents: Any, out: Any, x: Any, y: Any, **params: Any) -> Any:
            first = None if tangents[0] is None else apply(op, (tangents[0], y), params)
            second = None if tangents[1] is None else apply(op, (x, tangents[1]), params)
            if first is None or second is None:
                return second if first is None else first
            return first + second

        op = Op(
            name,
            "bilinear",
            kernel=kernel,
            shape=shape,
            vjp=vjp,
            jvp=jvp,
            batch=loop(name) if batch is None else batch,
            saves=(0, 1),
            reads=((1,), (0,)),
            widen=True,
            kernels=bind(kernel, shape, widen=True),
        )

        def run(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
            try:
                alike = args[0]._data.dtype is args[1]._data.dtype
            except AttributeError:
                alike = False
            return apply(op, args if alike else promoted(name, args), params)

        _, _, settings = kernel_signature(kernel)
        if settings:
            function = build(
                name, kernel, run, canonical=canonical,
                numpy_spellings=bool(namespaces), out=has_out,
            )  # fmt: skip
        else:
            function = _short(op, run)
        return catalogue.enter(
            function,
            op,
            source=kernel,
            samples=samples,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=has_out,
        )

    return decorate


def _short(op: Op, run: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of an op without settings, with a short path for plain floats.

    Its operator has that path in itself too, so that no call is added.
    """
    function = _short_or(op, run)
    function.__dict__["operator"] = _short_or(op, or_decline(run))
    return function


def _short_or(op: Op, run: Callable[..., Any]) -> Callable[..., Any]:
    kernels = op.kernels

    def call(input: Any, other: Any, *, out: Any = None) -> Any:
        if out is not None:
            return into(op.name, out, run((input, other), _NONE))
        try:
            x = input._data
            y = other._data
            dtype = x.dtype
            alike = y.dtype is dtype and (dtype is _SHORT32 or dtype is _SHORT64)
        except AttributeError:
            return run((input, other), _NONE)
        if not alike or type(x) is not ndarray or type(y) is not ndarray:
            return run((input, other), _NONE)
        try:
            data = kernels[ndarray](x, y)
        except ValueError as error:
            raise explain(op, [x, y], _NONE, error) from None
        result = _new(Tensor)
        result._data = data
        result._node = result._version = result._extra = None
        if flags.inference:
            born(result)
        if (input._node is not None or other._node is not None) and (not flags.any or here.grad):
            record_two(op, input, other, result)
        return result

    return call


def _conjugate(x: Any) -> Any:
    return x.conj() if x.dtype.is_complex else x
