"""A kernel of depthwise convolution, 3x3 with a border of one zero, for planes that lie densely."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import C, Placeholder, T, kernel, lanes, ptr, spread, wide

#: Whether there is a bias.
BIAS = Placeholder("BIAS")


@kernel
def three_by_three(
    begin, end, x: ptr(T), w: ptr(T), bias: ptr(T), out: ptr(T), channels, height, width
):
    """Convolve planes (height, width) with nine weights each; a step is a plane.

    Down a strip of columns each row is read once and added to the three rows of the result that it
    touches. The strips reach from the second column to the last but one, the last strip over its
    neighbour, so that width - 2 must be a vector at least. The outer columns are computed one by
    one.
    """
    v = lanes(out)
    for s in range(begin, end):
        c = s % channels
        k = w + c * 9
        k00, k01, k02 = k[0], k[1], k[2]
        k10, k11, k12 = k[3], k[4], k[5]
        k20, k21, k22 = k[6], k[7], k[8]
        start = C(0.0)
        if BIAS:
            start = bias[c]
        plane = x + s * height * width
        to = out + s * height * width
        for block in range(0, width - 2, v):
            j = 1 + min(block, width - 2 - v)
            left, middle, right = wide(plane + (j - 1)), wide(plane + j), wide(plane + (j + 1))
            above = start + k10 * left + k11 * middle + k12 * right
            here = start + k00 * left + k01 * middle + k02 * right
            for r in range(1, height):
                row = plane + (r * width + j - 1)
                left, middle, right = wide(row), wide(row + 1), wide(row + 2)
                done = above + (k20 * left + k21 * middle + k22 * right)
                above = here + (k10 * left + k11 * middle + k12 * right)
                here = start + (k00 * left + k01 * middle + k02 * right)
                spread(to + ((r - 1) * width + j), done)
            spread(to + ((height - 1) * width + j), above)
        first, second = plane[0], plane[1]
        last, other = plane[width - 1], plane[width - 2]
        a = start + k11 * first + k12 * second
        b = start + k01 * first + k02 * second
        y = start + k11 * last + k10 * other
        z = start + k01 * last + k00 * other
        for r in range(1, height):
            row = plane + r * width
            first, second = row[0], row[1]
            last, other = row[width - 1], row[width - 2]
            to[(r - 1) * width] = a + (k21 * first + k22 * second)
            a = b + (k11 * first + k12 * second)
            b = start + (k01 * first + k02 * second)
            to[(r - 1) * width + width - 1] = y + (k21 * last + k20 * other)
            y = z + (k11 * last + k10 * other)
            z = start + (k01 * last + k00 * other)
        to[(height - 1) * width] = a
        to[(height - 1) * width + width - 1] = y
