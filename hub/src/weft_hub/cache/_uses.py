"""When the blobs of a cache were last used, by the times of empty or small files beside them.

    used/<sha256>   the time of this file is when the blob of this digest was last used;
                    or, where it has lines, when all the blobs of these digests were

One file for all that is used together, since a model may have thousands of files. The blobs' own
times are left as they are: by them it is seen that nobody has written to a blob.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from weft_hub._files.whole_file import write_whole

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 64 << 20


def note_use(root: Path, digests: Iterable[str]) -> None:
    """Note that the blobs of the cache in `root` are used now; what cannot be noted is not."""
    together = sorted(set(digests))
    if not together:
        return
    lines = "\n".join(together).encode("ascii")
    one = len(together) == 1
    marker = root / "used" / (together[0] if one else hashlib.sha256(lines).hexdigest())
    with contextlib.suppress(OSError):
        try:
            os.utime(marker)
        except FileNotFoundError:
            marker.parent.mkdir(exist_ok=True)
            write_whole(marker, b"" if one else lines, mode=0o644)


def last_uses(root: Path) -> dict[str, float]:
    """Return when each blob was last used as far as it was noted, in seconds since 1970."""
    found: dict[str, float] = {}
    for _, digests, used_s in _markers(root):
        for digest in digests:
            found[digest] = max(used_s, found.get(digest, used_s))
    return found


def forget_uses(root: Path) -> None:
    """Remove what was noted about blobs of which none is there any more.

    Raises:
        OSError: it cannot be removed.
    """
    for marker, digests, _ in _markers(root):
        if not any((root / "blobs" / digest).exists() for digest in digests):
            marker.unlink(missing_ok=True)


def _markers(root: Path) -> Iterator[tuple[Path, list[str], float]]:
    try:
        names = os.listdir(root / "used")
    except OSError:
        return
    for name in filter(_DIGEST.fullmatch, names):
        marker = root / "used" / name
        try:
            status = marker.stat()
            lines = marker.read_text("ascii") if 0 < status.st_size <= _MOST_BYTES else name
        except (OSError, ValueError):
            continue
        digests = [line for line in lines.split("\n") if _DIGEST.fullmatch(line)]
        yield marker, digests, status.st_mtime
