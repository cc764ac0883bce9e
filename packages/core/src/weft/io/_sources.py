"""What may be read from and written to: a path, or an open file."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

from ._atomic import written_atomically
from ._memory import read_regular_file
from .errors import FormatError, shown

__all__ = ["FileLike", "memory_of", "name_of", "opened_for_writing", "path_of"]

FileLike: TypeAlias = "str | os.PathLike[str] | BinaryIO"

_CHUNK = 1 << 24


def memory_of(source: FileLike, *, mapped: bool) -> tuple[memoryview, str]:
    """Return the bytes of a file, mapped or read, and its name for messages.

    An open file is read from where it stands to its end.

    Raises:
        OSError: the file does not exist or may not be read.
        FormatError: it is empty, or not a regular file.
        TypeError: `source` is none of these, or a file opened as text.
    """
    if callable(getattr(source, "read", None)):
        file: Any = source
        origin = name_of(file)
        memory = _rest_of(file, origin)
        if not memory:
            raise FormatError(
                f"{origin}: nothing follows where the file stands; was it written just now? "
                "Then rewind it with seek(0)"
            )
        return memory, origin
    origin = path_of(source)
    return read_regular_file(origin, origin, mapped=mapped), origin


def name_of(target: object) -> str:
    """Return what messages call a path or a file object."""
    if isinstance(target, str | os.PathLike):
        return os.fsdecode(target)
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else f"<{type(target).__name__}>"


def path_of(source: object) -> str:
    """Return a path as text.

    Raises:
        TypeError: `source` is no path.
    """
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "a path, or a file object opened in binary mode, was required, but this is "
            f"{type(source).__name__}: {shown(source)}"
        )
    return os.fsdecode(source)


@contextlib.contextmanager
def opened_for_writing(target: FileLike) -> Iterator[BinaryIO]:
    """Open what is to be written: a path atomically; an open file is written as it stands.

    Raises:
        TypeError: `target` is neither, or a file opened as text.
    """
    if not callable(getattr(target, "write", None)):
        with written_atomically(path_of(target)) as file:
            yield file
        return
    given: Any = target
    if isinstance(given, io.TextIOBase):
        raise TypeError(f"{shown(given)} is open as text; open it in binary mode, with 'wb'")
    yield given


def _rest_of(file: Any, origin: str) -> memoryview:
    """Read a file to its end into memory that may be written to."""
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{origin} is open as text; open it in binary mode, with 'rb'")
    size = _size_left(file)
    if size is None or not hasattr(file, "readinto"):
        parts = bytearray()
        while part := file.read(_CHUNK):
            parts += part
        return memoryview(parts)
    memory = memoryview(bytearray(size))
    filled = 0
    while filled < size and (count := file.readinto(memory[filled:])):
        filled += count
    return memory[:filled]


def _size_left(file: Any) -> int | None:
    """Return how many bytes follow, or None if the file cannot tell."""
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (OSError, AttributeError):  # io.UnsupportedOperation is an OSError
        return None
    return max(0, end - here) if isinstance(end, int) else None
