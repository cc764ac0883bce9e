"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["written_atomically"]


@contextlib.contextmanager
def written_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the name `path` only once all of it is on the disk.

    It is written under a unique name in the same folder, flushed to the disk and renamed, which
    replaces an older file in one step: whoever reads meanwhile, or has it mapped, sees the old one
    whole. If the body raises, the unfinished file is removed and `path` is as it was.
    """
    target = Path(path)
    unfinished = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.partial")
    # Not tempfile.mkstemp: that makes the file readable by its owner alone, whatever the umask.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(unfinished, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself outlive a power cut, where the system lets a folder be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows: folders cannot be opened, and renames are journalled
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse to flush a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
