"""Which way a pass runs over memory: against the one before, whose end is still in the cache."""

from __future__ import annotations

#: From how many elements on a pass leaves only its end in the caches.
LARGE = 1 << 17
_back = 0


def against() -> int:
    """Return 1 for a pass from the end to the beginning, 0 for the other way: in turns."""
    global _back
    _back = 1 - _back
    return _back
