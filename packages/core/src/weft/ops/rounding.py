"""Rounding to whole numbers, and to an interval."""

from __future__ import annotations

from typing import Any

from weft._core.samples import ErrorSample, Sample, array, uniform
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

#: Kept away from the jumps, where finite differences mean nothing.
_BETWEEN = uniform(0.1, 0.4)


def _flat(g: Any, out: Any, x: Any) -> Any:
    return g * 0


@elementwise(partials=[_flat], samples=_BETWEEN)
def floor(xp: Any, x: Any) -> Any:
    """The largest whole number not above the element.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.floor(x)


@elementwise(partials=[_flat], samples=_BETWEEN)
def ceil(xp: Any, x: Any) -> Any:
    """The smallest whole number not below the element.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.ceil(x)


@elementwise(partials=[_flat], samples=_BETWEEN)
def trunc(xp: Any, x: Any) -> Any:
    """The element without its fraction.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.trunc(x)


def _round_scale(g: Any, out: Any, x: Any, *, decimals: int) -> Any:
    return g * 0


@elementwise(partials=[_round_scale], samples=(Sample(array(2, 3, low=0.6, high=0.9)),))
def round(xp: Any, x: Any, *, decimals: int = 0) -> Any:
    """The nearest whole number, or the nearest with that many decimals; halves go to even.

    Args:
        input: (...), real.
        decimals: decimals to keep; negative rounds to tens, hundreds, ...

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.round(x, decimals)


@elementwise(partials=[1], samples=_BETWEEN)
def frac(xp: Any, x: Any) -> Any:
    """The fraction of the element, with its sign.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), in (-1, 1).
    """
    return x - xp.trunc(x)


@composite(
    samples=(
        Sample(array(2, 3, low=-2.0, high=2.0), -0.5, 0.7),
        Sample(array(4, low=-2.0, high=2.0), min=0.1),
        Sample(array(4, low=-2.0, high=2.0), max=0.1),
        Sample(array(4, low=-2.0, high=2.0), array(4, low=-2.0, high=-1.0), array(4, low=1.0)),
    ),
    errors=(ErrorSample(array(2), error=ValueError, match="needs min, max or both"),),
    methods=("clamp", "clip"),
    inplace=True,
    out=True,
)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit to an interval.

    Args:
        input: (...), real.
        min: the least value, a number or a tensor that broadcasts; None sets no limit.
        max: the largest; it wins where it is below min.

    Returns:
        Tensor: (...). The gradient is 1 inside and at the limits, 0 outside.

    Raises:
        ValueError: neither limit is given.
    """
    if min is None and max is None:
        raise ValueError("clamp: needs min, max or both")
    from weft.ops.comparison import where

    out = input
    if min is not None:
        out = where(out < min, min, out)
    if max is not None:
        out = where(out > max, max, out)
    return out
