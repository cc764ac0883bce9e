"""Kernels that draw: Philox words made numbers as they come, bit for bit as in ``ops.draws``."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.kernels.dropout import words_of
from weft._backend.cpu.language import (
    Placeholder,
    T,
    f32,
    f64,
    floor,
    i32,
    i64,
    kernel,
    local,
    ptr,
    simd,
    u64,
)

#: How many of a word's bits are not used.
SPARE = Placeholder("SPARE")


@kernel(loose=False)
def uniform(begin, end, key: ptr(u64), out: ptr(T), count, unit: f32):
    """Floats in [0, 1) of one word each; a step is 1024 of them."""
    words = local(i32, 1024)
    for i in range(begin, end):
        many = min(1024, count - i * 1024)
        words_of(words, key, i * 256, (many + 3) // 4)
        to = out + i * 1024
        for j in simd(many):
            to[j] = f32((words[j] >> SPARE) & ((1 << (32 - SPARE)) - 1)) * unit


@kernel(loose=False)
def doubles(begin, end, key: ptr(u64), out: ptr(f64), count, start: f64, unit: f64):
    """(start + a whole number) * unit, of two words each; a step is 512 of them."""
    words = local(i32, 1024)
    for i in range(begin, end):
        many = min(512, count - i * 512)
        words_of(words, key, i * 256, (many + 1) // 2)
        to = out + i * 512
        for j in simd(many):
            high = (i64(words[2 * j]) & 0xFFFFFFFF) << (32 - SPARE)
            low = (i64(words[2 * j + 1]) & 0xFFFFFFFF) >> SPARE
            to[j] = (f64(high ^ low) + start) * unit


@kernel(loose=False)
def integers(begin, end, key: ptr(u64), out: ptr(i64), count, low, span):
    """Whole numbers of two words each, modulo a span below 2**40; a step is 512 of them.

    The rest of the division is found in floats: the first quotient is off by some thousands, which
    the second, of what is left, puts right up to one.
    """
    words = local(i32, 1024)
    size = f64(span)
    inverse = 1.0 / size
    for i in range(begin, end):
        many = min(512, count - i * 512)
        words_of(words, key, i * 256, (many + 1) // 2)
        to = out + i * 512
        for j in simd(many):
            high = i64(words[2 * j]) & 0xFFFFFFFF
            drawn = i64((u64(high) << 32) | (u64(words[2 * j + 1]) & u64(0xFFFFFFFF)))
            half = i64((u64(drawn) >> 1) & u64(0x7FFFFFFFFFFFFFFF))
            # twice the rest of the half, and the bit that was lost
            left = half - i64(f64(half) * inverse) * span
            left = left - i64(floor(f64(left) * inverse)) * span
            left = left + left + (drawn & 1)
            left = left - i64(floor(f64(left) * inverse)) * span
            left = left + span if left < 0 else left
            left = left - span if left >= span else left
            to[j] = left + low
