"""SHA-256 of files, in constant memory."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CHUNK_BYTES = 1 << 20
_HASHED_AT_ONCE = 16 << 20  # while it is hashed other threads run; each step waits for its turn


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file at `path` as lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        memory = memoryview(bytearray(min(_HASHED_AT_ONCE, max(size, 1))))
        while count := stream.readinto(memory):
            digest.update(memory[:count])
    return digest.hexdigest()
