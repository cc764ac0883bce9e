"""Normalising kernels over rows and over the channels of images, forward and backward.

Sums run over blocks in the type of computing and are joined in float64, so that long rows lose
nothing. What parameters receive is summed by chunks of rows, which depend on the shape alone, and
joined in the chunks' order: the number of threads changes no bit.
"""

from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    f64,
    function,
    kernel,
    local,
    ptr,
    simd,
    sqrt,
)

#: Elements that are summed in the type of computing before they join a sum in float64.
BLOCK = 4096
WEIGHT = Placeholder("WEIGHT")  # whether there is a weight
BIAS = Placeholder("BIAS")  # whether there is a bias
CENTRED = Placeholder("CENTRED")  # whether the mean is taken away
PARAMS = Placeholder("PARAMS")  # whether the parameters receive gradients


@function(loose=True)
def sum_of(x, n):
    """The sum of n numbers side by side."""
    whole: f64 = 0.0
    for start in range(0, n, BLOCK):
        part: C = 0.0
        for j in range(start, min(start + BLOCK, n)):
            part += x[j]
        whole += part
    return whole


@function(loose=True)
def squares(x, n, mean):
    """The sum of the squares of n numbers' distances from a mean."""
    whole: f64 = 0.0
    for start in range(0, n, BLOCK):
        part: C = 0.0
        for j in range(start, min(start + BLOCK, n)):
            part += (x[j] - mean) * (x[j] - mean)
        whole += part
    return whole


@kernel
def layer_forward(begin, end, x: ptr(T), weight: ptr(T), bias: ptr(T), out: ptr(T), n, eps: f64):
    """Rows of n, each by its own mean and variance, or by its root mean square alone."""
    for i in range(begin, end):
        row = x + i * n
        to = out + i * n
        mean: C = 0.0
        if CENTRED:
            mean = sum_of(row, n) / n
        root: C = 1.0 / sqrt(squares(row, n, mean) / n + eps)
        for j in simd(n):
            y = (row[j] - mean) * root
            if WEIGHT:
                y = y * weight[j]
            if BIAS:
                y = y + bias[j]
            to[j] = y


@kernel
def layer_backward(
    begin, end, g: ptr(T), x: ptr(T), weight: ptr(T), dx: ptr(T), dw: ptr(C), db: ptr(C),
    rows, chunk, n, eps: f64,
):  # fmt: skip
    """A step is a chunk of rows, with sums of its own for the parameters: dw and db (chunks, n)."""
    for i in range(begin, end):
        if PARAMS:
            to_w = dw + i * n
            to_b = db + i * n
            for j in simd(n):
                to_w[j] = 0.0
                to_b[j] = 0.0
        for r in range(i * chunk, min(i * chunk + chunk, rows)):
            row = x + r * n
            of = g + r * n
            to = dx + r * n
            mean: C = 0.0
            if CENTRED:
                mean = sum_of(row, n) / n
            whole: f64 = 0.0
            along: f64 = 0.0
            apart: f64 = 0.0
            for start in range(0, n, BLOCK):
                part: C = 0.0
                part_along: C = 0.0
                part_apart: C = 0.0
                for j in range(start, min(start + BLOCK, n)):
                    d = row[j] - mean
                    h = of[j]
                    if WEIGHT:
                        h = h * weight[j]
                    part += h
                    part_along += h * d
                    part_apart += d * d
                whole += part
                along += part_along
                apart += part_apart
            inner = 1.0 / sqrt(apart / n + eps)
            root: C = inner
            shift: C = 0.0
            if CENTRED:
                shift = whole / n
            pull: C = along / n * inner * inner
            for j in simd(n):
                d = row[j] - mean
                h = of[j]
                if PARAMS:
                    to_w[j] += h * d * root
                    to_b[j] += h
                if WEIGHT:
                    h = h * weight[j]
                to[j] = (h - shift - d * pull) * root


@kernel
def join(begin, end, parts: ptr(C), out: ptr(T), chunks, n):
    """Sums over chunks in their order; a step is 64 columns."""
    for i in range(begin, end):
        first = i * 64
        width = min(64, n - first)
        whole = local(C, 64)
        for j in simd(width):
            whole[j] = parts[first + j]
        for c in range(1, chunks):
            part = parts + c * n + first
            for j in simd(width):
                whole[j] += part[j]
        for j in simd(width):
            out[first + j] = whole[j]


@kernel
def group_forward(
    begin, end, x: ptr(T), weight: ptr(T), bias: ptr(T), out: ptr(T), groups, channels, n, eps: f64,
):  # fmt: skip
    """A step is a group of one example: channels of n elements each."""
    for i in range(begin, end):
        row = x + i * channels * n
        to = out + i * channels * n
        mean: C = sum_of(row, channels * n) / (channels * n)
        root: C = 1.0 / sqrt(squares(row, channels * n, mean) / (channels * n) + eps)
        first = i % groups * channels
        for k in range(channels):
            scale: C = root
            shift: C = 0.0
            if WEIGHT:
                scale = root * weight[first + k]
            if BIAS:
                shift = bias[first + k]
            for j in simd(k * n, k * n + n):
                to[j] = (row[j] - mean) * scale + shift


@kernel
def group_backward(
    begin, end, g: ptr(T), x: ptr(T), weight: ptr(T), dx: ptr(T), dw: ptr(C), db: ptr(C),
    groups, channels, n, eps: f64,
):  # fmt: skip
    """The same; dw and db are (examples, all channels)."""
    for i in range(begin, end):
        row = x + i * channels * n
        of = g + i * channels * n
        to = dx + i * channels * n
        first = i % groups * channels
        mean: C = sum_of(row, channels * n) / (channels * n)
        inner: f64 = 1.0 / sqrt(squares(row, channels * n, mean) / (channels * n) + eps)
        root: C = inner
        whole: f64 = 0.0
        along: f64 = 0.0
        for k in range(channels):
            sum_g: f64 = 0.0
            sum_gd: f64 = 0.0
            for start in range(k * n, k * n + n, BLOCK):
                part: C = 0.0
                part_along: C = 0.0
                for j in range(start, min(start + BLOCK, k * n + n)):
                    part += of[j]
                    part_along += of[j] * (row[j] - mean)
                sum_g += part
                sum_gd += part_along
            if PARAMS:
                dw[i * channels + k] = sum_gd * inner
                db[i * channels + k] = sum_g
            if WEIGHT:
                sum_g = sum_g * weight[first + k]
                sum_gd = sum_gd * weight[first + k]
            whole += sum_g
            along += sum_gd
        shift: C = whole / (channels * n)
        pull: C = along / (channels * n) * inner * inner
        for k in range(channels):
            scale: C = 1.0
            if WEIGHT:
                scale = weight[first + k]
            for j in simd(k * n, k * n + n):
                to[j] = (of[j] * scale - shift - (row[j] - mean) * pull) * root
