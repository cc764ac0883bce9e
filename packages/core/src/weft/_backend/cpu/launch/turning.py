"""Channels brought next to each other in memory, in threads."""

from __future__ import annotations

from typing import Any

from weft._backend.cpu import switches

#: Channels from which the kernel is worth running.
TILE = 16
#: Places of a matrix that one thread turns at a time: enough that few pages are open at once.
STRIP = 512
#: Elements that a thread copies at least.
_GRAIN = 65536


def channels_last(x: Any, out: Any) -> bool:
    """Copy an array (N, C, *places) in the order of its indices to one that lies channels last.

    Returns:
        bool: whether it was done.
    """
    if not switches.codegen or x.itemsize not in (2, 4):
        return False
    from weft._backend.cpu.kernels import turning
    from weft._backend.cpu.language import u16, u32, usable

    if not usable():
        return False
    batch, channels = x.shape[:2]
    places = x.size // (batch * channels)
    strips = -(-places // STRIP)
    kind = u16 if x.itemsize == 2 else u32
    turning.turn.at(T=kind, STRIP=STRIP)(
        batch * strips, max(1, _GRAIN // (STRIP * channels)), x, out, places, channels, strips
    )
    return True
