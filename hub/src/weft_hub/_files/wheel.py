"""Read one member of a wheel: by its exact name, with the size known beforehand.

Nothing is extracted to a path that the archive chooses, so `../` names, links and devices inside a
wheel have no effect; and no more bytes are unpacked than the index states.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from weft_hub._texts.nearest import did_you_mean
from weft_hub.errors import HubError, SizeMismatchError, SourceError

# What `zipfile` raises where an offset, a length or a version in an archive is not to be believed.
_UNREADABLE = (NotImplementedError, OSError, ValueError, OverflowError, struct.error, IndexError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def open_member(wheel: Path, member: str, *, size: int) -> Iterator[UnpackedMember]:
    """Open the file `member` inside `wheel`, which must unpack to exactly `size` bytes.

    Raises:
        SourceError: the wheel is no zip archive, has no such member, has it twice, or has it
            encrypted or packed by another method than stored or deflated.
        SizeMismatchError: the archive states another size for it.
    """
    with ExitStack() as stack:
        # What the caller does with the stream is not in this block: its own errors stay its own.
        try:
            archive = stack.enter_context(zipfile.ZipFile(wheel))
            info = _found(archive, wheel.name, member, size)
            stream = stack.enter_context(archive.open(info))
        except (zipfile.BadZipFile, *_UNREADABLE) as error:
            if isinstance(error, HubError):
                raise
            raise SourceError(f"{wheel.name} is not a readable wheel: {error!s:.300}") from error
        # The stream checks the stated size and the CRC itself; the cache stops it at `size` bytes
        # in any case.
        yield UnpackedMember(stream, f"{member} in {wheel.name}", size)


def _found(archive: zipfile.ZipFile, name: str, member: str, size: int) -> zipfile.ZipInfo:
    """Return what the archive says of the one member, if that can be believed."""
    found = [info for info in archive.infolist() if info.filename == member]
    if not found:
        files = [info.filename for info in archive.infolist() if not info.is_dir()]
        hint = did_you_mean(member, files) or f"it has {len(files)} files"
        raise SourceError(f"{name} has no file {member!r} inside; {hint}")
    if len(found) > 1:
        raise SourceError(f"{name} has {len(found)} files called {member!r} inside")
    [info] = found
    if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
        raise SourceError(
            f"{name}: {member!r} must be stored or deflated and not encrypted, "
            f"but has method {info.compress_type} and flags {info.flag_bits:#x}"
        )
    if info.file_size != size:
        raise SizeMismatchError(f"{member} in {name}", expected=size, got=info.file_size)
    return info


class UnpackedMember:
    """A stream whose unpacking errors are ours: a damaged wheel is a source that failed."""

    def __init__(self, stream: IO[bytes], what: str, size: int) -> None:
        self._stream = stream
        self._what = what
        self._size = size

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` unpacked bytes, or for a negative one up to those of the index."""
        try:
            # Asked for all, `zipfile` makes room for as much as the archive claims to have.
            return self._stream.read(count if count >= 0 else self._size)
        except (zipfile.BadZipFile, zlib.error, EOFError, *_UNREADABLE) as error:
            raise SourceError(f"{self._what} cannot be unpacked: {error!s:.300}") from error
