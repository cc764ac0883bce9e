"""Quotients, rounded quotients and remainders."""

from __future__ import annotations

import math
from typing import Any

from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers, uniforms
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_MISFIT = (
    ErrorSample(array(2, 3), array(2, 4), error=ValueError, match="do not broadcast"),
    ErrorSample(array(2), "1", error=TypeError, match="expected a weft.Tensor or a number"),
)
_BY_ZERO = (
    ErrorSample(integers(2), integers(2, low=0, high=1), error=ZeroDivisionError, match="by 0"),
)


def _by_dividend(out: Any, x: Any, y: Any) -> Any:
    from weft.ops.arithmetic import reciprocal

    if isinstance(y, Tensor):
        return reciprocal(y)
    return 1 / y if y else math.copysign(math.inf, y.real)  # Python raises where arrays do not


@elementwise(
    partials=[_by_dividend, lambda out, x, y: -(x / y) / y],
    saves=("x", "y"),  # not the quotient, into which many programs write: loss /= steps
    reads={"x": ("y",), "y": ("x", "y")},
    dtype="float",
    samples=uniforms((-3, 3), (0.5, 3)),
    errors=_MISFIT,
    alone=True,
)
def true_divide(xp: Any, x: Any, y: Any) -> Any:
    """Quotient, element by element; integers give the default floating dtype.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). x/0 is inf or -inf, 0/0 is NaN.
    """
    return xp.true_divide(x, y)


def _divisible(name: str, x: Any, y: Any) -> None:
    """Refuse to divide integers by 0, for which NumPy gives 0; floats give inf or NaN."""
    if hasattr(y, "dtype") and y.dtype.kind in "iu" and x.size and not y.all():
        raise ZeroDivisionError(f"{name}: an integer cannot be divided by 0; use floats for inf")


@elementwise(
    partials=[0, 0],
    dtype="number",
    samples=uniforms((0.1, 0.4), (0.5, 3)),
    errors=_BY_ZERO,
    real=True,
    alone=True,
)
def floor_divide(xp: Any, x: Any, y: Any) -> Any:
    """Quotient rounded down.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype. The gradient is 0: it is piecewise constant.

    Raises:
        ZeroDivisionError: integers are divided by 0.
        DTypeError: both are boolean, or one is complex.
    """
    _divisible("floor_divide", x, y)
    return xp.floor_divide(x, y)


@elementwise(
    partials=[0, 0],
    dtype="number",
    samples=uniforms((0.1, 0.4), (0.5, 3)),
    errors=_BY_ZERO,
    namespaces=(),
    methods=(),
    real=True,
    called="div",
    alone=True,
)
def trunc_divide(xp: Any, x: Any, y: Any) -> Any:
    """Quotient rounded towards zero.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype. The gradient is 0: it is piecewise constant.

    Raises:
        ZeroDivisionError: integers are divided by 0.
        DTypeError: both are boolean, or one is complex.
    """
    _divisible("div", x, y)
    if not hasattr(y, "dtype") or y.dtype.kind not in "biu":
        return xp.trunc(xp.true_divide(x, y))
    # exact for large integers too, which a quotient of floats would round
    quotient = xp.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(quotient.dtype)


@elementwise(
    partials=[1, lambda g, out, x, y: -g * floor_divide(x, y)],
    saves=("x", "y"),
    dtype="number",
    samples=uniforms((-3, 3), (0.5, 3)),
    errors=_BY_ZERO,
    real=True,
)
def remainder(xp: Any, x: Any, y: Any) -> Any:
    """Remainder of floored division: it has the sign of the divisor, as Python's ``%``.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Raises:
        ZeroDivisionError: integers are divided by 0.
        DTypeError: both are boolean, or one is complex.
    """
    _divisible("remainder", x, y)
    return xp.remainder(x, y)


@elementwise(
    partials=[1, lambda g, out, x, y: -g * trunc_divide(x, y)],
    saves=("x", "y"),
    dtype="number",
    samples=uniforms((-3, 3), (0.5, 3)),
    errors=_BY_ZERO,
    real=True,
)
def fmod(xp: Any, x: Any, y: Any) -> Any:
    """Remainder of division rounded towards zero: it has the sign of the dividend, as in C.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Raises:
        ZeroDivisionError: integers are divided by 0.
        DTypeError: both are boolean, or one is complex.
    """
    _divisible("fmod", x, y)
    return xp.fmod(x, y)


@composite(
    samples=(
        Sample(array(2, 3), array(3, low=0.5, high=2.0)),
        Sample(array(2, low=0.2), 2.5, rounding_mode="floor"),
        Sample(array(2, low=-9.0, high=9.0), 2.5, rounding_mode="trunc"),
        Sample(integers(6, low=-9), -4, rounding_mode="trunc"),
        Sample(integers(6, low=-9), -4, rounding_mode="floor"),
    ),
    errors=(
        *_MISFIT,
        ErrorSample(array(2), 2, rounding_mode="up", error=ValueError, match="rounding_mode"),
        ErrorSample(
            array(2, kind="complex"),
            2,
            rounding_mode="floor",
            error=DTypeError,
            match="expected real",
        ),
        ErrorSample(integers(2), 0, rounding_mode="trunc", error=ZeroDivisionError, match="by 0"),
    ),
    aliases=("divide",),
    inplace=True,
    out=True,
)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Quotient, element by element, optionally rounded.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.
        rounding_mode: None, ``"trunc"`` (towards zero) or ``"floor"`` (down).

    Returns:
        Tensor: (...). Unrounded, integers give the default floating dtype; rounded, they stay
        integers and the gradient is 0.

    Raises:
        ValueError: another rounding mode.
        DTypeError: a complex quotient is to be rounded.
        ZeroDivisionError: integers are divided by 0 and rounded.
        ShapeError: the shapes do not broadcast.
    """
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise ValueError(
            f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}"
        )
    return (floor_divide if rounding_mode == "floor" else trunc_divide)(input, other)
