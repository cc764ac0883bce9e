"""Philox's words; and dropout, which draws, compares and applies them without writing them down.

The words are those of ``weft._core.philox``: element 4 i + q gets word q of counter offset + i.
"""

from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    T,
    f64,
    function,
    kernel,
    local,
    ptr,
    simd,
    static,
    u8,
    u32,
    u64,
)

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF


@function
def philox(c0, c1, c2, c3, k0, k1):
    """The ten rounds on 32-bit words held in u64."""
    for i in static(10):
        p0 = (c0 & _MASK) * u64(_M0)  # what lies above 32 bits is never read
        p1 = (c2 & _MASK) * u64(_M1)
        a = (k0 + u64(i * _W0)) & _MASK
        b = (k1 + u64(i * _W1)) & _MASK
        c0 = (p1 >> 32) ^ c1 ^ a
        c1 = p1
        c2 = (p0 >> 32) ^ c3 ^ b
        c3 = p0
    return c0, c1, c2, c3


@function
def words_of(to, key, first, count):
    """Put the words of so many counters, from number ``first`` on, into ``to``: four of each.

    ``key`` holds the seed, the stream, and the counter that is number 0.
    """
    seed = key[0]
    stream = key[1]
    k0 = seed & _MASK
    k1 = seed >> 32
    s0 = stream & _MASK
    s1 = stream >> 32
    start = key[2] + u64(first)
    for j in simd(count):
        at = start + u64(j)
        w0, w1, w2, w3 = philox(at, at >> 32, s0, s1, k0, k1)
        to[4 * j] = u32(w0)
        to[4 * j + 1] = u32(w1)
        to[4 * j + 2] = u32(w2)
        to[4 * j + 3] = u32(w3)


@kernel
def words(begin, end, key: ptr(u64), out: ptr(u32), counters):
    """A step is the four words each of 256 counters."""
    for i in range(begin, end):
        words_of(out + i * 1024, key, i * 256, min(256, counters - i * 256))


@kernel
def drop(
    begin, end, x: ptr(T), key: ptr(u64), out: ptr(T), kept: ptr(u8), count, limit, scale: f64
):
    """A step is 1024 elements; one is kept where its word is not below the limit."""
    words = local(u32, 1024)
    factor: C = scale
    least = u32(limit)
    for i in range(begin, end):
        words_of(words, key, i * 256, 256)
        row = x + i * 1024
        to = out + i * 1024
        mask = kept + i * 1024
        for j in simd(min(1024, count - i * 1024)):
            own = (words[j] >> 8) >= least
            to[j] = row[j] * (factor if own else 0.0)
            mask[j] = u8(own)


@kernel
def mask(begin, end, x: ptr(T), kept: ptr(u8), out: ptr(T), scale: f64):
    """What was dropped once more, by the mask."""
    factor: C = scale
    for j in simd(begin, end):
        out[j] = x[j] * (factor if kept[j] != 0 else 0.0)
