"""Products with a matrix packed in panels: for those that meet the same matrix again and again.

A panel is twice 64 bytes of each row of a matrix (k, n): its columns ``side`` at a time, without
gaps, 0 where the matrix has no more. Eight rows meet a panel at once and keep their sums in
registers; each panel is read from front to back. The terms of a sum are added in their order,
whatever the number of rows, so that threads may share these out as they like.
"""

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
    turn,
    wide,
)

#: Whether rows of the matrix given are the columns of what is packed.
TURNED = Placeholder("TURNED")
#: How many parts of so many columns each, next to each other in it, the matrix has.
PARTS = Placeholder("PARTS")


@function
def pack(panel, x, step, columns, k):
    """Make a panel of the first columns of x (k, ...), rows so many elements apart."""
    w = lanes(panel)
    left = min(columns, w)
    right = max(columns - w, 0)
    for p in range(k):
        spread(panel + p * 2 * w, wide(x + p * step, left))
        spread(panel + p * 2 * w + w, wide(x + p * step + w, right))


@function
def pack_turned(panel, x, step, columns, k):
    """Make a panel whose columns are the first rows of x (..., k), so many elements apart."""
    w = lanes(panel)
    side = 2 * w
    done = 0
    if columns == side:
        done = k // w * w
        for p in range(0, done, w):
            turn(panel + p * side, side, x + p, step)
            turn(panel + p * side + w, side, x + w * step + p, step)
    for p in range(done, k):
        for j in simd(columns):
            panel[p * side + j] = x[j * step + p]
        for j in simd(columns, side):
            panel[p * side + j] = 0.0


@function
def rows_with_panel(
    out, out_step, first, first_step, a, a_row, a_column, panel, k, left, right, rows
):
    """Do what :func:`add_panel` does for a number of rows that is known."""
    w = lanes(panel)
    c = local(T, 2 * rows * lanes(panel))
    for r in static(rows):
        spread(c + 2 * r * w, wide(first + r * first_step, left))
        spread(c + (2 * r + 1) * w, wide(first + r * first_step + w, right))
    for p in range(k):
        x = wide(panel + p * 2 * w)
        y = wide(panel + p * 2 * w + w)
        for r in static(rows):
            factor = a[r * a_row + p * a_column]
            spread(c + 2 * r * w, wide(c + 2 * r * w) + factor * x)
            spread(c + (2 * r + 1) * w, wide(c + (2 * r + 1) * w) + factor * y)
    for r in static(rows):
        spread(out + r * out_step, wide(c + 2 * r * w), left)
        spread(out + r * out_step + w, wide(c + (2 * r + 1) * w), right)


@function
def add_panel(out, out_step, first, first_step, a, a_row, a_column, panel, m, k, columns):
    """Put first + a panel into out: m rows of so many columns, of a (m, k) and a panel (k, side).

    Rows are so many elements apart, of a the columns too; ``first`` may be ``out``, its rows may be
    0 apart.
    """
    w = lanes(panel)
    left = min(columns, w)
    right = max(columns - w, 0)
    for i in range(0, m // 8 * 8, 8):
        rows_with_panel(
            out + i * out_step, out_step, first + i * first_step, first_step, a + i * a_row,
            a_row, a_column, panel, k, left, right, 8,
        )  # fmt: skip
    i = m // 8 * 8
    if m - i >= 4:
        rows_with_panel(
            out + i * out_step, out_step, first + i * first_step, first_step, a + i * a_row,
            a_row, a_column, panel, k, left, right, 4,
        )  # fmt: skip
        i += 4
    if m - i >= 2:
        rows_with_panel(
            out + i * out_step, out_step, first + i * first_step, first_step, a + i * a_row,
            a_row, a_column, panel, k, left, right, 2,
        )  # fmt: skip
        i += 2
    if m > i:
        rows_with_panel(
            out + i * out_step, out_step, first + i * first_step, first_step, a + i * a_row,
            a_row, a_column, panel, k, left, right, 1,
        )  # fmt: skip


@kernel
def packed(begin, end, panels: ptr(T), x: ptr(T), k, n):
    """Pack a matrix: a step is ``side`` columns of each of its parts, whose panels lie together.

    Turned, x is (parts n, k); else (k, n), and there is one part.
    """
    side = 2 * lanes(panels)
    for block in range(begin, end):
        first = block * side
        columns = min(side, n - first)
        for part in range(PARTS):
            panel = panels + (block * PARTS + part) * k * side
            if TURNED:
                pack_turned(panel, x + (part * n + first) * k, k, columns, k)
            else:
                pack(panel, x + first, n, columns, k)
