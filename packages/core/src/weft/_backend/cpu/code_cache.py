"""Compiled kernels on disk: safe with several processes, verified when read, bounded in size."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from weft._backend.cpu.digests import SIZE, digest

#: Bytes that all kernels together may take; the ones not used for longest go first.
LIMIT = 256 * 2**20
_MAGIC = b"weft kernel 2\n"


def folder() -> str:
    """Return where kernels are kept: ``WEFT_CACHE_DIR``, or the user's folder of caches."""
    chosen = os.environ.get("WEFT_CACHE_DIR")
    if chosen:
        return os.path.join(chosen, "kernels")
    user = os.path.expanduser("~")
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or os.path.join(user, "AppData", "Local")
    elif sys.platform == "darwin":
        home = os.path.join(user, "Library", "Caches")
    else:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(user, ".cache")
    return os.path.join(home, "weft", "kernels")


def get(key: str) -> bytes | None:
    """Return what was kept under a key; None if nothing was, or if it was damaged."""
    path = os.path.join(folder(), key)
    try:
        with open(path, "rb") as file:
            told = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (told.st_uid != os.getuid() or told.st_mode & 0o022):
                return None  # another may have written it, and it would be executed
            content = file.read()
    except OSError:
        return None
    head = len(_MAGIC) + SIZE
    image = content[head:]
    if content[: len(_MAGIC)] != _MAGIC or digest([image]) != content[len(_MAGIC) : head]:
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None
    return image


def put(key: str, image: bytes) -> None:
    """Keep an object file; a folder that cannot be written to is no error."""
    home = folder()
    writing = os.path.join(home, f".writing-{os.getpid()}-{time.monotonic_ns()}")
    try:
        os.makedirs(home, exist_ok=True, mode=0o700)
        handle = os.open(writing, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + digest([image]) + image)
            # whole or not at all, whoever else writes it
            os.replace(writing, os.path.join(home, key))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(writing)
            raise
        _bound(home)
    except OSError:
        return


def _bound(home: str) -> None:
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
            os.unlink(path)
        total -= size
