"""A kernel that finds where elements are not zero, without a branch for each."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, i64, kernel, local, ptr, static

#: The dims before the last.
DIMS = Placeholder("DIMS")


@kernel
def true_places(
    begin, end, x: ptr(T), out: ptr(i64), shape: ptr(i64), rows, width, total, row_step, step
):
    """Write where the ``total`` elements that are not zero are; there is one step.

    Number d of place k goes to element k ``row_step`` + d ``step`` of the result. A place is
    written for every element, over the last one's if that was zero.
    """
    at = local(i64, 8)
    for d in range(8):
        at[d] = 0
    count = 0
    for r in range(rows):
        row = x + r * width
        for j in range(width):
            if count == total:
                break
            to = out + count * row_step
            for d in static(DIMS):
                to[d * step] = at[d]
            to[DIMS * step] = j
            count += i64(row[j] != 0)
        if count == total:
            break
        d = DIMS - 1
        while d >= 0:
            at[d] = at[d] + 1
            if at[d] < shape[d]:
                d = -1
            else:
                at[d] = 0
                d = d - 1
