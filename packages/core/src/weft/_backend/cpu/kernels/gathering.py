"""Kernels that read and add up entries of a dim by number; each number is checked as it is used.

Arrays are seen as (outer, length, width): the dims before the one that is indexed, itself, and
those after it. A number out of range sets ``bad`` and is passed over.

Sums are taken in the order of the index whatever the number of threads: threads part the targets,
never the sources.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    I,
    Placeholder,
    T,
    U,
    boolean,
    copy,
    function,
    i64,
    kernel,
    prefetch,
    ptr,
    select,
    simd,
    static,
    u64,
)

#: Whether negative numbers count from the end.
WRAP = Placeholder("WRAP")
#: Whether rows are so short that a loop beats a call that copies.
SHORT = Placeholder("SHORT")
#: The bytes of an element, and how many lines of memory of a row are asked for before its turn.
SIZE = Placeholder("SIZE")
AHEAD = Placeholder("AHEAD")

#: How elements that meet are joined: "set", "max", "min" or "mul".
HOW = Placeholder("HOW")
#: Whether what a place holds already takes part.
OWN = Placeholder("OWN")


@function
def wrapped(at, length):
    """A number, counted from the end if it is negative."""
    return select(at < 0, at + length, at)


@kernel
def find_outside(begin, end, index: ptr(I), length, bad: ptr(i64)):
    """Tell whether a number is negative or not below the length; a step is a number."""
    wrong = 0
    for i in simd(begin, end):
        wrong = wrong | i64(u64(i64(index[i])) >= u64(length))
    if wrong != 0:
        bad[0] = 1


@kernel
def take_rows(
    begin, end, x: ptr(T), index: ptr(I), out: ptr(T), count, length, width, bad: ptr(i64)
):
    """out[o, i, :] = x[o, index[i], :]; a step is a row of the result."""
    for s in range(begin, end):
        o = s // count
        at = i64(index[s - o * count])
        if WRAP:
            at = wrapped(at, length)
        # the row after the next, wherever it is: nothing is read of it yet
        later = x + (o * length + i64(index[min(s - o * count + 2, count - 1)])) * width
        for k in static(AHEAD):
            prefetch(later + k * (64 // SIZE))
        if u64(at) < u64(length):
            to = out + s * width
            source = x + (o * length + at) * width
            if SHORT:
                for j in simd(0, width):
                    to[j] = source[j]
            else:
                copy(to, source, width)
        else:
            bad[0] = 1


@kernel
def take_elements(begin, end, x: ptr(T), index: ptr(I), out: ptr(T), count, length, bad: ptr(i64)):
    """out[o, i] = x[o, index[i]]; a step is an element of the result."""
    s = begin
    while s < end:
        o = s // count
        stop = min(end, o * count + count)
        row = x + o * length
        numbers = index + (s - o * count)
        to = out + s
        wrong = 0
        for i in simd(0, stop - s):
            at = i64(numbers[i])
            if WRAP:
                at = wrapped(at, length)
            outside = u64(at) >= u64(length)
            wrong = wrong | i64(outside)
            to[i] = row[select(outside, 0, at)]
        if wrong != 0:
            bad[0] = 1
        s = stop


@kernel
def pick(begin, end, x: ptr(T), index: ptr(I), out: ptr(T), count, length, width, bad: ptr(i64)):
    """out[o, i, j] = x[o, index[o, i, j], j]; a step is one (o, i)."""
    for s in range(begin, end):
        plane = x + s // count * length * width
        numbers = index + s * width
        to = out + s * width
        wrong = 0
        for j in simd(0, width):
            at = i64(numbers[j])
            outside = u64(at) >= u64(length)
            wrong = wrong | i64(outside)
            to[j] = plane[select(outside, 0, at) * width + j]
        if wrong != 0:
            bad[0] = 1


@kernel
def pick_last(begin, end, x: ptr(T), index: ptr(I), out: ptr(T), count, length, bad: ptr(i64)):
    """out[o, i] = x[o, index[o, i]]; a step is an element of the result."""
    s = begin
    while s < end:
        o = s // count
        stop = min(end, o * count + count)
        row = x + o * length
        numbers = index + s
        to = out + s
        wrong = 0
        for i in simd(0, stop - s):
            at = i64(numbers[i])
            outside = u64(at) >= u64(length)
            wrong = wrong | i64(outside)
            to[i] = row[select(outside, 0, at)]
        if wrong != 0:
            bad[0] = 1
        s = stop


@kernel
def add_rows_by_target(
    begin, end, x: ptr(T), index: ptr(I), out: ptr(U), count, length, width, bad: ptr(i64)
):
    """out[o, index[i], :] += x[o, i, :], out zero before; a step is a row of the result."""
    for k in simd(begin * width, end * width):
        out[k] = 0
    r = begin
    while r < end:
        o = r // length
        first = r - o * length
        beyond = min(end - o * length, length)
        plane = out + o * length * width
        own = x + o * count * width
        for i in range(count):
            at = i64(index[i])
            if WRAP:
                at = wrapped(at, length)
            if u64(at) >= u64(length):
                bad[0] = 1
            if at >= first and at < beyond:
                to = plane + at * width
                source = own + i * width
                for j in simd(0, width):
                    to[j] = to[j] + source[j]
        r = o * length + beyond


@kernel
def add_elements(begin, end, x: ptr(T), index: ptr(I), out: ptr(U), count, length, bad: ptr(i64)):
    """out[o, index[i]] += x[o, i], out zero before; a step is one o."""
    for k in simd(begin * length, end * length):
        out[k] = 0
    for o in range(begin, end):
        row = out + o * length
        own = x + o * count
        for i in range(count):
            at = i64(index[i])
            if WRAP:
                at = wrapped(at, length)
            if u64(at) < u64(length):
                row[at] = row[at] + own[i]
            else:
                bad[0] = 1


@kernel
def add_picked_last(
    begin, end, x: ptr(T), index: ptr(I), out: ptr(U), count, length, bad: ptr(i64)
):
    """out[o, index[o, i]] += x[o, i], out zero before; a step is one o.

    Parting the targets of one row would have each thread read all its numbers, and guess wrong at
    half of them whether they are its own: that costs more than the sums.
    """
    for k in simd(begin * length, end * length):
        out[k] = 0
    for o in range(begin, end):
        row = out + o * length
        numbers = index + o * count
        own = x + o * count
        for i in range(count):
            at = i64(numbers[i])
            if u64(at) < u64(length):
                row[at] = row[at] + own[i]
            else:
                bad[0] = 1


@kernel
def add_picked_by_lane(
    begin, end, x: ptr(T), index: ptr(I), out: ptr(U), count, length, width, bad: ptr(i64)
):
    """out[o, index[o, i, j], j] += x[o, i, j], out zero before; a step is a column (o, j)."""
    lane = begin
    while lane < end:
        o = lane // width
        first = lane - o * width
        beyond = min(end - o * width, width)
        plane = out + o * length * width
        for r in range(length):
            to = plane + r * width
            for j in simd(first, beyond):
                to[j] = 0
        for i in range(count):
            numbers = index + (o * count + i) * width
            own = x + (o * count + i) * width
            for j in range(first, beyond):
                at = i64(numbers[j])
                if u64(at) < u64(length):
                    place = at * width + j
                    plane[place] = plane[place] + own[j]
                else:
                    bad[0] = 1
        lane = o * width + beyond


@kernel
def combine_picked(
    begin, end, x: ptr(T), index: ptr(I), out: ptr(T), seen: ptr(boolean), count, length, width,
    bad: ptr(i64),
):  # fmt: skip
    """out[o, index[o, i, j], j] joined with x[o, i, j], in order; a step is a column (o, j)."""
    for lane in range(begin, end):
        o = lane // width
        j = lane - o * width
        plane = out + (o * length * width + j)
        known = seen + (o * length * width + j)
        numbers = index + (o * count * width + j)
        own = x + (o * count * width + j)
        for i in range(count):
            at = i64(numbers[i * width])
            if u64(at) < u64(length):
                place = at * width
                new = own[i * width]
                have = plane[place]
                if HOW == "max":
                    joined = max(have, new)
                if HOW == "min":
                    joined = min(have, new)
                if HOW == "mul":
                    joined = have * new
                if HOW == "set":
                    joined = new
                if OWN:
                    plane[place] = joined
                else:
                    plane[place] = select(known[place], joined, new)
                    known[place] = True
            else:
                bad[0] = 1
