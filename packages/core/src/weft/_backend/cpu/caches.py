"""How large the last of the processor's caches is, as the C library tells it."""

from __future__ import annotations

import functools
import os

#: What is taken for it where nobody tells.
_USUAL = 32 * 2**20


@functools.cache
def last() -> int:
    """Return the bytes of the cache nearest to memory, which cores share."""
    for level in (4, 3, 2):
        try:
            size = os.sysconf(f"SC_LEVEL{level}_CACHE_SIZE")
        except (AttributeError, ValueError, OSError):  # Windows, or a system without the name
            continue
        if size > 0:
            return size
    return _USUAL


def outgrown(size: int) -> bool:
    """Whether so many bytes, just written, would push each other out before they are read.

    Half of the last cache holds them no more: what they were made of goes through it too.
    """
    return 2 * size >= last()
