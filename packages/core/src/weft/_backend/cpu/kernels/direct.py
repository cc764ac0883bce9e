"""Kernels of convolutions whose sums stay in registers: images read in the order of their indices.

A vector reaches over the result's channels, which lie side by side; a number of the image is met by
one vector of weights for each. So images of few channels fill the vectors as those of many do.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    Placeholder,
    T,
    copy,
    function,
    kernel,
    lanes,
    local,
    ptr,
    simd,
    spread,
    static,
    turn,
    wide,
)

#: Whether there is a bias, and whether what is below zero becomes zero.
BIAS, RELU = Placeholder("BIAS"), Placeholder("RELU")
#: Places by vectors of channels: the sums that are kept at once.
PLACES, VECTORS = Placeholder("PLACES"), Placeholder("VECTORS")
#: The window's height and width, and its steps along a row.
HEIGHT, WIDTH, STEP = Placeholder("HEIGHT"), Placeholder("WIDTH"), Placeholder("STEP")
#: Rows of the window whose sums are kept at once.
ROWS = Placeholder("ROWS")
#: Whether a result's cotangent lies in the order of its indices, and places of it kept at hand.
PLAIN, NEAR = Placeholder("PLAIN"), 128


@function
def framed_row(to, x, y, height, width, row_step, step, left, broad):
    """Put row y of a plane (height, width), zeros if it has none such, into a row of ``broad``."""
    if y < 0 or y >= height:
        for j in simd(broad):
            to[j] = 0.0
    else:
        row = x + y * row_step
        for j in range(left):
            to[j] = 0.0
        if step == 1:
            copy(to + left, row, width)
        else:
            for j in simd(width):
                to[left + j] = row[j * step]
        for j in range(left + width, broad):
            to[j] = 0.0


@kernel
def framed(
    begin, end, x: ptr(T), out: ptr(T), channels, height, width, tall, broad, top, left,
    image_step, channel_step, row_step, step,
):  # fmt: skip
    """Images with zeros around, in the order of their indices; a step is a row of the result.

    x is (N, channels, height, width), its dims so many elements apart; the result's planes are
    (tall, broad), and x begins at (top, left) in them.
    """
    for s in range(begin, end):
        plane = s // tall
        n = plane // channels
        own = x + (n * image_step + (plane - n * channels) * channel_step)
        y = s - plane * tall - top
        framed_row(out + s * broad, own, y, height, width, row_step, step, left, broad)


@function
def tile(to, to_step, x, plane, row, column, w, w_step, bias, channels):
    """PLACES of a row of the result, VECTORS of their channels.

    The image's channels lie ``plane`` apart, and what a window meets in a channel ``row`` and
    ``column``; weights of one number of the window ``w_step``.
    """
    v = lanes(to)
    sums = local(T, PLACES * VECTORS * lanes(to))
    for j in static(VECTORS):
        first = wide(w, 0)
        if BIAS:
            first = wide(bias + j * v)
        for i in static(PLACES):
            spread(sums + (i * VECTORS + j) * v, first)
    k = w
    for c in range(channels):
        for a in range(HEIGHT):
            line = x + (c * plane + a * row)
            for b in range(WIDTH):
                at = line + b * column
                for i in static(PLACES):
                    factor = at[i * STEP]
                    for j in static(VECTORS):
                        s = sums + (i * VECTORS + j) * v
                        spread(s, wide(s) + factor * wide(k + j * v))
                k = k + w_step
    for i in static(PLACES):
        for j in static(VECTORS):
            y = wide(sums + (i * VECTORS + j) * v)
            if RELU:
                y = max(y, wide(w, 0))
            spread(to + i * to_step + j * v, y)


@kernel
def forward(
    begin, end, x: ptr(T), w: ptr(T), bias: ptr(T), out: ptr(T), channels, tall, broad, outs, rows,
    columns, row_step, down, across,
):  # fmt: skip
    """Convolve; a step is a row of the result, (N, rows, columns, outs).

    x is (N, channels, tall, broad), with its zeros around. The weights are packed in ``panels``:
    (outs / side, channels * window, side). Windows begin ``row_step`` rows apart; what one meets is
    ``down`` rows and ``across`` columns apart. There are PLACES columns at least.
    """
    side = 2 * lanes(out)
    block = VECTORS * lanes(out)
    taps = channels * HEIGHT * WIDTH
    for s in range(begin, end):
        n = s // rows
        image = x + (n * channels * tall + (s - n * rows) * row_step) * broad
        to = out + s * columns * outs
        for o in range(0, outs, block):
            panel = w + (o // side * taps * side + o % side)
            for q in range(0, columns, PLACES):
                p = min(q, columns - PLACES)
                tile(
                    to + (p * outs + o), outs, image + p * STEP, tall * broad, down * broad, across,
                    panel, side, bias + o, channels,
                )  # fmt: skip


@function
def add_row(to, g, g_step, x, row, columns):
    """Add what a row of the result gives to ROWS of the window, one channel to VECTORS."""
    v = lanes(to)
    sums = local(T, ROWS * WIDTH * VECTORS * lanes(to))
    for k in static(ROWS * WIDTH * VECTORS):
        spread(sums + k * v, wide(to + k * v))
    for p in range(columns):
        at = x + p * STEP
        from_p = g + p * g_step
        for a in static(ROWS):
            for b in static(WIDTH):
                factor = at[a * row + b]
                for j in static(VECTORS):
                    s = sums + ((a * WIDTH + b) * VECTORS + j) * v
                    spread(s, wide(s) + factor * wide(from_p + j * v))
    for k in static(ROWS * WIDTH * VECTORS):
        spread(to + k * v, wide(sums + k * v))


@function
def side_by_side(to, g, step, columns):
    """Put a row of VECTORS of channels, which lie so far apart, next to each other."""
    v = lanes(to)
    block = VECTORS * lanes(to)
    if columns >= v:
        for p in range(0, columns, v):
            q = min(p, columns - v)
            for j in static(VECTORS):
                turn(to + (q * block + j * v), block, g + (j * v * step + q), step)
    else:
        for p in range(columns):
            for j in range(block):
                to[p * block + j] = g[j * step + p]


@kernel
def to_weight(
    begin, end, x: ptr(T), g: ptr(T), parts: ptr(T), channels, tall, broad, outs, rows, columns,
    row_step, images, shares,
):  # fmt: skip
    """Add up the cotangents of the weights; a step is one of several shares of all rows.

    x is as :func:`forward` reads it, g (images, outs, rows, columns) if it is PLAIN, or else
    (images, rows, columns, outs). The shares' own sums, zero at first, are (shares, outs / block,
    channels, HEIGHT, WIDTH, block), block being VECTORS long.
    """
    block = VECTORS * lanes(parts)
    window = HEIGHT * WIDTH * block
    near = local(T, NEAR * VECTORS * lanes(parts))
    for s in range(begin, end):
        own = parts + s * (outs // block * channels * window)
        for line in range(images * rows * s // shares, images * rows * (s + 1) // shares):
            n = line // rows
            r = line - n * rows
            image = x + (n * channels * tall + r * row_step) * broad
            for o in range(0, outs, block):
                for q in range(0, columns, NEAR):
                    many = min(columns - q, NEAR)
                    to = own + o * channels * HEIGHT * WIDTH
                    if PLAIN:
                        plane = rows * columns
                        side_by_side(
                            near, g + ((n * outs + o) * plane + r * columns + q), plane, many
                        )
                    for c in range(channels):
                        for a in range(0, HEIGHT, ROWS):
                            at = image + ((c * tall + a) * broad + q * STEP)
                            if PLAIN:
                                add_row(to, near, block, at, broad, many)
                            else:
                                there = g + ((line * columns + q) * outs + o)
                                add_row(to, there, outs, at, broad, many)
                            to = to + ROWS * WIDTH * block


@kernel
def gathered(begin, end, parts: ptr(T), out: ptr(T), channels, outs, shares):
    """Add up the shares of :func:`to_weight`: (outs, channels, HEIGHT, WIDTH).

    A step is one channel to a block of the others.
    """
    v = lanes(out)
    block = VECTORS * lanes(out)
    sums = local(T, HEIGHT * WIDTH * VECTORS * lanes(out))
    window = HEIGHT * WIDTH * block
    size = outs * channels * HEIGHT * WIDTH
    for s in range(begin, end):
        for k in range(0, window, v):
            sum_k = wide(parts + (s * window + k))
            for share in range(1, shares):
                sum_k = sum_k + wide(parts + (share * size + s * window + k))
            spread(sums + k, sum_k)
        o = s // channels
        to = out + (o * block * channels + s - o * channels) * HEIGHT * WIDTH
        for i in range(block):
            for k in range(HEIGHT * WIDTH):
                to[i * channels * HEIGHT * WIDTH + k] = sums[k * block + i]
