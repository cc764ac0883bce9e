"""Starts the kernels of random words and of dropout."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import dropout as kernels
from weft._backend.cpu.launch.arrays import FLOATS, dense, like, ordered, unordered

_made: dict[Any, Callable[..., Any]] = {}
_masks: dict[Any, Callable[..., Any]] = {}


def words(seed: int, offset: int, count: int, stream: int) -> Any:
    """Return random 32-bit words; see ``philox.words``, whose these are."""
    run = _made.get("words")
    if run is None:
        run = _made["words"] = kernels.words.at()
    counters = -(-count // 4)
    out = np.empty(4 * counters, np.uint32)
    run(-(-counters // 256), 16, np.array([seed, stream, offset], np.uint64), out, counters)
    return out[:count]


@functools.lru_cache(maxsize=256)
def settings(p: float, dtype: Any) -> tuple[int, float]:
    """Return from which word on an element is kept, and what it is then multiplied by.

    A word's upper 24 bits are the float's. The factor is rounded as arrays of the dtype are.
    """
    limit = math.ceil(float(np.float32(p)) * 2.0**24)
    if dtype.itemsize == 8:
        return limit, 1.0 / (1.0 - p)
    with np.errstate(over="ignore"):
        return limit, float((np.float32(1) / np.float32(1.0 - p)).astype(dtype))


def dropped(x: Any, key: Any, *, p: float) -> Any:
    """Zero elements at random, and return which were kept; see the op."""
    dtype = x.dtype
    if dtype not in FLOATS or not x.size or key.dtype.itemsize != 8:
        return None
    run = _made.get(dtype)
    if run is None:
        run = _made[dtype] = kernels.drop.at(T=FLOATS[dtype])
    limit, scale = settings(p, dtype)
    kept = np.empty(x.shape, np.bool_)
    steps = -(-x.size // 1024)
    if not x.flags.c_contiguous:  # words belong to indices, not to places in memory
        factors = np.ones(x.shape, dtype)
        run(steps, 16, factors, dense(key), np.empty_like(factors), kept, x.size, limit, scale)
        return masked(x, kept, p=p), kept
    out = np.empty(x.shape, dtype)
    run(steps, 16, x, dense(key), out, kept, x.size, limit, scale)
    return out, kept


def masked(x: Any, kept: Any, *, p: float) -> Any:
    """Keep what was kept, and scale it; see the op."""
    dtype = x.dtype
    if dtype not in FLOATS or not x.size or kept.shape != x.shape or kept.dtype != np.bool_:
        return None
    run = _masks.get(dtype)
    if run is None:
        run = _masks[dtype] = kernels.mask.at(T=FLOATS[dtype])
    x, order = ordered(x)
    out = np.empty(x.shape, dtype)
    run(x.size, 24576, x, like(kept, order), out, settings(p, dtype)[1])
    return unordered(out, order)
