"""Cross-entropy from logits: losses in one pass over the logits, their slopes in another.

A row's loss is (1 - s) w_t (l - x_t) + (s / n) sum_j w_j (l - x_j), where l is the logarithm of the
sum of the row's exponentials, t its class, w the classes' weights and s the smoothing. Rows of
probabilities p instead of classes give sum_j w_j q_j (l - x_j) with q = (1 - s) p + s / n.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import log
from weft._backend.cpu.kernels.softmax import BLOCK, INF, exponentials, highest, shrink
from weft._backend.cpu.language import C, Placeholder, T, U, f64, i64, kernel, local, ptr, simd

WEIGHT = Placeholder("WEIGHT")  # whether classes have weights
SMOOTH = Placeholder("SMOOTH")  # whether the target is spread


@kernel
def weigh(begin, end, target: ptr(i64), weight: ptr(T), out: ptr(f64), rows, classes, ignored):
    """The sum of the rows' weights; and the place of the first wrong class, or -1."""
    whole: f64 = 0.0
    wrong: f64 = -1.0
    for r in range(rows):
        t = target[r]
        if t != ignored:
            if t < 0 or t >= classes:
                if wrong < 0.0:
                    wrong = f64(r)
            elif WEIGHT:
                whole += weight[t]
            else:
                whole += 1.0
    out[0] = whole
    out[1] = wrong


@kernel(loose=False)
def add(begin, end, losses: ptr(C), out: ptr(T), rows, divisor: f64):
    """The sum of the rows' losses, in their order, over a divisor."""
    whole: f64 = 0.0
    for r in range(rows):
        whole += losses[r]
    out[0] = whole / divisor


@kernel
def rows_losses(
    begin, end, x: ptr(T), target: ptr(i64), weight: ptr(T), losses: ptr(U), sums: ptr(C), n,
    ignored, smoothing: f64,
):  # fmt: skip
    """A step is a row: its loss, and the logarithm of the sum of its exponentials."""
    every: C = 0.0
    if SMOOTH:
        every = n
        if WEIGHT:
            every = 0.0
            for j in range(n):
                every += weight[j]
    for i in range(begin, end):
        row = x + i * n
        peak = highest(row, n)
        whole: C = exponentials(row, n, peak)
        down = log(whole)
        sums[i] = down + peak
        t = target[i]
        if t == ignored:
            losses[i] = 0.0
        else:
            loss = down - (row[t] - peak)
            if WEIGHT:
                loss = loss * weight[t]
            if SMOOTH:
                spread: f64 = 0.0
                for start in range(0, n, BLOCK):
                    part: C = 0.0
                    for j in range(start, min(start + BLOCK, n)):
                        if WEIGHT:
                            part += weight[j] * (row[j] - peak)
                        else:
                            part += row[j] - peak
                    spread += part
                rest: C = (every * down - spread) * (smoothing / n)
                loss = loss * C(1.0 - smoothing) + rest
            losses[i] = loss


@kernel
def rows_slopes(
    begin, end, g: ptr(T), x: ptr(T), target: ptr(i64), weight: ptr(T), sums: ptr(C), dx: ptr(T),
    n, ignored, step, divisor: f64, smoothing: f64,
):  # fmt: skip
    """A step is a row; g is one number (step 0) or one for each row (step 1)."""
    every: C = 0.0
    if SMOOTH:
        every = n
        if WEIGHT:
            every = 0.0
            for j in range(n):
                every += weight[j]
    for i in range(begin, end):
        row = x + i * n
        to = dx + i * n
        t = target[i]
        if t == ignored:
            for j in simd(n):
                to[j] = 0.0
        else:
            scale: C = g[i * step] / divisor
            own = scale
            if WEIGHT:
                own = own * weight[t]
            share: C = 0.0
            if SMOOTH:
                own = own * C(1.0 - smoothing)
                share = scale * C(smoothing / n)
            factor = own
            if SMOOTH:
                factor = own + share * every
            down = sums[i]
            for j in simd(n):
                y = shrink(row[j] - down) * factor
                if SMOOTH:
                    if WEIGHT:
                        y = y - share * weight[j]
                    else:
                        y = y - share
                to[j] = y
            last = shrink(row[t] - down) * factor - own
            if SMOOTH:
                if WEIGHT:
                    last = last - share * weight[t]
                else:
                    last = last - share
            to[t] = last


@kernel
def columns_losses(
    begin, end, x: ptr(T), target: ptr(i64), weight: ptr(T), losses: ptr(U), sums: ptr(C), n, inner,
    blocks, ignored, smoothing: f64,
):  # fmt: skip
    """The same of (outer, n, inner): a step is up to 64 columns."""
    every: C = 0.0
    if SMOOTH:
        every = n
        if WEIGHT:
            every = 0.0
            for j in range(n):
                every += weight[j]
    peak = local(C, 64)
    whole = local(C, 64)
    spread = local(C, 64)
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        to = i // blocks * inner + first
        for j in simd(width):
            peak[j] = -INF
            whole[j] = 0.0
            spread[j] = 0.0
        for k in range(n):
            row = x + at + k * inner
            for j in simd(width):
                peak[j] = max(peak[j], row[j])
        for k in range(n):
            row = x + at + k * inner
            for j in simd(width):
                d = row[j] - peak[j]
                whole[j] += shrink(d)
                if SMOOTH:
                    if WEIGHT:
                        spread[j] += d * weight[k]
                    else:
                        spread[j] += d
        for j in simd(width):
            whole[j] = log(whole[j])
            sums[to + j] = whole[j] + peak[j]
        for j in range(width):
            t = target[to + j]
            if t == ignored:
                losses[to + j] = 0.0
            else:
                loss = whole[j] - (x[at + t * inner + j] - peak[j])
                if WEIGHT:
                    loss = loss * weight[t]
                if SMOOTH:
                    rest = (every * whole[j] - spread[j]) * C(smoothing / n)
                    loss = loss * C(1.0 - smoothing) + rest
                losses[to + j] = loss


@kernel
def columns_slopes(
    begin, end, g: ptr(T), x: ptr(T), target: ptr(i64), weight: ptr(T), sums: ptr(C), dx: ptr(T),
    n, inner, blocks, ignored, step, divisor: f64, smoothing: f64,
):  # fmt: skip
    """The same of (outer, n, inner): a step is up to 64 columns."""
    every: C = 0.0
    if SMOOTH:
        every = n
        if WEIGHT:
            every = 0.0
            for j in range(n):
                every += weight[j]
    own = local(C, 64)
    share = local(C, 64)
    for i in range(begin, end):
        first = i % blocks * 64
        width = min(64, inner - first)
        at = i // blocks * n * inner + first
        to = i // blocks * inner + first
        for j in range(width):
            t = target[to + j]
            scale: C = g[(to + j) * step] / divisor
            if t == ignored:
                scale = 0.0
                t = 0
            own[j] = scale
            if WEIGHT:
                own[j] = scale * weight[t]
            if SMOOTH:
                own[j] = own[j] * C(1.0 - smoothing)
                share[j] = scale * C(smoothing / n)
        for k in range(n):
            row = x + at + k * inner
            out = dx + at + k * inner
            for j in simd(width):
                y = shrink(row[j] - sums[to + j])
                if SMOOTH:
                    y = y * (own[j] + share[j] * every)
                    if WEIGHT:
                        y = y - share[j] * weight[k]
                    else:
                        y = y - share[j]
                else:
                    y = y * own[j]
                y = y - (own[j] if target[to + j] == k else 0.0)
                out[j] = 0.0 if target[to + j] == ignored else y
