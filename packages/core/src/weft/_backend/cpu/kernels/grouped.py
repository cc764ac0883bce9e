"""A kernel of convolutions in groups of few channels, whose sums stay in registers.

A vector reaches over places of a plane, which lie side by side; images are read, and the result is
written, in the order of their indices.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.kernels.direct import framed_row
from weft._backend.cpu.language import (
    Placeholder,
    T,
    function,
    kernel,
    lanes,
    local,
    ptr,
    spread,
    static,
    wide,
)

#: Whether there is a bias.
BIAS = Placeholder("BIAS")
#: Channels of a group, in the image and in the result.
CHANNELS, OUTS = Placeholder("CHANNELS"), Placeholder("OUTS")
#: The window, and vectors of places whose sums are kept at once.
HEIGHT, WIDTH, VECTORS = Placeholder("HEIGHT"), Placeholder("WIDTH"), Placeholder("VECTORS")
#: Elements of a group's image that are kept at hand.
ROOM = 12288


@function
def tile(to, plane, x, channel, row, w, bias):
    """VECTORS of places of a row, in all of a group's channels, which lie ``plane`` apart.

    The image's channels lie ``channel`` apart, and its rows ``row``.
    """
    v = lanes(to)
    sums = local(T, OUTS * VECTORS * lanes(to))
    for o in static(OUTS):
        first = wide(x, 0)
        if BIAS:
            first = first + bias[o]
        for j in static(VECTORS):
            spread(sums + (o * VECTORS + j) * v, first)
    for c in range(CHANNELS):
        for a in range(HEIGHT):
            line = x + (c * channel + a * row)
            k = w + (c * HEIGHT + a) * WIDTH
            for b in static(WIDTH):
                for o in static(OUTS):
                    factor = k[o * CHANNELS * HEIGHT * WIDTH + b]
                    for j in static(VECTORS):
                        s = sums + (o * VECTORS + j) * v
                        spread(s, wide(s) + factor * wide(line + (j * v + b)))
    for o in static(OUTS):
        for j in static(VECTORS):
            spread(to + (o * plane + j * v), wide(sums + (o * VECTORS + j) * v))


@kernel
def forward(
    begin, end, x: ptr(T), w: ptr(T), bias: ptr(T), out: ptr(T), groups, height, width, rows,
    columns, top, left, band, bands,
):  # fmt: skip
    """Convolve; a step is ``band`` rows of a group of the result.

    x is (N, groups, CHANNELS, height, width), begins at (top, left) of what windows meet, and is 0
    around; w is (groups, OUTS, CHANNELS, HEIGHT, WIDTH), the result (N, groups, OUTS, rows,
    columns). There are as many columns as VECTORS hold, at least.
    """
    near = local(T, ROOM)
    broad = columns + WIDTH - 1
    vectors = VECTORS * lanes(out)
    for s in range(begin, end):
        both = s // bands
        first = (s - both * bands) * band
        many = min(rows - first, band)
        tall = many + HEIGHT - 1
        for c in range(CHANNELS):
            plane = x + (both * CHANNELS + c) * height * width
            for y in range(tall):
                to = near + (c * tall + y) * broad
                framed_row(to, plane, first + y - top, height, width, width, 1, left, broad)
        group = both % groups
        weights = w + group * OUTS * CHANNELS * HEIGHT * WIDTH
        own = out + (both * OUTS * rows + first) * columns
        for r in range(many):
            for q in range(0, columns, vectors):
                p = min(q, columns - vectors)
                tile(
                    own + (r * columns + p), rows * columns, near + (r * broad + p), tall * broad,
                    broad, weights, bias + group * OUTS,
                )  # fmt: skip
