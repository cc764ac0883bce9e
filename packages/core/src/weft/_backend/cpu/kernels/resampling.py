"""Kernels of resampling: rows, and then columns, each made of a few of the source's, weighted.

Which ones and with what weights stands in tables: for rows (out_height, taps), for columns
(taps, out_width). The way back has the transposed tables, and is the same kernel; its tables are
filled up with weights of 0, which do not count even where the element is infinite.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    copy,
    i32,
    i64,
    kernel,
    local,
    ptr,
    select,
    simd,
    static,
    thread,
)

#: How many taps there are, 0 where not known before.
ACROSS = Placeholder("ACROSS")
DOWN = Placeholder("DOWN")
#: How often each column comes if all come equally often, one after another; else 0.
REPEAT = Placeholder("REPEAT")
#: Rows that may be kept.
SLOTS = 256


@kernel
def resample(
    begin, end, x: ptr(T), out: ptr(T), scratch: ptr(C), height, width, out_height, out_width,
    rows: ptr(i32), row_shares: ptr(C), columns: ptr(i32), column_shares: ptr(C), taps_down,
    taps_across, slots,
):  # fmt: skip
    """A step is a row of the result. Scratch: (slots + 1) out_width for each thread.

    A row of the source is resampled along itself once, and kept for the rows of the result that
    are next.
    """
    tags = local(i64, SLOTS)
    own = scratch + thread() * (slots + 1) * out_width
    sums = own + slots * out_width
    for i in range(slots):
        tags[i] = -1
    for s in range(begin, end):
        plane = s // out_height
        y = s - plane * out_height
        for k in range(taps_down):
            key = plane * height + i64(rows[y * taps_down + k])
            slot = key % slots
            if tags[slot] != key:
                tags[slot] = key
                row = x + key * width
                line = own + slot * out_width
                if ACROSS > 0:
                    for j in simd(0, out_width):
                        total = C(0)
                        for q in static(ACROSS):
                            share = column_shares[q * out_width + j]
                            total += C(row[columns[q * out_width + j]]) * share
                        line[j] = total
                else:
                    for j in simd(0, out_width):
                        line[j] = 0
                    for q in range(taps_across):
                        for j in simd(0, out_width):
                            share = column_shares[q * out_width + j]
                            it = C(row[columns[q * out_width + j]]) * share
                            line[j] = line[j] + select(share != 0.0, it, 0.0)
        to = out + s * out_width
        if DOWN > 0:
            for j in simd(0, out_width):
                total = C(0)
                for k in static(DOWN):
                    slot = (plane * height + i64(rows[y * DOWN + k])) % slots
                    total += row_shares[y * DOWN + k] * own[slot * out_width + j]
                to[j] = total
        else:
            for j in simd(0, out_width):
                sums[j] = 0
            for k in range(taps_down):
                share = row_shares[y * taps_down + k]
                if share != 0.0:
                    line = own + (plane * height + i64(rows[y * taps_down + k])) % slots * out_width
                    for j in simd(0, out_width):
                        sums[j] = sums[j] + share * line[j]
            for j in simd(0, out_width):
                to[j] = sums[j]


@kernel
def nearest(
    begin, end, x: ptr(T), out: ptr(T), height, width, out_height, out_width, rows: ptr(i32),
    columns: ptr(i32),
):  # fmt: skip
    """One element each, as it is; a step is a row of the result."""
    for s in range(begin, end):
        plane = s // out_height
        y = s - plane * out_height
        row = x + (plane * height + i64(rows[y])) * width
        to = out + s * out_width
        if s > begin and y > 0 and rows[y] == rows[max(y - 1, 0)]:
            copy(to, out + (s - 1) * out_width, out_width)
        elif REPEAT > 0:
            for j in simd(0, width):
                for q in static(REPEAT):
                    to[j * REPEAT + q] = row[j]
        else:
            for j in simd(0, out_width):
                to[j] = row[columns[j]]


@kernel
def block_sums(begin, end, x: ptr(T), out: ptr(T), scratch: ptr(C), out_width, down):
    """Sums of blocks of (down, REPEAT) elements; a step is a row of the result.

    Scratch: out_width for each thread.
    """
    sums = scratch + thread() * out_width
    for s in range(begin, end):
        to = out + s * out_width
        for j in simd(0, out_width):
            sums[j] = 0
        for k in range(down):
            row = x + (s * down + k) * out_width * REPEAT
            for j in simd(0, out_width):
                total = sums[j]
                for q in static(REPEAT):
                    total += C(row[j * REPEAT + q])
                sums[j] = total
        for j in simd(0, out_width):
            to[j] = sums[j]


@kernel
def resample_last(
    begin, end, x: ptr(T), out: ptr(T), scratch: ptr(C), channels, height, width, out_height,
    out_width, rows: ptr(i32), row_shares: ptr(C), columns: ptr(i32), column_shares: ptr(C),
    taps_down, taps_across,
):  # fmt: skip
    """The same where channels lie last. Scratch: the channels, for each thread."""
    sums = scratch + thread() * channels
    for s in range(begin, end):
        n = s // out_height
        y = s - n * out_height
        image = x + n * height * width * channels
        for j in range(out_width):
            to = out + (s * out_width + j) * channels
            if DOWN > 0:
                for c in simd(0, channels):
                    total = C(0)
                    for k in static(DOWN):
                        row = i64(rows[y * DOWN + k]) * width
                        down = row_shares[y * DOWN + k]
                        for q in static(ACROSS):
                            at = (row + i64(columns[q * out_width + j])) * channels
                            share = down * column_shares[q * out_width + j]
                            total += share * C(image[at + c])
                    to[c] = total
            else:
                for c in simd(0, channels):
                    sums[c] = 0
                for k in range(taps_down):
                    down = row_shares[y * taps_down + k]
                    row = image + i64(rows[y * taps_down + k]) * width * channels
                    for q in range(taps_across):
                        share = down * column_shares[q * out_width + j]
                        if share != 0.0:
                            it = row + i64(columns[q * out_width + j]) * channels
                            for c in simd(0, channels):
                                sums[c] = sums[c] + share * it[c]
                for c in simd(0, channels):
                    to[c] = sums[c]


@kernel
def nearest_last(
    begin, end, x: ptr(T), out: ptr(T), channels, height, width, out_height, out_width,
    rows: ptr(i32), columns: ptr(i32),
):  # fmt: skip
    """One element each, channels last; a step is a row of the result."""
    for s in range(begin, end):
        n = s // out_height
        row = x + (n * height + i64(rows[s - n * out_height])) * width * channels
        for j in range(out_width):
            it = row + i64(columns[j]) * channels
            to = out + (s * out_width + j) * channels
            for c in simd(0, channels):
                to[c] = it[c]
