"""Starts the kernel of dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import dropout as kernels
from weft._backend.cpu.launch.arrays import FLOATS, dense

_made: dict[Any, Callable[..., Any]] = {}


def scale_of(p: float, dtype: Any) -> float:
    """Return what an element that is kept is multiplied by, rounded as arrays of its dtype are."""
    if dtype.itemsize == 8:
        return 1.0 / (1.0 - p)
    return float((np.float32(1) / np.float32(1.0 - p)).astype(dtype))


def dropped(x: Any, key: Any, *, p: float) -> Any:
    """Zero elements at random; see the op."""
    dtype = x.dtype
    if dtype not in FLOATS or not x.size or key.dtype.itemsize != 8:
        return None
    run = _made.get(dtype)
    if run is None:
        run = _made[dtype] = kernels.drop.at(T=FLOATS[dtype])
    # a word's upper 24 bits are the float's: it is below p where they are below this
    limit = math.ceil(float(np.float32(p)) * 2.0**24)
    if not x.flags.c_contiguous:  # words belong to indices, not to places in memory
        factors = np.ones(x.shape, dtype)
        run(-(-x.size // 1024), 16, factors, dense(key), factors, x.size, limit, scale_of(p, dtype))
        return np.multiply(x, factors)
    out = np.empty(x.shape, dtype)
    run(-(-x.size // 1024), 16, x, dense(key), out, x.size, limit, scale_of(p, dtype))
    return out
