"""Compiled kernels on disk: safe with several processes, verified when read, bounded in size."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

#: Bytes that all kernels together may take; the ones not used for longest go first.
LIMIT = 256 * 2**20
_MAGIC = b"weft kernel 1\n"


def folder() -> Path:
    """Return where kernels are kept: ``WEFT_CACHE_DIR``, or the user's folder of caches."""
    chosen = os.environ.get("WEFT_CACHE_DIR")
    if chosen:
        return Path(chosen) / "kernels"
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "weft" / "kernels"


def get(key: str) -> bytes | None:
    """Return what was kept under a key; None if nothing was, or if it was damaged."""
    path = folder() / key
    try:
        with path.open("rb") as file:
            told = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (told.st_uid != os.getuid() or told.st_mode & 0o022):
                return None  # another may have written it, and it would be executed
            content = file.read()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    image = content[head:]
    if (
        content[: len(_MAGIC)] != _MAGIC
        or hashlib.sha256(image).digest() != content[len(_MAGIC) : head]
    ):
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    return image


def put(key: str, image: bytes) -> None:
    """Keep an object file; a folder that cannot be written to is no error."""
    home = folder()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=home, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(image).digest() + image)
            Path(name).replace(home / key)  # whole or not at all, whoever else writes it
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        _bound(home)
    except OSError:
        return


def _bound(home: Path) -> None:
    """Remove the kernels not used for longest while all take more than the limit."""
    kept = []
    for entry in os.scandir(home):
        with contextlib.suppress(OSError):
            told = entry.stat()
            kept.append((max(told.st_atime, told.st_mtime), told.st_size, entry.path))
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= LIMIT:
            break
        with contextlib.suppress(OSError):
            Path(path).unlink()
        total -= size
