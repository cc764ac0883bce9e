"""Digests of what is kept on disk, without OpenSSL, whose loading takes longer than a kernel's."""

from __future__ import annotations

from collections.abc import Iterable

try:
    from _blake2 import blake2b  # what hashlib has by this name
except ImportError:
    from hashlib import blake2b

#: Bytes of a digest.
SIZE = 32


def digest(parts: Iterable[bytes]) -> bytes:
    """Return the BLAKE2b digest of parts, told from the same bytes in other parts."""
    found = blake2b(digest_size=SIZE)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()
