"""The kernel that adds windows back into images: col2im."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, U, kernel, ptr, simd

#: The step from one window to the next within a row if it is 1, else 0.
STEP = Placeholder("STEP")


@kernel
def fold_planes(
    begin, end, x: ptr(T), out: ptr(U), height, width, rows, columns, kh, kw, sh, sw, dh, dw, ph,
    pw,
):  # fmt: skip
    """Add each place in the windows, a plane (rows, columns), where it was; a step is an image."""
    step = STEP if STEP > 0 else sw
    for s in range(begin, end):
        to = out + s * height * width
        own = x + s * kh * kw * rows * columns
        for j in simd(0, height * width):
            to[j] = 0
        for a in range(kh):
            for b in range(kw):
                tap = own + (a * kw + b) * rows * columns
                left = b * dw - pw
                lo = (max(-left, 0) + step - 1) // step
                hi = min((max(width - left, 0) + step - 1) // step, columns)
                for y in range(rows):
                    r = y * sh + a * dh - ph
                    if r >= 0 and r < height:
                        row = to + (r * width + left)
                        added = tap + y * columns
                        for j in simd(lo, hi):
                            row[j * step] = row[j * step] + added[j]
