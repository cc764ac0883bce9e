"""Many small cached files verified one after the other.

What `Cache.find` does for each costs more than hashing a small file: a thread's turn, a line of the
record, several questions to the system. Here a file is opened once, and the record is written once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from weft_hub._files.identity import Identity
from weft_hub.cache._small_part import AT_ONCE_BYTES
from weft_hub.cache._store import Cache
from weft_hub.cache._verified import reliable
from weft_hub.card import File


def find_small(cache: Cache, files: Iterable[File]) -> tuple[set[str], list[File]]:
    """Look for those of `files` that are small, and hash what is there.

    Returns:
        The digests of those that are whole, and those that are not there. Of one that is neither
        nothing is said: who looks for it by `Cache.find` learns what is wrong.
    """
    small = [file for file in files if file.size <= AT_ONCE_BYTES]
    found: set[str] = set()
    missing: dict[str, File] = {}
    seen: dict[str, Identity] = {}
    if not cache.blobs.exists():
        missing = {file.sha256: file for file in small}
        small = []
    for file in small:
        if file.sha256 in found:
            continue
        try:
            content, identity = _read(f"{cache.blobs}/{file.sha256}", file.size + 1)
        except FileNotFoundError:
            missing[file.sha256] = file
            continue
        except OSError:
            continue
        if len(content) == file.size and hashlib.sha256(content).hexdigest() == file.sha256:
            found.add(file.sha256)
            if identity is not None:
                seen[file.sha256] = identity
    if cache.verified is not None:
        cache.verified.note_all(cache.blobs, seen)
    return found, list(missing.values())


def _read(path: str, most: int) -> tuple[bytes, Identity | None]:
    """Return up to `most` bytes of a file, and what the system said of it before.

    Raises:
        OSError: it is not there, is a link, or cannot be read.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, os.O_RDONLY | flags | getattr(os, "O_CLOEXEC", 0))
    try:
        identity = reliable(os.fstat(handle)) if os.name == "posix" else None
        return os.read(handle, most), identity
    finally:
        os.close(handle)
