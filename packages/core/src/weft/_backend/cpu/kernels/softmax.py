"""Softmax, its logarithm and the logarithm of sums, forward and backward, along rows and columns.

The row kernels take (rows, n). The column kernels take (outer, n, inner) and work along the middle
for 64 columns at a time, so that a dim that is not the last needs no copy.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import exp_of_moderate32
from weft._backend.cpu.kernels.mathematics import exp, log
from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    f64,
    function,
    kernel,
    local,
    overload,
    ptr,
    simd,
)

INF = float("inf")
#: Elements that are summed in the type of computing before they join a sum in float64.
BLOCK = 4096
KIND = Placeholder("KIND")  # of what is computed: see the constants
EXP, LOG = 0, 1
NARROW = Placeholder("NARROW")  # whether exponentials would lose digits where the result lies


@function
def _shrink32(x):
    """exp of numbers that are not positive; 0 where it would be below float32's normal numbers."""
    y = exp_of_moderate32(-87.0 if x < -87.0 else x)
    return 0.0 if x < -87.0 else y


@function
def _shrink64(x):
    return exp(x)


shrink = overload(f32=_shrink32, f64=_shrink64)


@function(loose=True)
def highest(x, n):
    """The largest of n numbers; NaN if one is."""
    peak: C = -INF
    for j in range(n):
        peak = max(peak, x[j])
    return peak


@function(loose=True)
def exponentials(x, n, peak):
    """The sum of the exponentials of n numbers less a peak."""
    whole: f64 = 0.0
    for start in range(0, n, BLOCK):
        part: C = 0.0
        for j in range(start, min(start + BLOCK, n)):
            part += shrink(x[j] - peak)
        whole += part
    return whole


@kernel
def rows_forward(begin, end, x: ptr(T), out: ptr(T), n):
    """Softmax of rows, or its logarithm."""
    for i in range(begin, end):
        row = x + i * n
        to = out + i * n
        peak = highest(row, n)
        if KIND == LOG:
            whole: C = exponentials(row, n, peak)
            down = log(whole)
            for j in simd(n):
                to[j] = (row[j] - peak) - down
        elif NARROW:
            share: C = 1.0 / exponentials(row, n, peak)
            for j in simd(n):
                to[j] = shrink(row[j] - peak) * share
        else:
            every: f64 = 0.0
            for start in range(0, n, BLOCK):
                part: C = 0.0
                for j in range(start, min(start + BLOCK, n)):
                    e = shrink(row[j] - peak)
                    to[j] = e
                    part += e
                every += part
            scale: C = 1.0 / every
            for j in simd(n):
                to[j] = to[j] * scale


@kernel
def rows_backward(begin, end, g: ptr(T), out: ptr(T), dx: ptr(T), n):
    """The cotangents of what gave ``out``."""
    for i in range(begin, end):
        of = g + i * n
        own = out + i * n
        to = dx + i * n
        whole: f64 = 0.0
        for start in range(0, n, BLOCK):
            part: C = 0.0
            for j in range(start, min(start + BLOCK, n)):
                if KIND == LOG:
                    part += of[j]
                else:
                    part += of[j] * own[j]
            whole += part
        shift: C = whole
        for j in simd(n):
            if KIND == LOG:
                to[j] = of[j] - shrink(own[j]) * shift
            else:
                to[j] = own[j] * (of[j] - shift)


@kernel
def rows_logsum(begin, end, x: ptr(T), out: ptr(T), n):
    """The logarithm of the sum of the exponentials of each row."""
    for i in range(begin, end):
        row = x + i * n
        peak = highest(row, n)
        whole: C = exponentials(row, n, peak)
        out[i] = peak if abs(peak) == INF else log(whole) + peak


@kernel
def rows_logsum_backward(begin, end, g: ptr(T), out: ptr(T), x: ptr(T), dx: ptr(T), n):
    """The cotangents of the rows; of a row of -inf alone they are 0."""
    for i in range(begin, end):
        row = x + i * n
        to = dx + i * n
        down = out[i]
        down = down if down != -INF else 0.0
        factor = g[i]
        for j in simd(n):
            to[j] = factor * shrink(row[j] - down)


@kernel
def columns_forward(begin, end, x: ptr(T), out: ptr(T), n, inner, blocks):
    """Softmax along the middle, or its logarithm; a step is up to 64 columns."""
    peak = local(C, 64)
    whole = local(C, 64)
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        for j in simd(width):
            peak[j] = -INF
            whole[j] = 0.0
        for k in range(n):
            row = x + at + k * inner
            for j in simd(width):
                peak[j] = max(peak[j], row[j])
        for k in range(n):
            row = x + at + k * inner
            to = out + at + k * inner
            for j in simd(width):
                e = shrink(row[j] - peak[j])
                whole[j] += e
                if KIND == EXP and not NARROW:
                    to[j] = e
        for j in simd(width):
            if KIND == LOG:
                whole[j] = log(whole[j])
            else:
                whole[j] = 1.0 / whole[j]
        for k in range(n):
            row = x + at + k * inner
            to = out + at + k * inner
            for j in simd(width):
                if KIND == LOG:
                    to[j] = (row[j] - peak[j]) - whole[j]
                elif NARROW:
                    to[j] = shrink(row[j] - peak[j]) * whole[j]
                else:
                    to[j] = to[j] * whole[j]


@kernel
def columns_backward(begin, end, g: ptr(T), out: ptr(T), dx: ptr(T), n, inner, blocks):
    """The cotangents of what gave ``out``."""
    whole = local(C, 64)
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        for j in simd(width):
            whole[j] = 0.0
        for k in range(n):
            of = g + at + k * inner
            own = out + at + k * inner
            for j in simd(width):
                if KIND == LOG:
                    whole[j] += of[j]
                else:
                    whole[j] += of[j] * own[j]
        for k in range(n):
            of = g + at + k * inner
            own = out + at + k * inner
            to = dx + at + k * inner
            for j in simd(width):
                if KIND == LOG:
                    to[j] = of[j] - shrink(own[j]) * whole[j]
                else:
                    to[j] = own[j] * (of[j] - whole[j])


@kernel
def columns_logsum(begin, end, x: ptr(T), out: ptr(T), n, inner, blocks):
    """The logarithm of the sum of the exponentials along the middle."""
    peak = local(C, 64)
    whole = local(C, 64)
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        for j in simd(width):
            peak[j] = -INF
            whole[j] = 0.0
        for k in range(n):
            row = x + at + k * inner
            for j in simd(width):
                peak[j] = max(peak[j], row[j])
        for k in range(n):
            row = x + at + k * inner
            for j in simd(width):
                whole[j] += shrink(row[j] - peak[j])
        to = out + i // blocks * inner + first
        for j in simd(width):
            to[j] = peak[j] if abs(peak[j]) == INF else log(whole[j]) + peak[j]


@kernel
def columns_logsum_backward(
    begin, end, g: ptr(T), out: ptr(T), x: ptr(T), dx: ptr(T), n, inner, blocks
):
    """The cotangents of the columns; of a column of -inf alone they are 0."""
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        down = out + i // blocks * inner + first
        of = g + i // blocks * inner + first
        for k in range(n):
            row = x + at + k * inner
            to = dx + at + k * inner
            for j in simd(width):
                to[j] = of[j] * shrink(row[j] - (down[j] if down[j] != -INF else 0.0))
