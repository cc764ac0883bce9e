"""Normalising groups of channels that lie side by side: images as rows of columns.

An image is (examples, n, channels). Chunks of its rows have sums of their own for each channel,
which are joined in the chunks' order, then over a group's channels.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.norms import BIAS, WEIGHT
from weft._backend.cpu.language import C, T, f64, kernel, local, ptr, simd, sqrt

#: Columns worked on at once.
TILE = 512


@kernel
def sums(begin, end, x: ptr(T), parts: ptr(C), n, chunk, chunks, channels):
    """The means of chunks of rows and their squares from them, by channel."""
    mean = local(C, TILE)
    whole = local(C, TILE)
    for i in range(begin, end):
        e = i // chunks
        first = i % chunks * chunk
        last = min(first + chunk, n)
        share: C = 1.0 / (last - first)
        for start in range(0, channels, TILE):
            width = min(TILE, channels - start)
            means = parts + i * 2 * channels + start
            apart = means + channels
            for j in simd(width):
                whole[j] = 0.0
            for r in range(first, last):
                row = x + (e * n + r) * channels + start
                for j in simd(width):
                    whole[j] += row[j]
            for j in simd(width):
                mean[j] = whole[j] * share
                means[j] = mean[j]
                whole[j] = 0.0
            for r in range(first, last):
                row = x + (e * n + r) * channels + start
                for j in simd(width):
                    whole[j] += (row[j] - mean[j]) * (row[j] - mean[j])
            for j in simd(width):
                apart[j] = whole[j]


@kernel
def moments(
    begin, end, parts: ptr(C), means: ptr(C), roots: ptr(C), n, chunk, chunks, channels, groups,
    eps: f64,
):  # fmt: skip
    """A step is an example: parts are (examples, chunks, 2, channels), the results by channel."""
    size = channels // groups
    for e in range(begin, end):
        own = parts + e * chunks * 2 * channels
        for k in range(groups):
            first = k * size
            mean: f64 = 0.0
            for c in range(chunks):
                share = f64(min(chunk, n - c * chunk))
                for j in range(first, first + size):
                    mean += own[c * 2 * channels + j] * share
            mean = mean / (n * size)
            apart: f64 = 0.0
            for c in range(chunks):
                share = f64(min(chunk, n - c * chunk))
                for j in range(first, first + size):
                    d = own[c * 2 * channels + j] - mean
                    apart += own[(c * 2 + 1) * channels + j] + d * d * share
            root = 1.0 / sqrt(apart / (n * size) + eps)
            for j in range(first, first + size):
                means[e * channels + j] = mean
                roots[e * channels + j] = root


@kernel
def apply(
    begin, end, x: ptr(T), means: ptr(C), roots: ptr(C), weight: ptr(T), bias: ptr(T), out: ptr(T),
    n, chunk, chunks, channels,
):  # fmt: skip
    """A step is a chunk of an example's rows."""
    mean = local(C, TILE)
    scale = local(C, TILE)
    shift = local(C, TILE)
    for i in range(begin, end):
        e = i // chunks
        first = i % chunks * chunk
        last = min(first + chunk, n)
        for start in range(0, channels, TILE):
            width = min(TILE, channels - start)
            for j in simd(width):
                mean[j] = means[e * channels + start + j]
                factor = roots[e * channels + start + j]
                if WEIGHT:
                    factor = factor * weight[start + j]
                scale[j] = factor
                shift[j] = 0.0
                if BIAS:
                    shift[j] = bias[start + j]
            for r in range(first, last):
                row = x + (e * n + r) * channels + start
                to = out + (e * n + r) * channels + start
                for j in simd(width):
                    to[j] = (row[j] - mean[j]) * scale[j] + shift[j]


@kernel
def slopes(
    begin, end, g: ptr(T), x: ptr(T), means: ptr(C), parts: ptr(C), n, chunk, chunks, channels
):
    """The sums of g and of g (x - mean) by channel: parts are (examples, chunks, 2, channels)."""
    mean = local(C, TILE)
    sums = local(C, TILE)
    alongs = local(C, TILE)
    for i in range(begin, end):
        e = i // chunks
        first = i % chunks * chunk
        last = min(first + chunk, n)
        for start in range(0, channels, TILE):
            width = min(TILE, channels - start)
            for j in simd(width):
                mean[j] = means[e * channels + start + j]
                sums[j] = 0.0
                alongs[j] = 0.0
            for r in range(first, last):
                row = x + (e * n + r) * channels + start
                of = g + (e * n + r) * channels + start
                for j in simd(width):
                    sums[j] += of[j]
                    alongs[j] += of[j] * (row[j] - mean[j])
            whole = parts + i * 2 * channels + start
            along = whole + channels
            for j in simd(width):
                whole[j] = sums[j]
                along[j] = alongs[j]


@kernel
def pulls(
    begin, end, parts: ptr(C), roots: ptr(C), weight: ptr(T), shifts: ptr(C), pull: ptr(C),
    dw: ptr(C), db: ptr(C), n, chunks, channels, groups,
):  # fmt: skip
    """A step is an example: what the slopes are made of, by channel."""
    size = channels // groups
    for e in range(begin, end):
        own = parts + e * chunks * 2 * channels
        for k in range(groups):
            whole: f64 = 0.0
            along: f64 = 0.0
            root: f64 = roots[e * channels + k * size]
            for j in range(k * size, k * size + size):
                part: f64 = 0.0
                part_along: f64 = 0.0
                for c in range(chunks):
                    part += own[c * 2 * channels + j]
                    part_along += own[(c * 2 + 1) * channels + j]
                db[e * channels + j] = part
                dw[e * channels + j] = part_along * root
                if WEIGHT:
                    part = part * weight[j]
                    part_along = part_along * weight[j]
                whole += part
                along += part_along
            for j in range(k * size, k * size + size):
                shifts[e * channels + j] = whole / (n * size)
                pull[e * channels + j] = along / (n * size) * root * root


@kernel
def backward(
    begin, end, g: ptr(T), x: ptr(T), means: ptr(C), roots: ptr(C), weight: ptr(T),
    shifts: ptr(C), pulls: ptr(C), dx: ptr(T), n, chunk, chunks, channels,
):  # fmt: skip
    """A step is a chunk of an example's rows."""
    mean = local(C, TILE)
    factor = local(C, TILE)
    shift = local(C, TILE)
    pull = local(C, TILE)
    for i in range(begin, end):
        e = i // chunks
        first = i % chunks * chunk
        last = min(first + chunk, n)
        for start in range(0, channels, TILE):
            width = min(TILE, channels - start)
            for j in simd(width):
                at = e * channels + start + j
                mean[j] = means[at]
                # (g w - shift - (x - mean) pull) root, with the root taken into each part
                factor[j] = roots[at]
                if WEIGHT:
                    factor[j] = roots[at] * weight[start + j]
                shift[j] = shifts[at] * roots[at]
                pull[j] = pulls[at] * roots[at]
            for r in range(first, last):
                row = x + (e * n + r) * channels + start
                of = g + (e * n + r) * channels + start
                to = dx + (e * n + r) * channels + start
                for j in simd(width):
                    to[j] = of[j] * factor[j] - shift[j] - (row[j] - mean[j]) * pull[j]
