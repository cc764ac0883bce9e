"""States for two Mersenne Twisters from one key: see ``weft._backend.cpu.twisters``."""

from __future__ import annotations

from weft._backend.cpu.language import function, kernel, ptr, simd, u32, u64

_WORDS, _HALF = 624, 312


@function
def word(salt, low, high):
    """Return one word of a state."""
    x = (salt ^ low) * u32(0x7FEB352D)
    x = (x ^ (x >> 15) ^ high) * u32(0x846CA68B)
    return x ^ (x >> 16)


@kernel
def mix(begin, end, indices: ptr(u64), base, place):
    """Make keys of samples' indices, in their place: as ``weft.data._seeds.Seeds.key`` says it.

    Args:
        base: what all samples of an epoch have in common.
        place: that of the first sample, counted from 1.
    """
    for i in simd(begin, end):
        x = (u64(place + i) * u64(0x9E3779B97F4A7C15) + u64(base)) ^ (
            indices[i] * u64(0xD1B54A32D192ED03)
        )
        x = (x ^ (x >> 30)) * u64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> 27)) * u64(0x94D049BB133111EB)
        indices[i] = x ^ (x >> 31)


@kernel
def seed(
    begin, end, salt: ptr(u32), pythons: ptr(u32), numpys: ptr(u32), kept: ptr(u32),
    low_half, high_half,
):  # fmt: skip
    """Write words ``begin`` to ``end`` of each half, the positions, and that no normal is kept."""
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
    kept[0] = u32(0)
