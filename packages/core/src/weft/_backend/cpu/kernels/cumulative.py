"""Kernels of what runs along a dim: sums, products, extremes, logarithms of sums, recurrences.

Arrays are seen as (outer, length, width). Along rows (width 1) each result waits for the one before
it, so eight rows are gone through side by side; otherwise the columns are.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import exp, log
from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    U,
    function,
    i64,
    kernel,
    local,
    ptr,
    select,
    simd,
    static,
    thread,
)

#: "sum" or "mul"; of extremes "max" or "min".
HOW = Placeholder("HOW")
#: Whether it runs from the last to the first.
BACKWARD = Placeholder("BACKWARD")
#: Elements that are looked at together.
BLOCK = 16
#: Rows side by side.
MANY = 8


@function
def joined(a, b):
    """What is so far, and one more."""
    if HOW == "sum":
        out = a + b
    if HOW == "mul":
        out = a * b
    return out


@kernel(loose=False)
def scan_rows(begin, end, x: ptr(T), out: ptr(U), start: ptr(U), n):
    """Sums or products so far, from ``start`` on; a step is a row."""
    held = local(U, MANY)
    tile = local(U, MANY * BLOCK)
    whole = n // BLOCK * BLOCK
    r = begin
    while r + MANY <= end:
        for q in static(MANY):
            held[q] = start[r + q]
        for i in range(0, whole, BLOCK):
            # rows may lie as far apart as a cache's sets: what all need of them comes at once
            at = r * n + (n - BLOCK - i if BACKWARD else i)
            for q in static(MANY):
                for k in simd(0, BLOCK):
                    tile[q * BLOCK + k] = U(x[at + q * n + k])
            for k in range(BLOCK):
                j = BLOCK - 1 - k if BACKWARD else k
                for q in static(MANY):
                    now = joined(held[q], tile[q * BLOCK + j])
                    held[q] = now
                    tile[q * BLOCK + j] = now
            for q in static(MANY):
                for k in simd(0, BLOCK):
                    out[at + q * n + k] = tile[q * BLOCK + k]
        for i in range(whole, n):
            at = r * n + (n - 1 - i if BACKWARD else i)
            for q in static(MANY):
                now = joined(held[q], U(x[at + q * n]))
                held[q] = now
                out[at + q * n] = now
        r += MANY
    while r < end:
        now = start[r]
        for i in range(n):
            at = r * n + (n - 1 - i if BACKWARD else i)
            now = joined(now, U(x[at]))
            out[at] = now
        r += 1


@kernel
def total_rows(begin, end, x: ptr(T), out: ptr(U), n):
    """The sum or product of each row."""
    for r in range(begin, end):
        row = x + r * n
        if HOW == "sum":
            total = U(0)
            for i in range(n):
                total += U(row[i])
        else:
            total = U(1)
            for i in range(n):
                total = total * U(row[i])
        out[r] = total


@kernel
def scan_lanes(begin, end, x: ptr(T), out: ptr(U), length, width):
    """Sums or products so far; a step is a column (o, j)."""
    lane = begin
    while lane < end:
        o = lane // width
        first = lane - o * width
        beyond = min(end - o * width, width)
        base = o * length * width
        at = base + ((length - 1) * width if BACKWARD else 0)
        for j in simd(first, beyond):
            out[at + j] = U(x[at + j])
        for i in range(1, length):
            at = base + (length - 1 - i if BACKWARD else i) * width
            row = x + at
            now = out + at
            before = out + (at + (width if BACKWARD else -width))
            for j in simd(first, beyond):
                now[j] = joined(before[j], U(row[j]))
        lane = o * width + beyond


@function
def wins(new, best):
    """Whether an element comes before the best so far: the last of equal ones, and any NaN."""
    if HOW == "max":
        out = new >= best or new != new
    if HOW == "min":
        out = new <= best or new != new
    return out


@kernel
def extreme_rows(begin, end, x: ptr(T), out: ptr(i64), n):
    """The place of the extreme so far; a step is a row.

    New ones are rare: a block that has none is passed over as a whole.
    """
    for r in range(begin, end):
        own = x + r * n
        to = out + r * n
        most = own[0]
        at = 0
        whole = n // BLOCK * BLOCK
        for base in range(0, whole, BLOCK):
            block = own + base
            hits = 0
            for i in simd(0, BLOCK):
                hits = hits | i64(wins(block[i], most))
            if hits == 0:
                for i in simd(0, BLOCK):
                    to[base + i] = at
            else:
                for i in range(BLOCK):
                    new = block[i]
                    better = wins(new, most)
                    most = select(better, new, most)
                    at = select(better, base + i, at)
                    to[base + i] = at
        for i in range(whole, n):
            new = own[i]
            better = wins(new, most)
            most = select(better, new, most)
            at = select(better, i, at)
            to[i] = at


@kernel
def extreme_lanes(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(T), length, width):
    """The same; a step is a column (o, j). Scratch: the width, for each thread."""
    best = scratch + thread() * width
    lane = begin
    while lane < end:
        o = lane // width
        first = lane - o * width
        beyond = min(end - o * width, width)
        own = x + o * length * width
        to = out + o * length * width
        for j in simd(first, beyond):
            best[j] = own[j]
            to[j] = 0
        for i in range(1, length):
            row = own + i * width
            now = to + i * width
            before = to + (i - 1) * width
            for j in simd(first, beyond):
                better = wins(row[j], best[j])
                best[j] = select(better, row[j], best[j])
                now[j] = select(better, i, before[j])
        lane = o * width + beyond


@kernel(loose=False)
def recurrence_rows(begin, end, x: ptr(T), y: ptr(T), out: ptr(T), n):
    """out[i] = y[i] + x[i] out[i - 1]; a step is a row."""
    held = local(T, MANY)
    tile = local(T, MANY * BLOCK)
    factors = local(T, MANY * BLOCK)
    whole = n // BLOCK * BLOCK
    r = begin
    while r + MANY <= end:
        for q in static(MANY):
            held[q] = 0
        for i in range(0, whole, BLOCK):
            at = r * n + (n - BLOCK - i if BACKWARD else i)
            for q in static(MANY):
                for k in simd(0, BLOCK):
                    tile[q * BLOCK + k] = y[at + q * n + k]
                    factors[q * BLOCK + k] = x[at + q * n + k]
            for k in range(BLOCK):
                j = BLOCK - 1 - k if BACKWARD else k
                for q in static(MANY):
                    now = tile[q * BLOCK + j] + factors[q * BLOCK + j] * held[q]
                    held[q] = now
                    tile[q * BLOCK + j] = now
            for q in static(MANY):
                for k in simd(0, BLOCK):
                    out[at + q * n + k] = tile[q * BLOCK + k]
        for i in range(whole, n):
            at = r * n + (n - 1 - i if BACKWARD else i)
            for q in static(MANY):
                now = y[at + q * n] + x[at + q * n] * held[q]
                held[q] = now
                out[at + q * n] = now
        r += MANY
    while r < end:
        now = T(0)
        for i in range(n):
            at = r * n + (n - 1 - i if BACKWARD else i)
            now = y[at] + x[at] * now
            out[at] = now
        r += 1


@kernel(loose=False)
def recurrence_lanes(begin, end, x: ptr(T), y: ptr(T), out: ptr(T), length, width):
    """The same; a step is a column (o, j)."""
    lane = begin
    while lane < end:
        o = lane // width
        first = lane - o * width
        beyond = min(end - o * width, width)
        base = o * length * width
        at = base + ((length - 1) * width if BACKWARD else 0)
        for j in simd(first, beyond):
            out[at + j] = y[at + j]
        for i in range(1, length):
            at = base + (length - 1 - i if BACKWARD else i) * width
            before = out + (at + (width if BACKWARD else -width))
            now = out + at
            factors = x + at
            added = y + at
            for j in simd(first, beyond):
                now[j] = added[j] + factors[j] * before[j]
        lane = o * width + beyond


@function
def shift_of(peak):
    """What is taken off before exponentials: the largest so far, 0 if that is not finite."""
    return select(abs(peak) < INFINITE, peak, 0.0)


INFINITE = float("inf")


@kernel
def log_rows(begin, end, x: ptr(T), out: ptr(T), scratch: ptr(C), n):
    """Logarithms of the sums of exponentials so far; a step is a row. Scratch: 3 n a thread.

    The sum shrinks as the largest so far grows: all exponentials and logarithms are taken at once.
    """
    peaks = scratch + thread() * (3 * n)
    factors = peaks + n
    terms = peaks + 2 * n
    for r in range(begin, end):
        row = x + r * n
        to = out + r * n
        peak = C(row[0])
        for i in range(n):
            peak = max(peak, row[i])
            peaks[i] = peak
        factors[0] = 0
        for i in simd(1, n):
            factors[i] = exp(peaks[i - 1] - shift_of(peaks[i]))
        for i in simd(0, n):
            terms[i] = exp(row[i] - shift_of(peaks[i]))
        total = C(0)
        for i in range(n):
            total = total * factors[i] + terms[i]
            terms[i] = total
        for i in simd(0, n):
            to[i] = shift_of(peaks[i]) + log(terms[i])
