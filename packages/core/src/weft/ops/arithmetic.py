"""Sums, products, quotients, remainders, powers and signs."""

from __future__ import annotations

from typing import Any

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


@elementwise(partials=[1, 1], samples=uniform(-3, 3), errors=_MISFIT, namespaces=(), methods=())
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
    samples=uniform(-3, 3),
    errors=_MISFIT,
    methods=("mul", "multiply"),
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


@elementwise(
    partials=[
        lambda out, x, y: reciprocal(y) if isinstance(y, Tensor) else 1 / y,
        lambda out, x, y: -out / y,
    ],
    saves=("y", "out"),
    dtype="float",
    samples=uniforms((-3, 3), (0.5, 3)),
    errors=_MISFIT,
    methods=("true_divide",),
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
    partials=[lambda g, out, x, y: g * 0, lambda g, out, x, y: g * 0],
    samples=uniforms((0.1, 0.4), (0.5, 3)),
    errors=(
        ErrorSample(integers(2), integers(2, low=0, high=1), error=ZeroDivisionError, match="by 0"),
    ),
    methods=("floor_divide",),
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
    """
    _divisible("floor_divide", x, y)
    return xp.floor_divide(x, y)


@elementwise(
    partials=[1, lambda g, out, x, y: -g * floor_divide(x, y)],
    saves=("x", "y"),
    samples=uniforms((-3, 3), (0.5, 3)),
    methods=("remainder",),
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
    """
    _divisible("remainder", x, y)
    return xp.remainder(x, y)


@elementwise(
    partials=[1, lambda g, out, x, y: -g * trunc_quotient(x, y)],
    saves=("x", "y"),
    samples=uniforms((-3, 3), (0.5, 3)),
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
    """
    _divisible("fmod", x, y)
    return xp.fmod(x, y)


def trunc_quotient(x: Any, y: Any) -> Any:
    """Return x/y rounded towards zero."""
    from weft.ops.rounding import trunc

    return trunc(x / y)


@composite(
    samples=(
        Sample(array(2, 3), array(3)),
        Sample(array(2), array(2), alpha=2.5),
        Sample(integers(2, 3), 2, alpha=3),
        Sample(array(2), 1.5),
    ),
    errors=_MISFIT,
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
    """
    return plus(input, other if alpha == 1 else other * alpha)


@composite(
    samples=(Sample(array(2, 3), array(3)), Sample(array(2), 1.5, alpha=2)),
    errors=(
        *_MISFIT,
        ErrorSample(booleans(2), booleans(2), error=DTypeError, match="logical_xor"),
    ),
    methods=("sub", "subtract"),
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
        DTypeError: both are boolean.
    """
    return minus(input, other if alpha == 1 else other * alpha)


@composite(
    samples=(
        Sample(array(2, 3), array(3, low=0.5, high=2.0)),
        Sample(array(2, low=0.2), 2.5, rounding_mode="floor"),
        Sample(array(2, low=-9.0, high=9.0), 2.5, rounding_mode="trunc"),
    ),
    errors=(ErrorSample(array(2), 2, rounding_mode="up", error=ValueError, match="rounding_mode"),),
    methods=("div", "divide"),
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
        Tensor: (...). Unrounded, integers give the default floating dtype.

    Raises:
        ValueError: another rounding mode.
    """
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        out = trunc_quotient(input, other)
        whole = all(
            not (v.dtype.is_floating_point or v.dtype.is_complex)
            if isinstance(v, Tensor)
            else isinstance(v, int)
            for v in (input, other)
        )
        return out.to(input.dtype if isinstance(input, Tensor) else other.dtype) if whole else out
    raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")


@elementwise(partials=[-1], samples=uniform(-3, 3), dtype="number", methods=("neg",))
def neg(xp: Any, x: Any) -> Any:
    """Negation.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.negative(x)


def _abs_scale(g: Any, out: Any, x: Any) -> Any:
    if not x.dtype.is_complex:
        return g * sign(x)
    from weft.ops.comparison import where

    unit = where(out == 0, 0.0, x / where(out == 0, 1.0, out))
    return g * unit if not g.dtype.is_complex else (g * unit.conj()).real


@elementwise(
    partials=[_abs_scale],
    saves=("x", "out"),
    dtype="real",
    samples=uniforms((0.2, 3)),
    methods=("abs", "absolute"),
)
def abs(xp: Any, x: Any) -> Any:
    """Absolute value; of a complex number, its modulus.

    Args:
        input: (...).

    Returns:
        Tensor: (...), real. The gradient at 0 is 0.
    """
    return xp.abs(x)


@elementwise(partials=[lambda g, out, x: g * 0], samples=uniforms((0.2, 3)), dtype="number")
def sign(xp: Any, x: Any) -> Any:
    """-1, 0 or 1, as the element is negative, zero or positive.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.sign(x)


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


@elementwise(partials=[lambda out, x: 2 * x], saves=("x",), samples=uniform(-3, 3), dtype="number")
def square(xp: Any, x: Any) -> Any:
    """The element times itself.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.square(x)


def _power_by_base(out: Any, x: Any, y: Any) -> Any:
    if not isinstance(y, Tensor):
        return 0 if y == 0 else y * power(x, y - 1)
    from weft.ops.comparison import where

    # 0 ** (0 - 1) is inf; its factor 0 must make 0 of it, not NaN
    return where(y == 0, 0.0, y * power(x, where(y == 0, 1.0, y - 1)))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    from weft.ops.comparison import where
    from weft.ops.exponential import log

    if not isinstance(x, Tensor):
        return out * log(out.new_tensor(x))
    # 0 ** y is flat for positive y; log 0 would make NaN of it
    return where((x == 0) & (y >= 0), 0.0, out * log(where(x == 0, 1.0, x)))


@elementwise(
    partials=[_power_by_base, _power_by_exponent],
    saves=("x", "y", "out"),
    samples=uniforms((0.3, 3), (-2, 2)),
    methods=("pow",),
    namespaces=(),
)
def power(xp: Any, x: Any, y: Any) -> Any:
    """Base to the power of an exponent, element by element.

    Args:
        input: (...), the base, a tensor or a number.
        other: the exponent, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). A negative base gives NaN for a fractional exponent.
    """
    if getattr(getattr(x, "dtype", None), "kind", "") == "b":  # NumPy would make int8 of it
        return x | ~y
    return xp.power(x, y)


@composite(
    samples=(
        Sample(array(2, 3, low=0.3, high=2.0), 2),
        Sample(array(2, low=0.3, high=2.0), array(2)),
        Sample(2.0, array(3)),
        Sample(array(3), 3),
        Sample(array(3, low=0.3), -0.5),
    ),
    methods=(),
    out=True,
)
def pow(input: Any, exponent: Any) -> Any:
    """Base to the power of an exponent, element by element.

    Args:
        input: (...), the base, a tensor or a number.
        exponent: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). A negative base gives NaN for a fractional exponent.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return power(input, exponent)
