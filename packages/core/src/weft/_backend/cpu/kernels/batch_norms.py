"""Normalising the channels of a batch, forward and backward: as planes, or as columns of rows.

Images whose channels lie apart, (N, C, ...), are planes: a step is a channel. Images whose channels
lie side by side, and (N, C) tables, are rows of columns: a step is a chunk of rows, whose own means
and squares are joined by Chan's formula in the chunks' order.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.norms import BIAS, BLOCK, WEIGHT, squares, total
from weft._backend.cpu.language import C, Placeholder, T, U, f64, kernel, local, ptr, simd, sqrt

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
            whole += total(x + (e * channels + c) * n, n)
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
def columns_sums(begin, end, x: ptr(T), parts: ptr(C), rows, chunk, n):
    """The means of chunks of rows and their squares from them: parts are (chunks, 2, n)."""
    for i in range(begin, end):
        first = i * chunk
        last = min(first + chunk, rows)
        means = parts + 2 * i * n
        apart = means + n
        for j in simd(n):
            means[j] = 0.0
            apart[j] = 0.0
        for r in range(first, last):
            row = x + r * n
            for j in simd(n):
                means[j] += row[j]
        share: C = 1.0 / (last - first)
        for j in simd(n):
            means[j] = means[j] * share
        for r in range(first, last):
            row = x + r * n
            for j in simd(n):
                apart[j] += (row[j] - means[j]) * (row[j] - means[j])


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
    out: ptr(T), rows, chunk, n, eps: f64,
):  # fmt: skip
    """Normalise by given means and variances; a step is a chunk of rows."""
    for i in range(begin, end):
        first = i * chunk
        last = min(first + chunk, rows)
        for start in range(0, n, 256):
            width = min(256, n - start)
            mean = local(C, 256)
            scale = local(C, 256)
            shift = local(C, 256)
            for j in simd(width):
                mean[j] = means[start + j]
                factor: C = 1.0 / sqrt(f64(spreads[start + j]) + eps)
                if WEIGHT:
                    factor = factor * weight[start + j]
                scale[j] = factor
                shift[j] = 0.0
                if BIAS:
                    shift[j] = bias[start + j]
            for r in range(first, last):
                row = x + r * n + start
                to = out + r * n + start
                for j in simd(width):
                    to[j] = (row[j] - mean[j]) * scale[j] + shift[j]


@kernel
def columns_slopes(begin, end, g: ptr(T), x: ptr(T), means: ptr(U), parts: ptr(C), rows, chunk, n):
    """The sums of g and of g (x - mean) over chunks of rows: parts are (chunks, 2, n)."""
    for i in range(begin, end):
        whole = parts + 2 * i * n
        along = whole + n
        for j in simd(n):
            whole[j] = 0.0
            along[j] = 0.0
        for r in range(i * chunk, min(i * chunk + chunk, rows)):
            row = x + r * n
            of = g + r * n
            for j in simd(n):
                whole[j] += of[j]
                along[j] += of[j] * (row[j] - means[j])


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
    sums: ptr(f64), dx: ptr(T), rows, chunk, n, eps: f64,
):  # fmt: skip
    """A step is a chunk of rows; sums are (2, n), of g and of g (x - mean)."""
    for i in range(begin, end):
        first = i * chunk
        last = min(first + chunk, rows)
        for start in range(0, n, 256):
            width = min(256, n - start)
            mean = local(C, 256)
            scale = local(C, 256)
            shift = local(C, 256)
            pull = local(C, 256)
            for j in simd(width):
                mean[j] = means[start + j]
                inner: f64 = 1.0 / sqrt(f64(spreads[start + j]) + eps)
                shift[j] = sums[start + j] / rows
                pull[j] = sums[n + start + j] / rows * inner * inner
                factor: C = inner
                if WEIGHT:
                    factor = factor * weight[start + j]
                scale[j] = factor
            for r in range(first, last):
                row = x + r * n + start
                of = g + r * n + start
                to = dx + r * n + start
                for j in simd(width):
                    if OWN:
                        to[j] = (of[j] - shift[j] - (row[j] - mean[j]) * pull[j]) * scale[j]
                    else:
                        to[j] = of[j] * scale[j]
