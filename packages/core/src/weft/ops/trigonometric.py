"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

import math
from typing import Any

from weft._core.samples import uniform, uniforms
from weft.ops.comparison import where
from weft.ops.exponential import rsqrt
from weft.ops.families.elementwise import elementwise


@elementwise(partials=[lambda out, x: cos(x)], saves=("x",), dtype="float", samples=uniform(-3, 3))
def sin(xp: Any, x: Any) -> Any:
    """Sine of an angle in radians.

    Args:
        input: (...).

    Returns:
        Tensor: (...), in [-1, 1].
    """
    return xp.sin(x)


@elementwise(partials=[lambda out, x: -sin(x)], saves=("x",), dtype="float", samples=uniform(-3, 3))
def cos(xp: Any, x: Any) -> Any:
    """Cosine of an angle in radians.

    Args:
        input: (...).

    Returns:
        Tensor: (...), in [-1, 1].
    """
    return xp.cos(x)


@elementwise(
    partials=[lambda out, x: 1 + out * out], saves=("out",), dtype="float", samples=uniform(-1, 1)
)
def tan(xp: Any, x: Any) -> Any:
    """Tangent of an angle in radians.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.tan(x)


@elementwise(
    partials=[lambda out, x: rsqrt(1 - x * x)],
    saves=("x",),
    dtype="float",
    samples=uniform(-0.8, 0.8),
    aliases=("arcsin",),
)
def asin(xp: Any, x: Any) -> Any:
    """Inverse sine, in radians.

    Args:
        input: (...), in [-1, 1].

    Returns:
        Tensor: (...), in [-pi/2, pi/2]; NaN outside the domain.
    """
    return xp.arcsin(x)


@elementwise(
    partials=[lambda out, x: -rsqrt(1 - x * x)],
    saves=("x",),
    dtype="float",
    samples=uniform(-0.8, 0.8),
    aliases=("arccos",),
)
def acos(xp: Any, x: Any) -> Any:
    """Inverse cosine, in radians.

    Args:
        input: (...), in [-1, 1].

    Returns:
        Tensor: (...), in [0, pi]; NaN outside the domain.
    """
    return xp.arccos(x)


@elementwise(
    partials=[lambda out, x: 1 / (1 + x * x)],
    saves=("x",),
    dtype="float",
    samples=uniform(-3, 3),
    aliases=("arctan",),
)
def atan(xp: Any, x: Any) -> Any:
    """Inverse tangent, in radians.

    Args:
        input: (...).

    Returns:
        Tensor: (...), in [-pi/2, pi/2].
    """
    return xp.arctan(x)


def _over_square(part: Any, x: Any, y: Any) -> Any:
    """Return part / (x ** 2 + y ** 2), and 0 in the origin, where PyTorch's gradient is 0 too."""
    square = x * x + y * y
    return where(square == 0, 0.0, part / where(square == 0, 1.0, square))


@elementwise(
    partials=[
        lambda out, x, y: _over_square(y, x, y),
        lambda out, x, y: _over_square(-x, x, y),
    ],
    saves=("x", "y"),
    dtype="float",
    samples=uniforms((0.3, 2), (-2, 2)),
    aliases=("arctan2",),
    real=True,
)
def atan2(xp: Any, x: Any, y: Any) -> Any:
    """Angle of the point (other, input) from the positive axis, in radians.

    Args:
        input: (...), the ordinate.
        other: the abscissa, which broadcasts with it.

    Returns:
        Tensor: (...), in [-pi, pi].
    """
    return xp.arctan2(x, y)


@elementwise(partials=[lambda out, x: cosh(x)], saves=("x",), dtype="float", samples=uniform(-3, 3))
def sinh(xp: Any, x: Any) -> Any:
    """Hyperbolic sine.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.sinh(x)


@elementwise(partials=[lambda out, x: sinh(x)], saves=("x",), dtype="float", samples=uniform(-3, 3))
def cosh(xp: Any, x: Any) -> Any:
    """Hyperbolic cosine.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.cosh(x)


@elementwise(
    partials=[lambda out, x: 1 - out * out], saves=("out",), dtype="float", samples=uniform(-3, 3)
)
def tanh(xp: Any, x: Any) -> Any:
    """Hyperbolic tangent.

    Args:
        input: (...).

    Returns:
        Tensor: (...), in [-1, 1].
    """
    return xp.tanh(x)


@elementwise(
    partials=[lambda out, x: rsqrt(x * x + 1)],
    saves=("x",),
    dtype="float",
    samples=uniform(-3, 3),
    aliases=("arcsinh",),
)
def asinh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic sine.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.arcsinh(x)


@elementwise(
    # not of x * x - 1, whose root is of the wrong sign on half of the complex plane
    partials=[lambda out, x: rsqrt(x - 1) * rsqrt(x + 1)],
    saves=("x",),
    dtype="float",
    samples=uniform(1.2, 3),
    aliases=("arccosh",),
)
def acosh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic cosine.

    Args:
        input: (...), at least 1.

    Returns:
        Tensor: (...), not negative; NaN below 1. The gradient at 1 is inf.
    """
    return xp.arccosh(x)


@elementwise(
    partials=[lambda out, x: 1 / (1 - x * x)],
    saves=("x",),
    dtype="float",
    samples=uniform(-0.8, 0.8),
    aliases=("arctanh",),
)
def atanh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic tangent.

    Args:
        input: (...), in [-1, 1].

    Returns:
        Tensor: (...); infinite at the ends, NaN beyond.
    """
    return xp.arctanh(x)


# --- degrees, and the cardinal sine ------------------------------------------------------------


@elementwise(
    partials=[math.pi / 180],
    dtype="float",
    samples=uniform(-360, 360),
    real=True,
)
def deg2rad(xp: Any, x: Any) -> Any:
    """Degrees to radians.

    Args:
        input: (...), real, in degrees.

    Returns:
        Tensor: (...), in radians.
    """
    return x * (math.pi / 180)


@elementwise(
    partials=[180 / math.pi],
    dtype="float",
    samples=uniform(-3, 3),
    real=True,
)
def rad2deg(xp: Any, x: Any) -> Any:
    """Radians to degrees.

    Args:
        input: (...), real, in radians.

    Returns:
        Tensor: (...), in degrees.
    """
    return x * (180 / math.pi)


def _sinc_slope(out: Any, x: Any) -> Any:
    flat = x == 0
    return where(flat, 0.0, (cos(x * math.pi) - sinc(x)) / where(flat, 1.0, x))


@elementwise(
    partials=[_sinc_slope],
    saves=("x",),
    dtype="float",
    samples=uniform(0.2, 3),
    aliases=("special.sinc",),
)
def sinc(xp: Any, x: Any) -> Any:
    """Normalised cardinal sine: sin(pi x) / (pi x), and 1 at 0.

    Args:
        input: (...).

    Returns:
        Tensor: (...). The gradient at 0 is 0.
    """
    turned = x * math.pi
    return xp.where(turned == 0, 1.0, xp.sin(turned) / turned)
