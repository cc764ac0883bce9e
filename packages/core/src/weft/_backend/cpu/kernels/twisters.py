"""States for two Mersenne Twisters from one key: see ``weft._backend.cpu.twisters``."""

from __future__ import annotations

from weft._backend.cpu.language import function, kernel, ptr, simd, u32

_WORDS, _HALF = 624, 312


@function
def word(salt, low, high):
    """Return one word of a state."""
    x = (salt ^ low) * u32(0x7FEB352D)
    x = (x ^ (x >> 15) ^ high) * u32(0x846CA68B)
    return x ^ (x >> 16)


@kernel
def seed(begin, end, salt: ptr(u32), pythons: ptr(u32), numpys: ptr(u32), low_half, high_half):
    """Write words ``begin`` to ``end`` of each half, and the positions."""
    low = u32(low_half)
    high = u32(high_half)
    for i in simd(begin, end):
        first = word(salt[i], low, high)
        second = word(salt[i + _HALF], low, high)
        pythons[1 + i] = first
        pythons[1 + _HALF + i] = second
        numpys[i] = second
        numpys[_HALF + i] = first
    pythons[0] = u32(_WORDS)
    numpys[_WORDS] = u32(_WORDS)
