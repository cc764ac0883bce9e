"""Exponentials, logarithms and roots."""

from __future__ import annotations

import math
from typing import Any

from weft._core.samples import uniform
from weft.ops.comparison import eq, where
from weft.ops.families.elementwise import elementwise


@elementwise(partials=[lambda out, x: out], saves=("out",), dtype="float", samples=uniform(-3, 3))
def exp(xp: Any, x: Any) -> Any:
    """e to the power of the element.

    Args:
        input: (...).

    Returns:
        Tensor: (...); inf on overflow.
    """
    return xp.exp(x)


@elementwise(
    partials=[lambda out, x: out + 1],
    saves=("out",),
    dtype="float",
    samples=uniform(-3, 3),
    aliases=("special.expm1",),
)
def expm1(xp: Any, x: Any) -> Any:
    """e to the power of the element, less 1, accurate near 0.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.expm1(x)


@elementwise(
    partials=[lambda out, x: out * 0.6931471805599453],
    saves=("out",),
    dtype="float",
    samples=uniform(-3, 3),
    aliases=("special.exp2",),
)
def exp2(xp: Any, x: Any) -> Any:
    """2 to the power of the element.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    if x.dtype.kind == "c":  # for which neither library has the function
        return xp.exp(x * math.log(2))
    return xp.exp2(x)


@elementwise(partials=[lambda out, x: 1 / x], saves=("x",), dtype="float", samples=uniform(0.2, 3))
def log(xp: Any, x: Any) -> Any:
    """Natural logarithm.

    Args:
        input: (...).

    Returns:
        Tensor: (...); -inf at 0, NaN below.
    """
    return xp.log(x)


@elementwise(
    partials=[lambda out, x: 1 / (x + 1)],
    saves=("x",),
    dtype="float",
    samples=uniform(-0.8, 3),
    aliases=("special.log1p",),
)
def log1p(xp: Any, x: Any) -> Any:
    """Natural logarithm of 1 plus the element, accurate near 0.

    Args:
        input: (...).

    Returns:
        Tensor: (...); -inf at -1, NaN below.
    """
    return xp.log1p(x)


@elementwise(
    partials=[lambda out, x: 1.4426950408889634 / x],
    saves=("x",),
    dtype="float",
    samples=uniform(0.2, 3),
)
def log2(xp: Any, x: Any) -> Any:
    """Logarithm to base 2.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    if x.dtype.kind == "c":
        return xp.log(x) * (1 / math.log(2))
    return xp.log2(x)


@elementwise(
    partials=[lambda out, x: 0.4342944819032518 / x],
    saves=("x",),
    dtype="float",
    samples=uniform(0.2, 3),
)
def log10(xp: Any, x: Any) -> Any:
    """Logarithm to base 10.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.log10(x)


@elementwise(
    partials=[lambda out, x: 0.5 / out], saves=("out",), dtype="float", samples=uniform(0.2, 3)
)
def sqrt(xp: Any, x: Any) -> Any:
    """Square root.

    Args:
        input: (...).

    Returns:
        Tensor: (...); NaN below 0. The gradient at 0 is inf.
    """
    return xp.sqrt(x)


@elementwise(
    partials=[lambda out, x: where(eq(out, 0), 0.0, 0.5 / where(eq(out, 0), 1.0, out))],
    saves=("out",),
    dtype="float",
    samples=uniform(0.2, 3),
    namespaces=(),
    methods=(),
)
def flat_root(xp: Any, x: Any) -> Any:
    """Square root whose slope at 0, which is infinite, counts as 0: of norms and deviations.

    Args:
        input: (...).

    Returns:
        Tensor: (...); NaN below 0.
    """
    return xp.sqrt(x)


@elementwise(
    partials=[lambda out, x: -0.5 * out * out * out],
    saves=("out",),
    dtype="float",
    samples=uniform(0.2, 3),
)
def rsqrt(xp: Any, x: Any) -> Any:
    """One divided by the square root.

    Args:
        input: (...).

    Returns:
        Tensor: (...); inf at 0, NaN below.
    """
    return 1 / xp.sqrt(x)
