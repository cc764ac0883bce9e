"""Adafactor's step in the kernel language, over the rows of matrices.

The mean of squares at row r and column j is estimated as rows[r] columns[j] / mean(rows), and used
where it is needed, never kept.
"""

from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    f64,
    kernel,
    local,
    ptr,
    simd,
    sqrt,
)

COLUMNS = Placeholder("COLUMNS")


@kernel
def row_means(
    begin,
    end,
    g: ptr(T),
    p: ptr(T),
    rows: ptr(T),
    sums: ptr(f64),
    width,
    share: f64,
):
    """Move the running mean of squares of each row on; sums are those of the parameter's."""
    for r in range(begin, end):
        x = g + r * width
        y = p + r * width
        total = C(0.0)
        own = C(0.0)
        for j in range(width):
            total += x[j] * x[j]
            own += y[j] * y[j]
        rows[r] = rows[r] + (total / C(width) - rows[r]) * C(share)
        sums[r] = own


@kernel
def column_means(begin, end, g: ptr(T), columns: ptr(T), height, width, share: f64):
    """Move the running mean of squares of each column on, a block of columns at each step."""
    blocks = (width + COLUMNS - 1) // COLUMNS
    for step in range(begin, end):
        batch = step // blocks
        first = (step % blocks) * COLUMNS
        n = min(COLUMNS, width - first)
        total = local(C, COLUMNS)
        for j in range(COLUMNS):
            total[j] = C(0.0)
        x = g + batch * height * width + first
        for _ in range(height):
            for j in simd(n):
                total[j] = total[j] + x[j] * x[j]
            x = x + width
        out = columns + batch * width + first
        for j in simd(n):
            out[j] = out[j] + (total[j] / C(height) - out[j]) * C(share)


@kernel
def update_squares(
    begin,
    end,
    g: ptr(T),
    rows: ptr(T),
    columns: ptr(T),
    inverse: ptr(f64),
    sums: ptr(f64),
    height,
    width,
    least: f64,
):
    """Sum the squares of each row of g / sqrt(estimate)."""
    for r in range(begin, end):
        batch = r // height
        x = g + r * width
        c = columns + batch * width
        by = rows[r] * C(inverse[batch])
        floor_ = C(least)
        total = C(0.0)
        for j in range(width):
            total += x[j] * x[j] / max(by * c[j], floor_)
        sums[r] = total


@kernel
def update(
    begin,
    end,
    p: ptr(T),
    g: ptr(T),
    rows: ptr(T),
    columns: ptr(T),
    inverse: ptr(f64),
    height,
    width,
    least: f64,
    keep: f64,
    size: f64,
):
    """p = keep p - size g / sqrt(estimate)."""
    for r in range(begin, end):
        batch = r // height
        x = g + r * width
        y = p + r * width
        c = columns + batch * width
        by = rows[r] * C(inverse[batch])
        floor_ = C(least)
        for j in simd(width):
            y[j] = y[j] * C(keep) - C(size) * x[j] / sqrt(max(by * c[j], floor_))
