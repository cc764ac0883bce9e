"""CRC-32 of large memory, as fast as it is read; of what is left of it zlib has the last word.

One thread does it: two are hardly quicker at reading memory, and on a busy machine wait for each
other longer than that takes.
"""

from __future__ import annotations

import functools
import zlib
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels.checksums import shorten
from weft._backend.cpu.language import usable
from weft._backend.cpu.language.dividing import STRIDE, NoProducts

_ONES = 0xFFFFFFFF


@functools.cache
def _kernel() -> Any:
    """Return the kernel, None where the processor cannot run it."""
    try:
        return shorten.at()
    except NoProducts:
        return None


def crc32(data: Any, value: int = 0) -> int | None:
    """Return what ``zlib.crc32`` does, or None where kernels cannot help.

    Args:
        data: bytes, or a memoryview of them without gaps.
        value: the checksum of what comes before.
    """
    whole = np.frombuffer(data, np.uint8)
    steps = len(whole) // STRIDE - 1
    run = _kernel() if steps > 0 and usable() else None
    if run is None:
        return None
    # what came before counts as if it were added to the first four bytes
    first = whole[:STRIDE].copy()
    first[:4] ^= np.frombuffer((value ^ _ONES).to_bytes(4, "little"), np.uint8)
    left = np.empty(STRIDE, np.uint8)
    run(1, 1, left, first, whole[STRIDE:], steps)
    # given all ones zlib begins at nothing, since it turns all bits around
    return zlib.crc32(memoryview(data)[STRIDE * (steps + 1) :], zlib.crc32(left.data, _ONES))
