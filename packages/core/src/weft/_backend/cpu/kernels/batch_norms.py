"""Normalising the channels of a batch, forward and backward: as planes, or as columns of rows.

Images whose channels lie apart, (N, C, ...), are planes: a step is a channel. Images whose channels
lie side by side, and (N, C) tables, are rows of columns: a step is a chunk of rows, whose own means
and squares are joined by Chan's formula in the chunks' order. ``several`` rows make a tile.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.norms import BIAS, BLOCK, WEIGHT, squares, sum_of
from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    U,
    f64,
    kernel,
    local,
    ptr,
    simd,
    sqrt,
)

#: Columns worked on at once; of narrow rows several make a tile, so that loops are long.
TILE = 512
OWN = Placeholder("OWN")  # whether mean and variance depend on x


@kernel
def planes_forward(
    begin, end, x: ptr(T), weight: ptr(T), bias: ptr(T), out: ptr(T), means: ptr(C),
    spreads: ptr(C), examples, channels, n, eps: f64,
):  # fmt: skip
    """A step is a channel: n elements in each example."""
    for c in range(begin, end):
        count = examples * n
        whole: f64 = 0.0
        for e in range(examples):
            whole += sum_of(x + (e * channels + c) * n, n)
        mean: C = whole / count
        apart: f64 = 0.0
        for e in range(examples):
            apart += squares(x + (e * channels + c) * n, n, mean)
        means[c] = mean
        spreads[c] = apart / count
        scale: C = 1.0 / sqrt(apart / count + eps)
        shift: C = 0.0
        if WEIGHT:
            scale = scale * weight[c]
        if BIAS:
            shift = bias[c]
        for e in range(examples):
            row = x + (e * channels + c) * n
            to = out + (e * channels + c) * n
            for j in simd(n):
                to[j] = (row[j] - mean) * scale + shift


@kernel
def planes_fixed(
    begin, end, x: ptr(T), means: ptr(T), spreads: ptr(T), weight: ptr(T), bias: ptr(T),
    out: ptr(T), channels, n, eps: f64,
):  # fmt: skip
    """Normalise by recorded means and variances; a step is a channel of an example."""
    for i in range(begin, end):
        c = i % channels
        mean: C = means[c]
        scale: C = 1.0 / sqrt(f64(spreads[c]) + eps)
        shift: C = 0.0
        if WEIGHT:
            scale = scale * weight[c]
        if BIAS:
            shift = bias[c]
        row = x + i * n
        to = out + i * n
        for j in simd(n):
            to[j] = (row[j] - mean) * scale + shift


@kernel
def planes_backward(
    begin, end, g: ptr(T), x: ptr(T), weight: ptr(T), means: ptr(C), spreads: ptr(C), dx: ptr(T),
    dw: ptr(T), db: ptr(T), examples, channels, n, eps: f64,
):  # fmt: skip
    """A step is a channel, whose mean and variance depend on x."""
    for c in range(begin, end):
        count = examples * n
        mean = means[c]
        inner: f64 = 1.0 / sqrt(f64(spreads[c]) + eps)
        whole: f64 = 0.0
        along: f64 = 0.0
        for e in range(examples):
            row = x + (e * channels + c) * n
            of = g + (e * channels + c) * n
            for start in range(0, n, BLOCK):
                part: C = 0.0
                part_along: C = 0.0
                for j in range(start, min(start + BLOCK, n)):
                    part += of[j]
                    part_along += of[j] * (row[j] - mean)
                whole += part
                along += part_along
        dw[c] = along * inner
        db[c] = whole
        scale: C = inner
        if WEIGHT:
            scale = scale * weight[c]
        shift: C = whole / count
        pull: C = along / count * inner * inner
        for e in range(examples):
            row = x + (e * channels + c) * n
            of = g + (e * channels + c) * n
            to = dx + (e * channels + c) * n
            for j in simd(n):
                to[j] = (of[j] - shift - (row[j] - mean) * pull) * scale


@kernel
def planes_fixed_backward(
    begin, end, g: ptr(T), x: ptr(T), weight: ptr(T), means: ptr(T), spreads: ptr(T), dx: ptr(T),
    sums: ptr(T), alongs: ptr(T), examples, channels, n, eps: f64,
):  # fmt: skip
    """A step is a channel of given mean and variance; with the sums of g and of g (x - mean)."""
    for c in range(begin, end):
        mean: C = means[c]
        scale: C = 1.0 / sqrt(f64(spreads[c]) + eps)
        if WEIGHT:
            scale = scale * weight[c]
        whole: f64 = 0.0
        along: f64 = 0.0
        for e in range(examples):
            row = x + (e * channels + c) * n
            of = g + (e * channels + c) * n
            to = dx + (e * channels + c) * n
            for start in range(0, n, BLOCK):
                part: C = 0.0
                part_along: C = 0.0
                for j in range(start, min(start + BLOCK, n)):
                    part += of[j]
                    part_along += of[j] * (row[j] - mean)
                    to[j] = of[j] * scale
                whole += part
                along += part_along
        sums[c] = whole
        alongs[c] = along


@kernel
def columns_sums(begin, end, x: ptr(T), parts: ptr(C), rows, chunk, n, several):
    """The means of chunks of rows and their squares from them: parts are (chunks, 2, n)."""
    mean = local(C, TILE)
    sums = local(C, TILE)
    for i in range(begin, end):
        first = i * chunk
        last = min(first + chunk, rows)
        share: C = 1.0 / (last - first)
        even = first + (last - first) // several * several
        for start in range(0, n, TILE):
            width = min(TILE, n - start)
            means = parts + 2 * i * n + start
            apart = means + n
            for j in simd(width * several):
                sums[j] = 0.0
            for r in range(first, even, several):
                row = x + r * n + start
                for j in simd(width * several):
                    sums[j] += row[j]
            for r in range(even, last):
                row = x + r * n + start
                for j in simd(width):
                    sums[j] += row[j]
            for q in range(1, several):
                for j in simd(width):
                    sums[j] += sums[q * width + j]
            for j in simd(width):
                means[j] = sums[j] * share
            for q in range(several):
                for j in simd(width):
                    mean[q * width + j] = means[j]
            for j in simd(width * several):
                sums[j] = 0.0
            for r in range(first, even, several):
                row = x + r * n + start
                for j in simd(width * several):
                    sums[j] += (row[j] - mean[j]) * (row[j] - mean[j])
            for r in range(even, last):
                row = x + r * n + start
                for j in simd(width):
                    sums[j] += (row[j] - mean[j]) * (row[j] - mean[j])
            for q in range(1, several):
                for j in simd(width):
                    sums[j] += sums[q * width + j]
            for j in simd(width):
                apart[j] = sums[j]


@kernel
def columns_moments(
    begin, end, parts: ptr(C), means: ptr(C), spreads: ptr(C), rows, chunk, chunks, n
):
    """Join the chunks' means and squares; a step is 64 columns."""
    for i in range(begin, end):
        first = i * 64
        width = min(64, n - first)
        mean = local(f64, 64)
        apart = local(f64, 64)
        for j in simd(width):
            mean[j] = 0.0
            apart[j] = 0.0
        for k in range(chunks):
            part = parts + 2 * k * n + first
            share: f64 = min(chunk, rows - k * chunk)
            before: f64 = k * chunk
            weight = share / (before + share)
            both = before * weight
            for j in simd(width):
                step = part[j] - mean[j]
                mean[j] += step * weight
                apart[j] += part[n + j] + step * step * both
        for j in simd(width):
            means[first + j] = mean[j]
            spreads[first + j] = apart[j] / rows


@kernel
def columns_apply(
    begin, end, x: ptr(T), means: ptr(U), spreads: ptr(U), weight: ptr(T), bias: ptr(T),
    out: ptr(T), rows, chunk, n, several, eps: f64,
):  # fmt: skip
    """Normalise by given means and variances; a step is a chunk of rows."""
    mean = local(C, TILE)
    scale = local(C, TILE)
    shift = local(C, TILE)
    for start in range(0, n, TILE):
        width = min(TILE, n - start)
        for q in range(several):
            for j in simd(width):
                mean[q * width + j] = means[start + j]
                factor: C = 1.0 / sqrt(f64(spreads[start + j]) + eps)
                if WEIGHT:
                    factor = factor * weight[start + j]
                scale[q * width + j] = factor
                shift[q * width + j] = 0.0
                if BIAS:
                    shift[q * width + j] = bias[start + j]
        first = begin * chunk
        last = min(end * chunk, rows)
        even = first + (last - first) // several * several
        for r in range(first, even, several):
            row = x + r * n + start
            to = out + r * n + start
            for j in simd(width * several):
                to[j] = (row[j] - mean[j]) * scale[j] + shift[j]
        for r in range(even, last):
            row = x + r * n + start
            to = out + r * n + start
            for j in simd(width):
                to[j] = (row[j] - mean[j]) * scale[j] + shift[j]


@kernel
def columns_slopes(
    begin, end, g: ptr(T), x: ptr(T), means: ptr(U), parts: ptr(C), rows, chunk, n, several
):
    """The sums of g and of g (x - mean) over chunks of rows: parts are (chunks, 2, n)."""
    mean = local(C, TILE)
    sums = local(C, TILE)
    alongs = local(C, TILE)
    for i in range(begin, end):
        first = i * chunk
        last = min(first + chunk, rows)
        even = first + (last - first) // several * several
        for start in range(0, n, TILE):
            width = min(TILE, n - start)
            whole = parts + 2 * i * n + start
            along = whole + n
            for q in range(several):
                for j in simd(width):
                    mean[q * width + j] = means[start + j]
            for j in simd(width * several):
                sums[j] = 0.0
                alongs[j] = 0.0
            for r in range(first, even, several):
                row = x + r * n + start
                of = g + r * n + start
                for j in simd(width * several):
                    sums[j] += of[j]
                    alongs[j] += of[j] * (row[j] - mean[j])
            for r in range(even, last):
                row = x + r * n + start
                of = g + r * n + start
                for j in simd(width):
                    sums[j] += of[j]
                    alongs[j] += of[j] * (row[j] - mean[j])
            for q in range(1, several):
                for j in simd(width):
                    sums[j] += sums[q * width + j]
                    alongs[j] += alongs[q * width + j]
            for j in simd(width):
                whole[j] = sums[j]
                along[j] = alongs[j]


@kernel
def columns_join(begin, end, parts: ptr(C), out: ptr(f64), chunks, n):
    """Sums over chunks in their order; a step is 64 columns."""
    for i in range(begin, end):
        first = i * 64
        width = min(64, n - first)
        to = out + first
        for j in simd(width):
            to[j] = parts[first + j]
        for c in range(1, chunks):
            part = parts + c * n + first
            for j in simd(width):
                to[j] += part[j]


@kernel
def columns_backward(
    begin, end, g: ptr(T), x: ptr(T), means: ptr(U), spreads: ptr(U), weight: ptr(T),
    sums: ptr(f64), dx: ptr(T), rows, chunk, n, several, eps: f64,
):  # fmt: skip
    """A step is a chunk of rows; sums are (2, n), of g and of g (x - mean)."""
    mean = local(C, TILE)
    scale = local(C, TILE)
    shift = local(C, TILE)
    pull = local(C, TILE)
    for start in range(0, n, TILE):
        width = min(TILE, n - start)
        for q in range(several):
            for j in simd(width):
                mean[q * width + j] = means[start + j]
                inner: f64 = 1.0 / sqrt(f64(spreads[start + j]) + eps)
                shift[q * width + j] = sums[start + j] / rows
                pull[q * width + j] = sums[n + start + j] / rows * inner * inner
                factor: C = inner
                if WEIGHT:
                    factor = factor * weight[start + j]
                scale[q * width + j] = factor
        first = begin * chunk
        last = min(end * chunk, rows)
        even = first + (last - first) // several * several
        for r in range(first, even, several):
            row = x + r * n + start
            of = g + r * n + start
            to = dx + r * n + start
            for j in simd(width * several):
                if OWN:
                    to[j] = (of[j] - shift[j] - (row[j] - mean[j]) * pull[j]) * scale[j]
                else:
                    to[j] = of[j] * scale[j]
        for r in range(even, last):
            row = x + r * n + start
            of = g + r * n + start
            to = dx + r * n + start
            for j in simd(width):
                if OWN:
                    to[j] = (of[j] - shift[j] - (row[j] - mean[j]) * pull[j]) * scale[j]
                else:
                    to[j] = of[j] * scale[j]


# --- little: all of a block of columns at once -------------------------------------------------


@kernel
def little_forward(
    begin, end, x: ptr(T), weight: ptr(T), bias: ptr(T), out: ptr(T), means: ptr(C),
    spreads: ptr(C), rows, n, eps: f64,
):  # fmt: skip
    """The whole for few rows; a step is up to 64 columns."""
    mean = local(C, 64)
    apart = local(C, 64)
    shift = local(C, 64)
    share: C = 1.0 / rows
    for i in range(begin, end):
        first = i * 64
        width = min(64, n - first)
        for j in simd(width):
            mean[j] = 0.0
            apart[j] = 0.0
        for r in range(rows):
            row = x + r * n + first
            for j in simd(width):
                mean[j] += row[j]
        for j in simd(width):
            mean[j] = mean[j] * share
        for r in range(rows):
            row = x + r * n + first
            for j in simd(width):
                apart[j] += (row[j] - mean[j]) * (row[j] - mean[j])
        for j in simd(width):
            means[first + j] = mean[j]
            spread = apart[j] * share
            spreads[first + j] = spread
            factor: C = 1.0 / sqrt(f64(spread) + eps)
            if WEIGHT:
                factor = factor * weight[first + j]
            apart[j] = factor
            shift[j] = 0.0
            if BIAS:
                shift[j] = bias[first + j]
        for r in range(rows):
            row = x + r * n + first
            to = out + r * n + first
            for j in simd(width):
                to[j] = (row[j] - mean[j]) * apart[j] + shift[j]


@kernel
def little_backward(
    begin, end, g: ptr(T), x: ptr(T), weight: ptr(T), means: ptr(U), spreads: ptr(U), dx: ptr(T),
    dw: ptr(T), db: ptr(T), rows, n, eps: f64,
):  # fmt: skip
    """The whole for few rows; of given moments dw and db are the sums of g and g (x - mean)."""
    mean = local(C, 64)
    whole = local(C, 64)
    along = local(C, 64)
    scale = local(C, 64)
    share: C = 1.0 / rows
    for i in range(begin, end):
        first = i * 64
        width = min(64, n - first)
        for j in simd(width):
            mean[j] = means[first + j]
            whole[j] = 0.0
            along[j] = 0.0
        for r in range(rows):
            row = x + r * n + first
            of = g + r * n + first
            for j in simd(width):
                whole[j] += of[j]
                along[j] += of[j] * (row[j] - mean[j])
        for j in simd(width):
            inner: C = 1.0 / sqrt(f64(spreads[first + j]) + eps)
            if OWN:
                dw[first + j] = along[j] * inner
                db[first + j] = whole[j]
            else:
                dw[first + j] = whole[j]
                db[first + j] = along[j]
            factor = inner
            if WEIGHT:
                factor = factor * weight[first + j]
            scale[j] = factor
            whole[j] = whole[j] * share
            along[j] = along[j] * share * inner * inner
        for r in range(rows):
            row = x + r * n + first
            of = g + r * n + first
            to = dx + r * n + first
            for j in simd(width):
                if OWN:
                    to[j] = (of[j] - whole[j] - (row[j] - mean[j]) * along[j]) * scale[j]
                else:
                    to[j] = of[j] * scale[j]


@kernel
def record(
    begin, end, mean: ptr(T), spread: ptr(T), means: ptr(C), spreads: ptr(C), share: f64,
    factor: f64,
):  # fmt: skip
    """Move recorded means and variances towards new ones; a step is a channel."""
    rest = C(1.0 - share)
    own = C(share)
    wide = C(share * factor)
    for j in simd(begin, end):
        mean[j] = mean[j] * rest + means[j] * own
        spread[j] = spread[j] * rest + spreads[j] * wide
