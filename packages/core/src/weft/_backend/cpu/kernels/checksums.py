"""A kernel that makes a long run of bytes a short one with the same CRC-32."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import fold, kernel, ptr, u8


@kernel
def shorten(begin, end, to: ptr(u8), first: ptr(u8), others: ptr(u8), steps):
    """Fold steps of bytes onto the first ones; there is one step of the kernel, all of it."""
    for _ in range(begin, end):
        fold(to, first, others, steps)
