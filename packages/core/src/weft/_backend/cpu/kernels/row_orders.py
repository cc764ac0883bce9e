"""The kernel that follows the rows exchanged in factorising matrices."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, i64, kernel, ptr

#: Whether where each row went is asked for, not which row stands in each place.
INVERSE = Placeholder("INVERSE")


@kernel
def follow(begin, end, swaps: ptr(T), order: ptr(i64), many, rows):
    """A step is a matrix: ``many`` exchanges, of each row with one counted from 1."""
    for s in range(begin, end):
        own = swaps + s * many
        to = order + s * rows
        for i in range(rows):
            to[i] = i
        for i in range(many):
            step = many - 1 - i if INVERSE else i
            other = i64(own[step]) - 1
            held = to[step]
            to[step] = to[other]
            to[other] = held
