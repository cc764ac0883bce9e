"""Rounding to whole numbers."""

from __future__ import annotations

from typing import Any

from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, booleans, uniform
from weft.ops.families.elementwise import elementwise

#: Kept away from the jumps, where finite differences mean nothing.
_BETWEEN = uniform(0.1, 0.4)
_TRUTH = ErrorSample(booleans(2), error=DTypeError, match="boolean tensors are not numbers")
_ERRORS = (
    _TRUTH,
    ErrorSample(array(2, kind="complex"), error=DTypeError, match="expected real numbers"),
)


def _whole(xp: Any, x: Any, function: Any) -> Any:
    """Return a function of floats, and integers as they are: NumPy 2.0 makes floats of them."""
    return xp.array(x, copy=True) if x.dtype.kind in "iu" else function(x)


@elementwise(
    partials=[0],
    samples=_BETWEEN,
    dtype="number",
    errors=_ERRORS,
    real=True,
)
def floor(xp: Any, x: Any) -> Any:
    """The largest whole number not above the element.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.

    Raises:
        DTypeError: input is boolean or complex.
    """
    return _whole(xp, x, xp.floor)


@elementwise(
    partials=[0],
    samples=_BETWEEN,
    dtype="number",
    errors=_ERRORS,
    real=True,
)
def ceil(xp: Any, x: Any) -> Any:
    """The smallest whole number not below the element.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.

    Raises:
        DTypeError: input is boolean or complex.
    """
    return _whole(xp, x, xp.ceil)


@elementwise(
    partials=[0],
    samples=_BETWEEN,
    dtype="number",
    aliases=("fix",),
    errors=_ERRORS,
    real=True,
)
def trunc(xp: Any, x: Any) -> Any:
    """The element without its fraction.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.

    Raises:
        DTypeError: input is boolean or complex.
    """
    return _whole(xp, x, xp.trunc)


@elementwise(
    partials=[0],
    dtype="number",
    samples=(
        Sample(array(2, 3, low=0.6, high=0.9)),
        Sample(array(3, low=0.21, high=0.24), decimals=1),
        Sample(array(3, low=16.0, high=19.0), decimals=-1),
    ),
    aliases=("special.round",),
    errors=(_TRUTH,),
)
def round(xp: Any, x: Any, *, decimals: int = 0) -> Any:
    """The nearest whole number, or the nearest with that many decimals; halves go to even.

    Args:
        input: (...), real.
        decimals: decimals to keep; negative rounds to tens, hundreds, ...

    Returns:
        Tensor: (...). The gradient is 0.

    Raises:
        DTypeError: input is boolean.
    """
    return xp.round(x, decimals)


@elementwise(
    partials=[1],
    samples=_BETWEEN,
    dtype="number",
    errors=_ERRORS,
    real=True,
)
def frac(xp: Any, x: Any) -> Any:
    """The fraction of the element, with its sign.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), in (-1, 1).

    Raises:
        DTypeError: input is boolean or complex.
    """
    return x - _whole(xp, x, xp.trunc)
