"""Bessel functions of order 0 and 1, plain and spherical."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.samples import Sample, array, uniform
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise


def over(value: Any, x: Any, at_zero: float) -> Any:
    """Return value / x, and its limit where x is 0: no gradient must flow through 0 / 0."""
    from weft.ops.comparison import where

    return where(x == 0, at_zero, value / where(x == 0, 1.0, x))


@elementwise(
    partials=[lambda out, x: -bessel_j1(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-6, 6),
)
def bessel_j0(xp: Any, x: Any) -> Any:
    """Bessel function of the first kind of order 0.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [-0.41, 1]: the solution of x^2 y'' + x y' + x^2 y = 0 that is 1 at 0.
        NaN at the infinities, as in PyTorch.
    """
    return xp.j0(x)


@elementwise(
    partials=[lambda out, x: bessel_j0(x) - over(out, x, 0.5)],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-6, 6),
)
def bessel_j1(xp: Any, x: Any) -> Any:
    """Bessel function of the first kind of order 1.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [-0.59, 0.59]: the solution of x^2 y'' + x y' + (x^2 - 1) y = 0 that is
        finite at 0. NaN at the infinities, as in PyTorch.
    """
    return xp.j1(x)


@elementwise(
    partials=[lambda out, x: -bessel_y1(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 6),
)
def bessel_y0(xp: Any, x: Any) -> Any:
    """Bessel function of the second kind of order 0.

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...); -inf at 0, NaN below and at infinity.
    """
    return xp.y0(x)


@elementwise(
    partials=[lambda out, x: bessel_y0(x) - out / x],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 6),
)
def bessel_y1(xp: Any, x: Any) -> Any:
    """Bessel function of the second kind of order 1.

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...); -inf at 0, NaN below and at infinity.
    """
    return xp.y1(x)


@elementwise(
    partials=[lambda out, x, *, order: sine_quotient(x, order=order + 1)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, low=-0.9, high=0.9), order=0),
        Sample(array(4, low=1.5, high=6.0), order=1),
        Sample(array(4, low=-0.9, high=0.9), order=1),
        Sample(array(4, low=-6.0, high=6.0), order=3),
    ),
)
def sine_quotient(xp: Any, x: Any, *, order: int) -> Any:
    """The derivative of some order of sin(x) / x, accurate near 0.

    Args:
        input: (...), real.
        order: how often it is differentiated.

    Returns:
        Tensor: (...).
    """
    # The derivatives f_m satisfy x f_m + m f_(m-1) = sin(x + m pi / 2), which loses digits for
    # small x; there the power series is summed.
    near = xp.maximum(1.0, order)
    inside = xp.abs(x) < near
    small = xp.where(inside, x, 0.0)
    series = xp.zeros_like(x)
    first = (order + 1) // 2
    for k in range(first, first + 12 + 2 * order):
        scale = (-1) ** k / (math.factorial(2 * k - order) * (2 * k + 1))
        series = series + scale * small ** (2 * k - order)
    large = xp.where(inside, 1.0, x)
    value = xp.sin(large) / large
    for m in range(1, order + 1):
        value = (xp.sin(large + m * (math.pi / 2)) - m * value) / large
    return xp.where(inside, series, xp.where(xp.isinf(x), 0.0, value))


@composite(
    samples=(
        Sample(array(2, 3, low=-6.0, high=6.0)),
        Sample(array(2, low=-0.4, high=0.4)),
        Sample(array()),
        Sample(array(0, 2)),
    ),
    namespaces=catalogue.SPECIAL,
    out=True,
)
def spherical_bessel_j0(input: Tensor) -> Tensor:
    """Spherical Bessel function of the first kind of order 0: sin(x) / x.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [-0.22, 1]; 1 at 0, and 0 at both infinities. Every derivative is
        accurate at 0 too.
    """
    out: Tensor = sine_quotient(input, order=0)
    return out
