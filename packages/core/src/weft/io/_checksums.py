"""CRC-32, of which every member of a zip archive and every tensor that weft saves has one."""

from __future__ import annotations

import zlib

from weft._backend.cpu.launching import Launcher

__all__ = ["crc32"]

#: From how many bytes on a kernel is quicker than zlib.
_LARGE = 32768
_checksums = Launcher("checksums")


def crc32(data: memoryview) -> int:
    """Return the CRC-32 (ISO 3309) of bytes without gaps."""
    found = _checksums.crc32(data) if data.nbytes >= _LARGE else None
    return zlib.crc32(data) if found is None else int(found)
