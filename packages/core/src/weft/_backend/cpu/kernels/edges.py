"""Kernels of what treats an array's rows by where they stand: triangles, and edges put around.

Elements are moved as they are, so a type stands for all types of its size.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, i64, kernel, ptr, simd

#: Whether the lower triangle is kept; the upper one else.
LOWER = Placeholder("LOWER")


@kernel
def triangle(begin, end, x: ptr(T), out: ptr(T), rows, width, diagonal):
    """What lies on one side of a diagonal, zeros on the other; a step is a row of a matrix."""
    for s in range(begin, end):
        at = s % rows + diagonal
        row = x + s * width
        to = out + s * width
        if LOWER:
            edge = max(0, min(width, at + 1))
            for j in simd(0, edge):
                to[j] = row[j]
            for j in simd(edge, width):
                to[j] = 0
        else:
            edge = max(0, min(width, at))
            for j in simd(0, edge):
                to[j] = 0
            for j in simd(edge, width):
                to[j] = row[j]


@kernel
def surround(
    begin, end, x: ptr(T), out: ptr(T), places: ptr(i64), shape: ptr(i64), steps: ptr(i64), dims,
    width, low, high,
):  # fmt: skip
    """An array with elements of its own around it; a step is a row of the result.

    Rows are numbered over ``dims`` dims of the result, ``shape``. ``places`` tells, dim after dim,
    which of the array's a place of the result is; they are ``steps`` apart. Then come those of the
    ``low`` elements before a row, and of the ``high`` behind it.
    """
    wide = low + width + high
    before = places
    for d in range(dims):
        before = before + shape[d]
    for s in range(begin, end):
        rest = s
        at = 0
        own = before
        for d in range(dims - 1, -1, -1):
            further = rest // shape[d]
            own = own + (0 - shape[d])
            at += own[rest - further * shape[d]] * steps[d]
            rest = further
        row = x + at
        to = out + s * wide
        for j in range(low):
            to[j] = row[before[j]]
        for j in simd(0, width):
            to[low + j] = row[j]
        for j in range(high):
            to[low + width + j] = row[before[low + j]]
