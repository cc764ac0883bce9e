"""The next float towards another, in the kernel language: by whole numbers of the same bits."""

from __future__ import annotations

from weft._backend.cpu.language import bits, f32, f64, function, i32, i64, overload


@function
def _nextafter32(x, y):
    i = bits(i32, x)
    # of one sign bits ascend as magnitudes do
    up = (x < y) == (x > 0.0)
    moved = bits(f32, i + 1 if up else i - 1)
    smallest = bits(f32, (bits(i32, y) & -2147483648) + 1)
    out = smallest if x == 0.0 else moved
    out = y if x == y else out
    return x + y if x != x or y != y else out


@function
def _nextafter64(x, y):
    i = bits(i64, x)
    up = (x < y) == (x > 0.0)
    moved = bits(f64, i + 1 if up else i - 1)
    smallest = bits(f64, (bits(i64, y) >> 63 << 63) + 1)
    out = smallest if x == 0.0 else moved
    out = y if x == y else out
    return x + y if x != x or y != y else out


nextafter = overload(f32=_nextafter32, f64=_nextafter64)
