"""Philox4x32-10: random words as a pure function of a key and a counter, in any array namespace.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The tests hold it to
the known answers that its authors publish.
"""

from __future__ import annotations

from typing import Any

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF
_BLOCK = 1 << 14  # counters worked on at once: their ten rounds stay in the cache


def words(xp: Any, seed: int, offset: int, count: int, stream: int = 0) -> Any:
    """Return ``count`` random 32-bit words.

    Args:
        xp: the array namespace.
        seed: the key, 64 bits.
        offset: the first counter, 64 bits; each counter gives four words.
        count: how many words.
        stream: the upper half of the counter, 64 bits: streams never meet.

    Returns:
        uint32 array (count,).
    """
    counters = -(-count // 4)
    out = xp.empty((counters, 4), xp.uint32)
    for start in range(0, counters, _BLOCK):
        size = min(_BLOCK, counters - start)
        first = (offset + start) & 0xFFFFFFFFFFFFFFFF
        low = xp.arange(size, dtype=xp.uint64) + xp.uint64(first)
        c = [low & _MASK, low >> 32, *(xp.full(size, w, xp.uint64) for w in _halves(stream))]
        for i, column in enumerate(rounds(c, *_halves(seed))):
            out[start : start + size, i] = column
    return out.reshape(-1)[:count]


def _halves(value: int) -> tuple[int, int]:
    return value & _MASK, (value >> 32) & _MASK


def rounds(c: list[Any], k0: int, k1: int) -> list[Any]:
    """Apply the ten rounds to four uint64 arrays of 32-bit counter words."""
    c0, c1, c2, c3 = c
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _MASK, (p0 >> 32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return [c0, c1, c2, c3]
