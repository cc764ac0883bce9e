"""Write a file so that whoever reads it sees the old bytes or the new ones, never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def flush_to_disk(path: Path) -> None:
    """Have the disk hold what was written to the file or folder at `path`.

    Raises:
        OSError: it cannot.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes, *, flush: bool = False, mode: int = 0o600) -> None:
    """Write `data` under another name in the same folder, and give it the name `path` at last.

    Args:
        path: the file, whose folder is there.
        data: all that it is to hold.
        flush: have the disk hold the bytes before they get their name.
        mode: who may read and write it; at no moment may more.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            if flush:
                out.flush()
                os.fsync(out.fileno())
        if mode != 0o600:  # what mkstemp gives
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
