"""A kernel that adds up what overlapping windows give to the elements under them."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, kernel, local, ptr, simd

#: Elements that a row may have, with those that its phases are rounded up by.
ROW = 4096
#: Steps from one window to the next within a row.
STEP = Placeholder("STEP")


@kernel
def overlapped(
    begin, end, parts: ptr(T), out: ptr(T), channels, height, width, kh, kw, rows, columns, sh,
    ph, pw, row_step, step,
):  # fmt: skip
    """Add windows that overlap; a step is a row of a channel.

    Parts are (channels, kh, kw, rows, columns): what the window at (row, column) gives to each of
    its elements. Elements whose windows begin at the same distance modulo STEP form a phase, which
    is added up in one piece and spread at the end. The result's rows lie row_step apart, its
    elements step apart, and its channels side by side.
    """
    sums = local(T, ROW)
    many = (width + STEP - 1) // STEP
    for s in range(begin, end):
        c = s // height
        y = s - c * height
        for u in simd(0, many * STEP):
            sums[u] = 0.0
        for i in range(kh):
            t = y + ph - i
            r = t // sh
            if t >= 0 and r * sh == t and r < rows:
                for j in range(kw):
                    q = (j + pw * (STEP - 1)) % STEP
                    d = (j - pw - q) // STEP
                    part = parts + (((c * kh + i) * kw + j) * rows + r) * columns
                    to = sums + q * many
                    for u in simd(max(0, d), min(many, columns + d)):
                        to[u] += part[u - d]
        line = out + (y * row_step + c)
        for q in range(STEP):
            own = sums + q * many
            for u in simd(0, (width - q + STEP - 1) // STEP):
                line[(u * STEP + q) * step] = own[u]
