"""Read one member of a gzipped tar archive: by its exact name, with the size known beforehand.

The archive is read from its beginning to its end and nothing is extracted to a path that it
chooses, so `../` names, links and devices in it have no effect; a member that is one of these is
refused. Headers are read here and not by `tarfile`, which keeps whatever length an extended header
states in memory.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft_hub._texts.nearest import did_you_mean
from weft_hub.errors import SizeMismatchError, SourceError

_BLOCK = 512
_HEADER_BYTES = 1 << 16
"""The longest extended header that is read; paths are far shorter."""
_MOST_MEMBERS = 200_000
_MOST_RATIO = 200
_ROOM = 64 << 20
"""An archive may unpack to `_MOST_RATIO` times its size and this; then it is a bomb."""
_REGULAR = (b"0", b"\0", b"7")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder",
    b"6": "a named pipe",
}


@contextmanager
def open_member(tarball: Path, member: str, *, size: int, what: str) -> Iterator[Member]:
    """Open the file `member` inside `tarball`, which must have exactly `size` bytes.

    When its last byte has been read, the rest of the archive is looked through for a second member
    of that name: which of the two is meant would depend on who unpacks it.

    Raises:
        SourceError: no readable archive, no such member or two of them, or not a regular file.
        SizeMismatchError: the archive states another size for it.
    """
    try:
        with tarball.open("rb") as packed, gzip.GzipFile(fileobj=packed) as stream:
            archive = _Archive(stream, member, size, what, most=_most(tarball))
            archive.find()
            yield Member(archive)
    except OSError as error:
        raise SourceError(f"{what}: the tarball cannot be read: {error}") from error


def _most(tarball: Path) -> int:
    return tarball.stat().st_size * _MOST_RATIO + _ROOM


class Member:
    """The stream of one member."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes of the member, or none at its end."""
        return self._archive.read_member(count)


class _Archive:
    """A tar archive on its way past."""

    def __init__(
        self, stream: gzip.GzipFile, member: str, size: int, what: str, *, most: int
    ) -> None:
        self._stream = stream
        self._member = member
        self._size = size
        self._what = what
        self._most = most
        self._unpacked = 0
        self._names: list[str] = []
        self._count = 0
        self._left = 0

    def find(self) -> None:
        """Go to the first byte of the member."""
        header = self._next()
        while header is not None:
            name, kind, size = header
            if name == self._member:
                self._require(kind, size)
                self._left = size
                return
            if kind in _REGULAR and len(self._names) < 10_000:
                self._names.append(name)
            self._skip(size)
            header = self._next()
        hint = did_you_mean(self._member, self._names) or f"it has {self._count} members"
        raise SourceError(f"{self._what}: the tarball has no file {self._member!r}; {hint}")

    def read_member(self, count: int) -> bytes:
        """Return up to `count` bytes of the member; at its end look through the rest."""
        if self._left == 0:
            return b""
        count = self._left if count < 0 else min(count, self._left)
        data = self._take(count)
        self._left -= len(data)
        if self._left == 0:
            self._skip(-self._size % _BLOCK, padded=False)
            self._look_through()
        return data

    def _look_through(self) -> None:
        header = self._next()
        while header is not None:
            name, _, size = header
            if name == self._member:
                raise SourceError(f"{self._what}: the tarball has {name!r} more than once")
            self._skip(size)
            header = self._next()

    def _require(self, kind: bytes, size: int) -> None:
        if kind not in _REGULAR:
            called = _KINDS.get(kind, f"a member of type {kind!r}")
            raise SourceError(
                f"{self._what}: {self._member!r} in the tarball is {called}; a regular file is "
                "required"
            )
        if size != self._size:
            raise SizeMismatchError(
                f"{self._member} in {self._what}", expected=self._size, got=size
            )

    def _next(self) -> tuple[str, bytes, int] | None:
        """Return name, type and size of the next member, or None at the end of the archive."""
        given: dict[str, str] = {}
        while True:
            block = self._take(_BLOCK, or_end=True)
            if len(block) < _BLOCK or not block.strip(b"\0"):
                return None
            self._count += 1
            if self._count > _MOST_MEMBERS:
                raise SourceError(f"{self._what}: the tarball has over {_MOST_MEMBERS} members")
            if _number(block[148:156]) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
                raise SourceError(f"{self._what}: the tarball has a damaged header")
            kind, size = block[156:157], _number(block[124:136])
            if size is None:
                raise SourceError(f"{self._what}: the tarball has a member of no stated size")
            if kind in (b"x", b"L"):
                given.update(self._extended(kind, size))
            elif kind in (b"g", b"K"):
                self._skip(size)
            else:
                break
        name = given.get("path") or _name(block)
        if "size" in given:
            if not (given["size"].isascii() and given["size"].isdigit()):
                raise SourceError(f"{self._what}: the tarball has a member of no stated size")
            size = int(given["size"][:19])
        return name, kind, 0 if kind in _KINDS else size

    def _extended(self, kind: bytes, size: int) -> dict[str, str]:
        """Read an extended header: `x` is pax, `L` a long name of GNU tar."""
        if size > _HEADER_BYTES:
            raise SourceError(
                f"{self._what}: the tarball has an extended header of {size} bytes; at most "
                f"{_HEADER_BYTES} are read"
            )
        data = self._take(size)
        self._skip(-size % _BLOCK, padded=False)
        if kind == b"L":
            return {"path": data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")}
        found = {}
        while data:
            head, space, _ = data.partition(b" ")
            length = int(head) if head.isdigit() and len(head) < 8 else 0
            record = data[:length]
            if not space or length <= len(head) + 2 or not record.endswith(b"\n"):
                raise SourceError(f"{self._what}: the tarball has a damaged extended header")
            key, _, value = record[len(head) + 1 : -1].partition(b"=")
            found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
            data = data[length:]
        return {key: found[key] for key in ("path", "size") if key in found}

    def _skip(self, size: int, *, padded: bool = True) -> None:
        left = size + (-size % _BLOCK if padded else 0)
        while left:
            left -= len(self._take(min(left, 1 << 20)))

    def _take(self, count: int, *, or_end: bool = False) -> bytes:
        """Unpack exactly `count` bytes."""
        self._unpacked += count
        if self._unpacked > self._most:
            raise SourceError(
                f"{self._what}: the tarball unpacks to more than {self._most} bytes, "
                f"over {_MOST_RATIO} times its size: it is a bomb"
            )
        try:
            data = self._stream.read(count)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(f"{self._what}: the tarball cannot be unpacked: {error}") from error
        if len(data) < count and not (or_end and not data):
            raise SourceError(f"{self._what}: the tarball is cut short")
        return data


def _number(field: bytes) -> int | None:
    """Return the number in a header's field: octal digits, or base 256 for large ones."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        return value if value < 1 << 62 else None
    text = field.strip(b" \0")
    if not all(digit in b"01234567" for digit in text):
        return None
    return int(text, 8) if text else 0


def _name(block: bytes) -> str:
    def text(field: bytes) -> str:
        return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")

    name = text(block[:100])
    prefix = text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name
