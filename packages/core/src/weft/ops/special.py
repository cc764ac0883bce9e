"""Special functions."""

from __future__ import annotations

import math
from typing import Any

from weft._core.samples import uniform
from weft.ops.exponential import exp
from weft.ops.families.elementwise import elementwise


@elementwise(
    partials=[lambda out, x: exp(-(x * x)) * (2 / math.sqrt(math.pi))],
    saves=("x",),
    dtype="float",
    samples=uniform(-3, 3),
)
def erf(xp: Any, x: Any) -> Any:
    """Error function: twice the integral of exp(-t^2) from 0 to x, over the square root of pi.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), in [-1, 1].
    """
    return xp.erf(x)


@elementwise(
    partials=[lambda out, x: exp(-(x * x)) * (-2 / math.sqrt(math.pi))],
    saves=("x",),
    dtype="float",
    samples=uniform(-3, 3),
)
def erfc(xp: Any, x: Any) -> Any:
    """Complement of the error function, accurate where that nears 1.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), in [0, 2].
    """
    return xp.erfc(x)


@elementwise(
    partials=[lambda out, x: exp(out * out) * (math.sqrt(math.pi) / 2)],
    saves=("out",),
    dtype="float",
    samples=uniform(-0.8, 0.8),
)
def erfinv(xp: Any, x: Any) -> Any:
    """Inverse of the error function.

    Args:
        input: (...), in [-1, 1].

    Returns:
        Tensor: (...); infinite at the ends, NaN beyond.
    """
    return xp.erfinv(x)
