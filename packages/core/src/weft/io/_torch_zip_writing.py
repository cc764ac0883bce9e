"""PyTorch's zip archive around a pickle and its storages, written.

Members are stored as they are, and padded so that each storage begins on a multiple of 64 bytes:
PyTorch and weft map them. No time and no name of the file goes in: the same object gives the same
bytes. Python's zipfile writes each header twice, the second time with sizes and checksum; here both
are known before, so that the file is written from its beginning to its end.

Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 6.3.10.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from ._checksums import crc32
from ._spans import Span

__all__ = ["write_zip_checkpoint"]

_ROOT = b"archive/"
_ALIGNMENT = 64
# The layout's version that torch.save writes.
_VERSION = b"3\n"

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
# Versions of the format: what folders need, and what sizes of 64 bits need.
_PLAIN, _LARGE = 20, 45
_UNIX = 3 << 8  # whose permissions stand in the directory
_PERMISSIONS = 0o600 << 16
_DAY_ONE = 1 << 5 | 1  # 1 January 1980, the format's first day: a file has no time
# Numbers that stand elsewhere, in 64 bits; larger ones must. Readers may take 32 bits as signed.
_ELSEWHERE, _ELSEWHERE16 = 0xFFFFFFFF, 0xFFFF
MAX_PLAIN = 2**31 - 1


def write_zip_checkpoint(file: BinaryIO, pickled: bytes, storages: list[Span]) -> None:
    """Write the archive of a pickle whose storages have the keys "0", "1" and so on."""
    at = _position(file)
    directory: list[bytes] = []
    for name, data in _members(pickled, storages):
        head, entry = _headers(_ROOT + name, data, at)
        file.write(head)
        file.write(data)
        at += len(head) + data.nbytes
        directory.append(entry)
    entries = b"".join(directory)
    file.write(entries)
    file.write(_end(len(directory), len(entries), at, large=at > MAX_PLAIN))


def _position(file: BinaryIO) -> int:
    """Return where the archive begins; places in it are counted from the file's beginning."""
    try:
        return file.tell()
    except (OSError, AttributeError):  # a pipe; io.UnsupportedOperation is an OSError
        return 0


def _members(pickled: bytes, storages: list[Span]) -> Iterator[tuple[bytes, memoryview]]:
    yield b"data.pkl", memoryview(pickled)
    yield b"byteorder", memoryview(b"little")
    for key, span in enumerate(storages):
        yield b"data/%d" % key, span.data()
    yield b"version", memoryview(_VERSION)


def _headers(name: bytes, data: memoryview, at: int) -> tuple[bytes, bytes]:
    """Return the header of a member that begins at a place, and its entry in the directory."""
    size, crc = data.nbytes, crc32(data)
    large = size > MAX_PLAIN
    told = _ELSEWHERE if large else size
    version = _LARGE if large else _PLAIN
    sizes = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
    padding = -(at + _LOCAL.size + len(name) + len(sizes) + 4) % _ALIGNMENT
    extra = sizes + b"FB" + struct.pack("<H", padding) + b"Z" * padding
    common = version, 0, 0, 0, _DAY_ONE, crc, told, told, len(name)
    head = _LOCAL.pack(b"PK\3\4", *common, len(extra)) + name + extra
    numbers = ([size, size] if large else []) + ([at] if at > MAX_PLAIN else [])
    where = struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    entry = _CENTRAL.pack(
        b"PK\1\2", _UNIX | version, *common, len(where), 0, 0, 0, _PERMISSIONS,
        _ELSEWHERE if at > MAX_PLAIN else at,
    )  # fmt: skip
    return head, entry + name + where


def _end(count: int, size: int, at: int, *, large: bool) -> bytes:
    """Return what ends a file whose directory of so many entries and bytes begins at a place."""
    found = b""
    if large or count >= _ELSEWHERE16 or size > MAX_PLAIN:
        found = _END64.pack(
            b"PK\6\6", _END64.size - 12, _LARGE, _LARGE, 0, 0, count, count, size, at
        )
        found += _LOCATOR64.pack(b"PK\6\7", 0, at + size, 1)
        count, size, at = _ELSEWHERE16, _ELSEWHERE, _ELSEWHERE
    return found + _END.pack(b"PK\5\6", 0, 0, count, count, size, at, 0)
