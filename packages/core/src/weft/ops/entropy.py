"""Products with a logarithm that are 0 where their first factor is."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.samples import uniform, uniforms
from weft.ops.exponential import log, log1p
from weft.ops.families.elementwise import elementwise


@elementwise(
    partials=[lambda out, x: -1 - log(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.2, 3),
)
def entr(xp: Any, x: Any) -> Any:
    """Each element's share of an entropy: -x log(x).

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...); 0 at 0, -inf below. The gradient at 0 is inf.
    """
    return xp.entr(x)


def _by_factor(g: Any, out: Any, x: Any, y: Any) -> Any:
    """0 where the function is cut to 0: the logarithm is -inf or NaN there."""
    from weft.ops.comparison import where

    return where((x == 0) & (y <= -1), 0.0, g * log1p(y))


def _by_argument(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * x / (y + 1)


@elementwise(
    partials=[_by_factor, _by_argument],
    saves=("x", "y"),
    dtype="float",
    real=True,
    numbers=False,
    namespaces=catalogue.SPECIAL,
    samples=uniforms((-2, 2), (-0.8, 3)),
)
def xlog1py(xp: Any, x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0 (unless y is NaN).

    Args:
        input: (...), the factor x, real; a number or a tensor.
        other: (...), y, broadcasting with it; a number or a tensor, not both numbers.

    Returns:
        Tensor: (...); -inf or inf where y is -1 and NaN below, but for x of 0.
    """
    return xp.xlog1py(x, y)
