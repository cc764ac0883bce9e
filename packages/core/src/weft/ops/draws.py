"""Arrays of random numbers from a generator's words: what every random function draws from."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._core import dtypes
from weft._core.drawn import check_drawable
from weft._core.generator import Generator, default_generator, words_at, worth_a_kernel
from weft._core.modes import here

_PI2 = 2 * math.pi
_drawing = Launcher("drawing")
#: Bits of a number's significand, the leading one included.
SIGNIFICANT = {
    dtypes.float16.numpy: 11,
    dtypes.bfloat16.numpy: 8,
    dtypes.float32.numpy: 24,
    dtypes.float64.numpy: 53,
}


def source_of(generator: Generator | None) -> Generator:
    """Return the generator given, or the default one.

    Raises:
        TypeError: it is no generator.
    """
    if here.batches:
        check_drawable("generator")
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator: expected a weft.Generator, got {type(generator).__name__} {generator!r}"
        )
    return generator


def _drawn(
    generator: Generator | None, words: int, fast: str, *settings: Any
) -> tuple[Any, tuple[int, int, int]]:
    """Return what a kernel makes of the next words, None if NumPy is to; and where they begin."""
    key = source_of(generator).key(words)
    if _drawing and worth_a_kernel(words):
        return getattr(_drawing, fast)(key, *settings), key
    return None, key


def _pairs(key: tuple[int, int, int], count: int) -> Any:
    return words_at(key, 2 * count).astype(np.uint64).reshape(count, 2)


def uniform(generator: Generator | None, count: int, dtype: Any) -> Any:
    """Return floats in [0, 1): all bits of the significand are random."""
    # as many bits as the dtype holds: more would round up to 1
    bits = SIGNIFICANT[dtype]
    wide = dtype.itemsize == 8
    out, key = _drawn(generator, 2 * count if wide else count, "uniform", count, dtype, bits)
    if out is not None:
        return out
    if wide:
        words = _pairs(key, count)
        return ((words[:, 0] << 21) ^ (words[:, 1] >> 11)).astype(np.float64) * 2.0**-53
    whole = (words_at(key, count) >> (32 - bits)).astype(np.float32)
    return (whole * np.float32(2.0**-bits)).astype(dtype)


def between(generator: Generator | None, count: int) -> Any:
    """Return float64 in (0, 1), without either end: for logarithms and inverse functions."""
    out, key = _drawn(generator, 2 * count, "between", count)
    if out is not None:
        return out
    words = _pairs(key, count)
    whole = ((words[:, 0] << 20) ^ (words[:, 1] >> 12)).astype(np.float64)
    return (whole + 0.5) * 2.0**-52


def normal(generator: Generator | None, count: int, dtype: Any) -> Any:
    """Return standard normal floats, two from each pair of uniform ones (Box and Muller)."""
    wide = np.float64 if dtype == np.float64 else np.float32
    half = -(-count // 2)
    radius, angle = uniform(generator, 2 * half, np.dtype(wide)).reshape(2, half)
    np.negative(radius, out=radius)
    np.log1p(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle *= wide(_PI2)
    both = np.empty((2, half), wide)
    np.cos(angle, out=both[0])
    np.sin(angle, out=both[1])
    both *= radius
    return both.reshape(-1)[:count].astype(dtype, copy=False)


def integers(generator: Generator | None, count: int, low: int, span: int) -> Any:
    """Return whole numbers in [low, low + span), as int64 or, beyond that, uint64.

    Args:
        span: how many numbers, at most 2**64.
    """
    out, key = _drawn(generator, 2 * count, "integers", count, low, span)
    if out is not None:
        return out
    words = _pairs(key, count)
    drawn = (words[:, 0] << np.uint64(32)) | words[:, 1]
    if span < 1 << 64:
        # 64 random bits against the span leave no bias that anyone could measure below 2**40
        drawn = drawn % np.uint64(span)
    if low + span - 1 > np.iinfo(np.int64).max and low >= 0:
        return drawn + np.uint64(low)
    return (drawn + np.uint64(low & 0xFFFFFFFFFFFFFFFF)).astype(np.int64)


def ascending(keys: Any) -> Any:
    """Return the order in which keys (n,), uint64, ascend, equal ones as they stand; int64.

    It is that of a stable sort, at a tenth of its time: the last bits of each key make room for its
    place, so that numbers are sorted which say where they came from. Keys that differ in those bits
    alone are brought in order afterwards.
    """
    bits = np.uint64(max(len(keys) - 1, 0).bit_length())
    places = np.uint64((1 << int(bits)) - 1)
    both = (keys & ~places) | np.arange(len(keys), dtype=np.uint64)
    both.sort()
    order = (both & places).astype(np.int64)
    alike = both[1:] >> bits == both[:-1] >> bits
    if alike.any():
        runs = np.zeros(len(keys), bool)
        runs[1:] |= alike
        runs[:-1] |= alike
        among = np.sort(order[runs])
        order[runs] = among[np.argsort(keys[among], kind="stable")]
    return order
