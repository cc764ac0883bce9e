"""Products of a few rows with a large matrix, which is read once, as fast as memory gives it."""

from __future__ import annotations

from weft._backend.cpu.language import (
    Placeholder,
    T,
    function,
    kernel,
    lanes,
    local,
    ptr,
    simd,
    spread,
    static,
    total,
    wide,
)

#: Whether x has four rows or more, and how many are left over when they are taken by fours.
MANY, REST = Placeholder("MANY"), Placeholder("REST")

#: Columns of a result that one step of a kernel computes.
DOTS, STRIP = 4, 16
#: Columns that stay in the first cache while all of the matrix's rows are added to them.
_SPAN = 1024


@function
def dots(out, row, column, x, k, w, step, bias, rows, columns):
    """Put x wᵀ + bias into out: so many rows of x and of w, both numbers known beforehand.

    The result's elements are ``row`` and ``column`` apart, the rows of w ``step``. Each is one sum
    of vectors, whichever others are computed beside it.
    """
    several = lanes(x)
    sums = local(T, rows * columns * lanes(x))
    for s in static(rows * columns):
        spread(sums + s * several, wide(x, 0))
    whole = k // several * several
    for p in range(0, whole, several):
        for j in static(columns):
            for i in static(rows):
                at = sums + (i * columns + j) * several
                spread(at, wide(at) + wide(x + i * k + p) * wide(w + j * step + p))
    part = k - whole
    if part > 0:
        for j in static(columns):
            for i in static(rows):
                at = sums + (i * columns + j) * several
                more = wide(x + i * k + whole, part) * wide(w + j * step + whole, part)
                spread(at, wide(at) + more)
    for j in static(columns):
        for i in static(rows):
            out[i * row + j * column] = total(wide(sums + (i * columns + j) * several)) + bias[j]


@function
def all_dots(out, row, column, x, m, k, w, step, bias, columns):
    """The same for any number of rows of x."""
    if MANY:
        for i in range(0, m // 4 * 4, 4):
            dots(out + i * row, row, column, x + i * k, k, w, step, bias, 4, columns)
    if REST:
        i = m // 4 * 4
        dots(out + i * row, row, column, x + i * k, k, w, step, bias, REST, columns)


@kernel
def along_rows(
    begin, end, out: ptr(T), row, column, x: ptr(T), w: ptr(T), step, bias: ptr(T), m, k, n
):
    """Columns 4 begin to 4 end of x wᵀ + bias: x (m, k), w (n, k); bias (n,)."""
    last = min(end * DOTS, n)
    whole = last // DOTS * DOTS
    for j in range(begin * DOTS, whole, DOTS):
        all_dots(out + j * column, row, column, x, m, k, w + j * step, step, bias + j, DOTS)
    for j in range(whole, last):
        all_dots(out + j * column, row, column, x, m, k, w + j * step, step, bias + j, 1)


@function
def add_rows(out, n, x, k, y, step, first, last, rows, deep):
    """Add so many rows of y, times elements of so many rows of x, to columns of out."""
    several = lanes(out)
    whole = first + (last - first) // several * several
    for j in range(first, whole, several):
        for i in static(rows):
            more = wide(out + i * n + j)
            for p in static(deep):
                more += x[i * k + p] * wide(y + p * step + j)
            spread(out + i * n + j, more)
    part = last - whole
    if part > 0:
        for i in static(rows):
            more = wide(out + i * n + whole, part)
            for p in static(deep):
                more += x[i * k + p] * wide(y + p * step + whole, part)
            spread(out + i * n + whole, more, part)


@function
def add_all_rows(out, n, x, m, k, y, step, first, last, deep):
    """The same for any number of rows of x."""
    if MANY:
        for i in range(0, m // 4 * 4, 4):
            add_rows(out + i * n, n, x + i * k, k, y, step, first, last, 4, deep)
    if REST:
        i = m // 4 * 4
        add_rows(out + i * n, n, x + i * k, k, y, step, first, last, REST, deep)


@kernel
def along_columns(begin, end, out: ptr(T), x: ptr(T), y: ptr(T), step, bias: ptr(T), m, k, n):
    """Columns 16 begin to 16 end of x y + bias: x (m, k), y (k, n); bias (n,)."""
    stop = min(end * STRIP, n)
    for first in range(begin * STRIP, stop, _SPAN):
        last = min(first + _SPAN, stop)
        for i in range(m):
            for j in simd(first, last):
                out[i * n + j] = bias[j]
        whole = k // 4 * 4
        for p in range(0, whole, 4):
            add_all_rows(out, n, x + p, m, k, y + p * step, step, first, last, 4)
        for p in range(whole, k):
            add_all_rows(out, n, x + p, m, k, y + p * step, step, first, last, 1)
