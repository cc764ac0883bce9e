"""Kernels over lists of tensors: their norm as one vector, their product with a number, bounds.

``arrays`` holds the addresses of the array objects; ``starts`` says where each begins in the range
that threads share: of blocks in a norm, whose sums so do not depend on how many threads there are,
of elements elsewhere.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.optimizers import first_row
from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    f64,
    i64,
    kernel,
    memory,
    ptr,
    simd,
)

KIND = Placeholder("KIND")  # of a norm: 2, 1, or 0 for the largest magnitude
BLOCK = Placeholder("BLOCK")


@kernel
def norm_parts(begin, end, arrays: ptr(i64), starts: ptr(i64), sizes: ptr(i64), out: ptr(f64)):
    """Of each block the sum of squares or magnitudes, or the largest of them, in float64."""
    row = first_row(begin, starts)
    for block in range(begin, end):
        while starts[row + 1] <= block:
            row += 1
        skip = (block - starts[row]) * BLOCK
        x = memory(T, arrays[row]) + skip
        total = f64(0.0)
        for i in range(min(BLOCK, sizes[row] - skip)):
            value = f64(x[i])
            if KIND == 2:
                total += value * value
            elif KIND == 1:
                total += abs(value)
            else:
                total = max(total, abs(value))
        out[block] = total


@kernel
def scale(begin, end, arrays: ptr(i64), starts: ptr(i64), factor: f64):
    """Multiply all elements by a number."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        n = min(end, starts[row + 1]) - at
        x = memory(T, arrays[row]) + (at - starts[row])
        by = C(factor)
        for i in simd(n):
            x[i] = x[i] * by
        at += n
        row += 1


@kernel
def bound(begin, end, arrays: ptr(i64), starts: ptr(i64), low: f64, high: f64):
    """Bring all elements between two numbers; NaN stays."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        n = min(end, starts[row + 1]) - at
        x = memory(T, arrays[row]) + (at - starts[row])
        least, most = C(low), C(high)
        for i in simd(n):
            x[i] = min(max(x[i], least), most)
        at += n
        row += 1


@kernel
def lerp(begin, end, arrays: ptr(i64), others: ptr(i64), starts: ptr(i64), share: f64):
    """Move all elements by a share of the way to those of other tensors."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        x = memory(T, arrays[row]) + skip
        y = memory(T, others[row]) + skip
        by = C(share)
        for i in simd(n):
            x[i] = x[i] + (y[i] - x[i]) * by
        at += n
        row += 1
