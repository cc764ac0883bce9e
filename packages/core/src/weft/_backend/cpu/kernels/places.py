"""Where the largest or smallest number lies: of rows, and of columns side by side."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    function,
    i32,
    i64,
    isnan,
    kernel,
    local,
    ptr,
    select,
    simd,
)

INF = float("inf")
LARGEST = Placeholder("LARGEST")  # whether the largest is looked for, else the smallest
FLOAT = Placeholder("FLOAT")  # whether numbers may be NaN, which goes before all others
#: Columns that are searched side by side, and elements of a row that are looked at before asking.
WIDE, BLOCK = 256, 1024


@function(loose=True)
def extreme(row, n):
    """The largest or smallest of n floats; NaN if one is."""
    if LARGEST:
        best: C = -INF
        for j in range(n):
            best = max(best, row[j])
    else:
        best: C = INF
        for j in range(n):
            best = min(best, row[j])
    return best


@function(loose=True)
def first_equal(row, n, value):
    """The place of the first of n floats that is a value; n if none is. A NaN is any NaN."""
    place: i32 = n
    if isnan(value):
        for j in range(n):
            place = min(place, select(isnan(row[j]), i32(j), i32(n)))
    else:
        for j in range(n):
            place = min(place, select(row[j] == value, i32(j), i32(n)))
    return place


@kernel
def rows_places(begin, end, x: ptr(T), out: ptr(i64), n):
    """Rows of n floats; a step is a row."""
    for i in range(begin, end):
        row = x + i * n
        value = extreme(row, n)
        at = 0
        place = 0
        while at < n:
            width = min(BLOCK, n - at)
            found: i64 = first_equal(row + at, width, value)
            if found < width:
                place = at + found
                at = n
            else:
                at += width
        out[i] = place


@kernel
def columns_places(begin, end, x: ptr(T), out: ptr(i64), n, inner, blocks):
    """The same of (outer, n, inner), of any numbers: a step is up to WIDE columns."""
    best = local(C, WIDE)
    place = local(i32, WIDE)
    for i in range(begin, end):
        first = i % blocks * WIDE
        width = min(WIDE, inner - first)
        rows = x + (i // blocks * n * inner + first)
        for j in simd(width):
            best[j] = rows[j]
            place[j] = 0
        for k in range(1, n):
            row = rows + k * inner
            number: i32 = k
            for j in simd(width):
                value = row[j]
                before = best[j]
                if LARGEST:
                    better = value > before
                else:
                    better = value < before
                if FLOAT:
                    better = (better or isnan(value)) and not isnan(before)
                best[j] = select(better, value, before)
                place[j] = select(better, number, place[j])
        to = out + (i // blocks * inner + first)
        for j in simd(width):
            to[j] = place[j]
