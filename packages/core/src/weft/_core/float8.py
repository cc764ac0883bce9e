"""Casts to 8-bit floats with PyTorch's rounding: nearest, ties to even, and what overflows.

ml_dtypes rounds alike but differs at the ends: PyTorch makes the largest finite number of what
exceeds ``float8_e4m3fn``, and takes ``float8_e8m0fnu`` of the absolute value.
"""

from __future__ import annotations

from typing import Any

from weft._core import dtypes

_E4M3FN = dtypes.float8_e4m3fn.numpy
_E8M0FNU = dtypes.float8_e8m0fnu.numpy
_MOST = 448.0  # of float8_e4m3fn, which has no infinity
_FLOAT8 = frozenset(d.numpy for d in dtypes.FLOAT8)


def cast(xp: Any, x: Any, dtype: Any) -> Any:
    """Return an array in a dtype, always in new memory.

    Args:
        xp: the array namespace.
        x: an array.
        dtype: the array library's dtype object.
    """
    x = xp.asarray(x)
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        x = x.real
    if dtype.itemsize != 1 or dtype not in _FLOAT8:
        return x.astype(dtype)
    if x.dtype == dtype:
        return x.copy()
    # by way of float32, as in PyTorch: a float64 is rounded twice
    narrow = x.astype(xp.float32)
    if dtype == _E4M3FN:
        # NaN passes the clip
        return xp.asarray(xp.clip(narrow, -_MOST, _MOST)).astype(dtype)
    if dtype == _E8M0FNU:
        return _exponents(xp, narrow).view(dtype)
    return narrow.astype(dtype)


def _exponents(xp: Any, x: Any) -> Any:
    """Return the biased exponents of float32 numbers, rounded to the nearest power of 2."""
    bits = xp.ascontiguousarray(x).view(xp.uint32).reshape(x.shape)
    exponent = (bits >> 23) & 0xFF
    fraction = bits & 0x7FFFFF
    half = 0x400000
    # a tie goes up, but from 2**-127, which stands for 0 too
    up = (fraction > half) | ((fraction == half) & (exponent > 0))
    return xp.asarray(xp.where(exponent == 0xFF, 0xFF, exponent + up)).astype(xp.uint8)
