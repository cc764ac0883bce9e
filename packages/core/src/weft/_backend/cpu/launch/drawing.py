"""Starts the kernels that draw numbers."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import drawing as kernels
from weft._backend.cpu.launch.arrays import FLOATS

_GRAIN = 16
_MOST_SPAN = 1 << 40


@functools.cache
def _uniform(dtype: Any, bits: int) -> Any:
    return kernels.uniform.at(T=FLOATS[dtype], SPARE=32 - bits)


@functools.cache
def _doubles(bits: int) -> Any:
    return kernels.doubles.at(SPARE=64 - bits)


def uniform(key: tuple[int, int, int], count: int, dtype: Any, bits: int) -> Any:
    """Return floats in [0, 1) of so many random bits; see ``draws.uniform``, whose they are."""
    out = np.empty(count, dtype)
    where = np.array(key, np.uint64)
    if dtype.itemsize == 8:
        _doubles(bits)(-(-count // 512), _GRAIN, where, out, count, 0.0, 2.0**-bits)
    else:
        _uniform(dtype, bits)(-(-count // 1024), _GRAIN, where, out, count, 2.0**-bits)
    return out


def between(key: tuple[int, int, int], count: int) -> Any:
    """Return float64 in (0, 1); see ``draws.between``, whose they are."""
    out = np.empty(count, np.float64)
    where = np.array(key, np.uint64)
    _doubles(52)(-(-count // 512), _GRAIN, where, out, count, 0.5, 2.0**-52)
    return out


def integers(key: tuple[int, int, int], count: int, low: int, span: int) -> Any:
    """Return whole numbers; see ``draws.integers``, whose they are. None of a large span."""
    if span > _MOST_SPAN or not -(1 << 63) <= low <= (1 << 63) - span:
        return None
    out = np.empty(count, np.int64)
    where = np.array(key, np.uint64)
    kernels.integers.at()(-(-count // 512), _GRAIN, where, out, count, low, span)
    return out
