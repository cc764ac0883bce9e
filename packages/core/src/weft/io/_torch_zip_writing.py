"""PyTorch's zip archive around a pickle and its storages, written.

Members are stored as they are, and padded so that each storage begins on a multiple of 64 bytes:
PyTorch and weft map them. No time and no name of the file goes in: the same object gives the same
bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from ._spans import Span

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["write_zip_checkpoint"]

_ROOT = "archive"
_ALIGNMENT = 64
_LOCAL_HEADER_BYTES = 30
_ZIP64_EXTRA_BYTES = 20
# The layout's version that torch.save writes.
_VERSION = b"3\n"


def write_zip_checkpoint(file: BinaryIO, pickled: bytes, storages: list[Span]) -> None:
    """Write the archive of a pickle whose storages have the keys "0", "1" and so on."""
    from zipfile import ZIP_STORED, ZipFile  # here: it loads bz2 and lzma

    with ZipFile(file, "w", ZIP_STORED, allowZip64=True) as archive:
        _add(archive, "data.pkl", memoryview(pickled))
        _add(archive, "byteorder", memoryview(b"little"))
        for key, span in enumerate(storages):
            _add(archive, f"data/{key}", span.data())
        _add(archive, "version", memoryview(_VERSION))


def _add(archive: ZipFile, name: str, data: memoryview) -> None:
    from zipfile import ZIP64_LIMIT, ZipInfo

    info = ZipInfo(f"{_ROOT}/{name}")  # of 1980, as it has no time
    info.file_size = data.nbytes
    large = data.nbytes * 1.05 > ZIP64_LIMIT  # where zipfile adds a field with 64-bit sizes
    start = archive.fp.tell() if archive.fp is not None else 0
    start += _LOCAL_HEADER_BYTES + len(info.filename) + (_ZIP64_EXTRA_BYTES if large else 0)
    padding = -(start + 4) % _ALIGNMENT
    info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(info, "w", force_zip64=large) as member:
        member.write(data)
