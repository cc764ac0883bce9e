"""Sums, products, negation, absolute values, reciprocals and squares."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.samples import (
    ErrorSample,
    Sample,
    array,
    booleans,
    integers,
    uniform,
    uniforms,
)
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_MISFIT = (
    ErrorSample(array(2, 3), array(2, 4), error=ValueError, match="do not broadcast"),
    ErrorSample(array(2), "1", error=TypeError, match="expected a weft.Tensor or a number"),
)


@elementwise(
    partials=[1, 1],
    samples=uniform(-3, 3),
    errors=_MISFIT,
    namespaces=(),
    methods=(),
    called="add",
    alone=True,
)
def plus(xp: Any, x: Any, y: Any) -> Any:
    """Sum, element by element: the operator ``+``.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.add(x, y)


@elementwise(
    partials=[1, -1],
    samples=uniform(-3, 3),
    errors=_MISFIT,
    namespaces=(),
    methods=(),
    dtype="number",
    called="sub",
    alone=True,
)
def minus(xp: Any, x: Any, y: Any) -> Any:
    """Difference, element by element: the operator ``-``.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.subtract(x, y)


@elementwise(
    partials=[lambda out, x, y: y, lambda out, x, y: x],
    saves=("x", "y"),
    reads={"x": ("y",), "y": ("x",)},
    samples=uniform(-3, 3),
    errors=_MISFIT,
    aliases=("multiply",),
    alone=True,
)
def mul(xp: Any, x: Any, y: Any) -> Any:
    """Product, element by element.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Example:
        >>> weft.mul(weft.tensor([1.0, 2.0]), 3.0)
        tensor([3., 6.])
    """
    return xp.multiply(x, y)


def _multiple(name: str, input: Any, other: Any, alpha: Any) -> Any:
    """Return alpha times other in the dtype that input and other give, if that can hold alpha."""
    wanted = dtypes.result_type(input, other)
    if dtypes.scalar_dtype(alpha).category > max(wanted.category, 1):
        raise DTypeError(
            f"{name}: alpha must be a number that {wanted} can hold, as the result is of that "
            f"dtype, got {alpha!r}"
        )
    if not isinstance(other, Tensor):
        return bool(other * alpha) if wanted is dtypes.bool_ else other * alpha
    if wanted is dtypes.bool_:
        return (other * alpha).to(wanted)
    return (other.to(wanted) if other.dtype.category < wanted.category else other) * alpha


@composite(
    samples=(
        Sample(array(2, 3), array(3)),
        Sample(array(2), array(2), alpha=2.5),
        Sample(integers(2, 3), 2, alpha=3),
        Sample(array(2), 1.5),
        Sample(booleans(4), booleans(4), alpha=2),
    ),
    errors=(
        *_MISFIT,
        ErrorSample(integers(2), integers(2), alpha=0.5, error=DTypeError, match="can hold"),
    ),
    inplace=True,
    out=True,
)
def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Sum of one tensor and a multiple of another.

    .. math:: input + alpha \\cdot other

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.
        alpha: the multiple.

    Returns:
        Tensor: (...).

    Raises:
        ShapeError: the shapes do not broadcast.
        DTypeError: alpha is floating and the tensors are not.
    """
    return plus(input, other if alpha == 1 else _multiple("add", input, other, alpha))


@composite(
    samples=(Sample(array(2, 3), array(3)), Sample(array(2), 1.5, alpha=2)),
    errors=(
        *_MISFIT,
        ErrorSample(booleans(2), booleans(2), error=DTypeError, match="logical_xor"),
        ErrorSample(integers(2), integers(2), alpha=0.5, error=DTypeError, match="can hold"),
    ),
    aliases=("subtract",),
    inplace=True,
    out=True,
)
def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Difference of one tensor and a multiple of another.

    .. math:: input - alpha \\cdot other

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.
        alpha: the multiple.

    Returns:
        Tensor: (...).

    Raises:
        ShapeError: the shapes do not broadcast.
        DTypeError: both are boolean, or alpha is floating and the tensors are not.
    """
    return minus(input, other if alpha == 1 else _multiple("sub", input, other, alpha))


@composite(
    samples=(
        Sample(array(2, 3), array(3)),
        Sample(array(2), 1.5, alpha=2),
        Sample(integers(2), 3),
    ),
    errors=(
        *_MISFIT,
        ErrorSample(booleans(2), booleans(2), error=DTypeError, match="logical_xor"),
    ),
    methods=(),
)
def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Difference the other way round: a tensor or number less a multiple of a tensor.

    .. math:: other - alpha \\cdot input

    Args:
        input: (...), a tensor or a number; what is subtracted.
        other: a tensor or a number that broadcasts with it; from what.
        alpha: the multiple.

    Returns:
        Tensor: (...).

    Raises:
        ShapeError: the shapes do not broadcast.
        DTypeError: both are boolean, or alpha is floating and the tensors are not.
    """
    return sub(other, input, alpha=alpha)


@elementwise(partials=[-1], samples=uniform(-3, 3), dtype="number", aliases=("negative",))
def neg(xp: Any, x: Any) -> Any:
    """Negation.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.negative(x)


@composite(
    samples=(Sample(array(2, 3)), Sample(integers(3))),
    errors=(ErrorSample(booleans(2), error=DTypeError, match="positive: boolean tensors"),),
)
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself: the operator ``+``.

    Args:
        input: (...), of numbers.

    Returns:
        Tensor: input.

    Raises:
        DTypeError: input is boolean.
    """
    if input.dtype is dtypes.bool_:
        raise DTypeError(
            "positive: boolean tensors are not numbers here; convert with .to(weft.int64)"
        )
    return input


def _abs_scale(g: Any, out: Any, x: Any) -> Any:
    from weft.ops.comparison import where
    from weft.ops.signs import sign

    if not x.dtype.is_complex:
        return g * sign(x)

    size = abs(x)
    unit = where(size == 0, 0.0, x / where(size == 0, 1.0, size))
    return g * unit if not g.dtype.is_complex else (g * unit.conj()).real


@elementwise(
    partials=[_abs_scale],
    saves=("x",),
    dtype="real",
    samples=uniforms((0.2, 3)),
    aliases=("absolute",),
)
def abs(xp: Any, x: Any) -> Any:
    """Absolute value; of a complex number, its modulus.

    Args:
        input: (...).

    Returns:
        Tensor: (...), real. The gradient at 0 is 0.
    """
    return xp.abs(x)


@elementwise(
    partials=[lambda out, x: -out * out], saves=("out",), dtype="float", samples=uniform(0.5, 3)
)
def reciprocal(xp: Any, x: Any) -> Any:
    """One divided by the element.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return 1 / x


@elementwise(partials=[lambda out, x: 2 * x], saves=("x",), samples=uniform(-3, 3), dtype="integer")
def square(xp: Any, x: Any) -> Any:
    """The element times itself.

    Args:
        input: (...).

    Returns:
        Tensor: (...); int64 of booleans.
    """
    return xp.square(x)
