"""Kernels that copy between layouts, about as fast as memory gives.

An array is a shape and the steps from element to element along each dim, the dims in the order in
which the result lies in memory. ``outer`` says how many dims come before the ones that loops inside
a step go over.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    Placeholder,
    T,
    alike,
    copy,
    function,
    i64,
    kernel,
    lanes,
    length,
    memory,
    ptr,
    ref,
    simd,
    static,
    stream,
    turn,
)

#: The source's step along rows if it is 1 or -1, else 0.
ALONG = Placeholder("ALONG")
#: How long rows are if they are so short that they are written out; else 0.
WIDTH = Placeholder("WIDTH")
#: Whether the result is too large for the caches, and written past them.
PAST = Placeholder("PAST")
#: Rows of a step where rows become columns: those of one square or more.
STRIP = Placeholder("STRIP")


@function
def move(to, source, many):
    """Copy elements without gaps, past the caches if the result is too large for them."""
    if PAST:
        stream(to, source, many)
    else:
        copy(to, source, many)


@kernel
def fill(begin, end, number: ptr(T), out: ptr(T)):
    """Put one number everywhere; a step is an element."""
    own = number[0]
    for i in simd(begin, end):
        out[i] = own


@kernel
def copy_flat(begin, end, x: ptr(T), out: ptr(T)):
    """Copy what has no gaps; a step is an element."""
    move(out + begin, x + begin, end - begin)


@function
def place(number, shape, steps, outer):
    """Where the block with a number begins."""
    at = 0
    rest = number
    for d in range(outer - 1, -1, -1):
        further = rest // shape[d]
        at += (rest - further * shape[d]) * steps[d]
        rest = further
    return at


@kernel
def copy_rows(
    begin, end, x: ptr(T), out: ptr(T), shape: ptr(i64), x_steps: ptr(i64), out_steps: ptr(i64),
    outer, rows, x_row, out_row, width, step,
):  # fmt: skip
    """Copy matrices row by row; a step is a row. ``step`` is the source's along it."""
    s = begin
    while s < end:
        matrix = s // rows
        first = s - matrix * rows
        many = min(end - s, rows - first)
        source = x + (place(matrix, shape, x_steps, outer) + first * x_row)
        to = out + (place(matrix, shape, out_steps, outer) + first * out_row)
        for i in range(many):
            row = source + i * x_row
            there = to + i * out_row
            if WIDTH > 0:
                for j in static(WIDTH):
                    there[j] = row[j]
            elif ALONG == 1:
                if width < 256:
                    for j in simd(0, width):
                        there[j] = row[j]
                else:
                    copy(there, row, width)
            elif ALONG == -1:
                for j in simd(0, width):
                    there[j] = row[-j]
            else:
                for j in simd(0, width):
                    there[j] = row[j * step]
        s += many


@kernel
def join_flat(begin, end, arrays: ptr(i64), starts: ptr(i64), out: ptr(T)):
    """Join arrays without gaps, one behind the other; a step is an element of the result.

    Args:
        arrays: the addresses of the array objects.
        starts: where each begins in the result, and where the last one ends.
    """
    q = 0
    at = begin
    while at < end:
        while starts[q + 1] <= at:
            q += 1
        many = min(end, starts[q + 1]) - at
        move(out + at, memory(T, arrays[q]) + (at - starts[q]), many)
        at += many


@kernel
def stack_flat(
    begin, end, arrays: ptr(i64), count, first: ref, dims, width, out: ptr(T), misfits: ptr(i64)
):
    """Put arrays one behind the other that are all like the first; a step is an element.

    Args:
        arrays: the addresses of the array objects.
        count: how many arrays there are.
        first: the first of them.
        dims: how many dims it has.
        width: how many elements it has.
        misfits: becomes 1 if one has gaps, or is of another shape or dtype; nothing is copied then.
    """
    fit = i64(1)
    for q in range(count):
        if alike(arrays[q], first):
            for d in range(dims):
                if length(arrays[q], d) != length(first, d):
                    fit = 0
        else:
            fit = 0
    if fit == 0:
        misfits[0] = 1
    else:
        at = begin
        while at < end:
            q = at // width
            within = at - q * width
            many = min(end - at, width - within)
            move(out + at, memory(T, arrays[q]) + within, many)
            at += many


@kernel
def join_rows(
    begin, end, arrays: ptr(i64), widths: ptr(i64), starts: ptr(i64), out: ptr(T),
    count, total, many,
):  # fmt: skip
    """Join rows of arrays without gaps, ``many`` of each in turn; a step is a row of the result.

    One array after the other would touch each line of the result's memory once for each of them.

    Args:
        arrays: the addresses of the array objects.
        widths: how long the rows of each are.
        starts: where they begin in a row of the result.
        count: how many arrays there are.
        total: how long the result's rows are.
    """
    for first in range(begin, end, many):
        stop = min(end, first + many)
        for q in range(count):
            width = widths[q]
            source = memory(T, arrays[q])
            to = out + starts[q]
            for r in range(first, stop):
                row = source + r * width
                there = to + r * total
                if WIDTH > 0:
                    for j in static(WIDTH):
                        there[j] = row[j]
                else:
                    if width < 256:
                        for j in simd(0, width):
                            there[j] = row[j]
                    else:
                        copy(there, row, width)


@kernel
def copy_turned(
    begin, end, x: ptr(T), out: ptr(T), shape: ptr(i64), x_steps: ptr(i64), out_steps: ptr(i64),
    outer, rows, width, row_step, step, strips, before, left,
):  # fmt: skip
    """Copy matrices whose rows lie in the source as columns; a step is STRIP rows of one.

    In the source rows are one apart and columns ``step``, in the result columns are one apart and
    rows ``row_step``. Squares are turned in registers. They begin ``before`` rows and ``left``
    columns from the corner, where lines of memory do, so that each is read and written once; the
    first strip has the rows before as well.
    """
    side = lanes(x)
    for s in range(begin, end):
        matrix = s // strips
        first = (s - matrix * strips) * STRIP
        top = 0
        if first == 0:
            top = min(before, rows)
        else:
            first += before
        many = min(rows - first, STRIP + top)
        source = x + (place(matrix, shape, x_steps, outer) + first)
        to = out + (place(matrix, shape, out_steps, outer) + first * row_step)
        columns = left + max(width - left, 0) // side * side
        squares = top + (many - top) // side * side
        for i in range(many):
            for k in range(min(left, width)):
                to[i * row_step + k] = source[k * step + i]
        for j in range(left, columns, side):
            for i in range(top):
                for k in simd(j, j + side):
                    to[i * row_step + k] = source[k * step + i]
            for i in range(top, squares, side):
                turn(to + (i * row_step + j), row_step, source + (j * step + i), step)
            for i in range(squares, many):
                for k in simd(j, j + side):
                    to[i * row_step + k] = source[k * step + i]
        for i in range(many):
            for k in simd(columns, width):
                to[i * row_step + k] = source[k * step + i]
