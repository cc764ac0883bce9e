"""Cross-entropy from logits and probabilities of classes: rows' losses, and their slopes.

A row's loss is sum_j q_j (l - x_j), where l is the logarithm of the sum of the row's exponentials
and q_j = w_j ((1 - s) p_j + s / n), with p the probabilities, w weights and s the smoothing.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import log
from weft._backend.cpu.kernels.softmax import BLOCK, highest, shrink
from weft._backend.cpu.language import C, Placeholder, T, f64, function, kernel, ptr, simd

WEIGHT = Placeholder("WEIGHT")  # whether classes have weights
SMOOTH = Placeholder("SMOOTH")  # whether the probabilities are spread


@function
def share_of(p, weight, j, keep, rest):
    """How much a class counts."""
    q = p
    if SMOOTH:
        q = q * keep + rest
    if WEIGHT:
        q = q * weight[j]
    return q


@kernel
def soft_losses(
    begin, end, x: ptr(T), target: ptr(T), weight: ptr(T), losses: ptr(T), sums: ptr(C), n,
    smoothing: f64,
):  # fmt: skip
    """A step is a row: its loss, and the logarithm of the sum of its exponentials."""
    keep: C = 1.0 - smoothing
    rest: C = smoothing / n
    for i in range(begin, end):
        row = x + i * n
        wanted = target + i * n
        peak = highest(row, n)
        whole: f64 = 0.0
        every: f64 = 0.0
        along: f64 = 0.0
        for start in range(0, n, BLOCK):
            part: C = 0.0
            part_every: C = 0.0
            part_along: C = 0.0
            for j in range(start, min(start + BLOCK, n)):
                d = row[j] - peak
                q = share_of(wanted[j], weight, j, keep, rest)
                part += shrink(d)
                part_every += q
                part_along += q * d
            whole += part
            every += part_every
            along += part_along
        inner: C = whole
        down = log(inner)
        sums[i] = down + peak
        losses[i] = every * down - along


@kernel
def soft_slopes(
    begin, end, g: ptr(T), x: ptr(T), target: ptr(T), weight: ptr(T), sums: ptr(C), dx: ptr(T), n,
    smoothing: f64,
):  # fmt: skip
    """A step is a row: its loss by its logits, times its cotangent."""
    keep: C = 1.0 - smoothing
    rest: C = smoothing / n
    for i in range(begin, end):
        row = x + i * n
        wanted = target + i * n
        to = dx + i * n
        every: f64 = 0.0
        for start in range(0, n, BLOCK):
            part: C = 0.0
            for j in range(start, min(start + BLOCK, n)):
                part += share_of(wanted[j], weight, j, keep, rest)
            every += part
        all_of: C = every
        down = sums[i]
        own = g[i]
        for j in simd(n):
            q = share_of(wanted[j], weight, j, keep, rest)
            to[j] = (shrink(row[j] - down) * all_of - q) * own
