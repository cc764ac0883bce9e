"""Sums of exponentials by their logarithms, log odds, and x log y."""

from __future__ import annotations

import math
from typing import Any

from weft._core.samples import ErrorSample, Sample, array, uniform, uniforms
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.exponential import exp, exp2, log
from weft.ops.families.elementwise import elementwise

_MISFIT = (ErrorSample(array(2, 3), array(2, 4), error=ValueError, match="do not broadcast"),)


def _larger_first(xp: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the complex number of larger real part, and the other less it."""
    swapped = x.real < y.real
    first = xp.where(swapped, y, x)
    return first, xp.where(swapped, x, y) - first


@elementwise(
    partials=[
        lambda out, x, y: 1 / (1 + exp(y - x)),
        lambda out, x, y: 1 / (1 + exp(x - y)),
    ],
    saves=("x", "y"),
    dtype="float",
    samples=uniform(-3, 3),
    errors=_MISFIT,
    inplace=False,
)
def logaddexp(xp: Any, x: Any, y: Any) -> Any:
    """Logarithm of the sum of two exponentials, without overflow: log(exp(x) + exp(y)).

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), floating or complex.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    if not (xp.iscomplexobj(x) or xp.iscomplexobj(y)):
        return xp.logaddexp(x, y)
    first, apart = _larger_first(xp, x, y)
    return xp.where(x == y, x + math.log(2), first + xp.log1p(xp.exp(apart)))


@elementwise(
    partials=[
        lambda out, x, y: 1 / (1 + exp2(y - x)),
        lambda out, x, y: 1 / (1 + exp2(x - y)),
    ],
    saves=("x", "y"),
    dtype="float",
    samples=uniform(-3, 3),
    errors=_MISFIT,
    inplace=False,
)
def logaddexp2(xp: Any, x: Any, y: Any) -> Any:
    """Logarithm to base 2 of the sum of two powers of 2, without overflow: log2(2^x + 2^y).

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), floating or complex.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    if not (xp.iscomplexobj(x) or xp.iscomplexobj(y)):
        return xp.logaddexp2(x, y)
    first, apart = _larger_first(xp, x, y)
    turned = xp.log1p(xp.exp(apart * math.log(2))) * (1 / math.log(2))
    return xp.where(x == y, x + 1, first + turned)


def _logit_scale(g: Any, out: Any, x: Any, *, eps: float | None) -> Any:
    low, high = (0.0, 1.0) if eps is None else (eps, 1 - eps)
    outside = (x < low) | (x > high)
    return where(outside, math.nan if eps is None else 0.0, g / (x * (1 - x)))


@elementwise(
    partials=[_logit_scale],
    saves=("x",),
    dtype="float",
    aliases=("special.logit",),
    samples=(
        Sample(array(2, 3, low=0.1, high=0.9)),
        Sample(array(low=0.1, high=0.9)),
        Sample(array(0, 2)),
        Sample(array(4, low=0.3, high=0.6), 0.2),
        Sample(array(4, low=0.05, high=0.15), eps=0.2),
    ),
    real=True,
)
def logit(xp: Any, x: Any, *, eps: float | None = None) -> Any:
    """Logarithm of the odds: log(x / (1 - x)), the inverse of the sigmoid.

    Args:
        input: (...), real.
        eps: what input is kept from 0 and 1; None leaves it as it is.

    Returns:
        Tensor: (...), floating. Without eps -inf at 0, inf at 1 and NaN outside, where the
        gradient is NaN too; with eps the gradient is 0 outside [eps, 1 - eps].
    """
    if eps is not None:
        x = xp.minimum(xp.maximum(x, eps), 1 - eps)
    return xp.log(x / (1 - x))


def _by_factor(g: Any, out: Any, x: Any, y: Any) -> Any:
    if isinstance(y, Tensor):
        return where((x == 0) & (y <= 0), 0.0, g * log(y))
    if y > 0:
        return g * math.log(y)
    return where(x == 0, 0.0, g * (math.nan if y < 0 else -math.inf if y == 0 else y))


@elementwise(
    partials=[_by_factor, lambda out, x, y: x / y],
    saves=("x", "y"),
    dtype="float",
    aliases=("special.xlogy",),
    samples=(
        *uniforms((-3, 3), (0.3, 3)).samples(2),
        Sample(2.5, array(3, low=0.3)),
        Sample(array(3), 2.5),
    ),
    errors=_MISFIT,
    real=True,
)
def xlogy(xp: Any, x: Any, y: Any) -> Any:
    """x log y, and 0 where x is 0.

    Args:
        input: (...), the factor x, a tensor or a number.
        other: y, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), floating; NaN where y is NaN, even if x is 0.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    if not hasattr(y, "dtype"):  # the logarithm of a number would be in double precision
        y = xp.asarray(y, x.dtype)
    return xp.where((x == 0) & (y == y), 0.0, x * xp.log(y))
