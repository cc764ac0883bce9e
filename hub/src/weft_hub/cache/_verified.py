"""Which cached files this user has verified, and nobody has written to since.

Hashing a file takes longer than reading it into a model, so a file that is whole is remembered by
what the system says of it (`identity_of`), in a folder that only the user can write, outside the
cache. Whoever can write to the cache can change a file there, but not what is remembered; and no
write to a file leaves what the system says of it as it was. In doubt it is hashed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from pathlib import Path

from weft_hub._files.identity import Identity, changed_ns, identity_of
from weft_hub._files.whole_file import flush_to_disk, write_whole

# A file that was written this short a time ago may be written again within one tick of the clock
# that its disk has; two seconds are the coarsest.
_YOUNG_NS = 3_000_000_000


class Verified:
    """What was verified, remembered in the folder `root` of the user's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether the file at `path` was found to have this digest and is still as it was."""
        seen = self.look(path)
        if seen is None:
            return False
        try:
            with self._record(path, sha256).open(encoding="ascii") as stream:
                status = os.fstat(stream.fileno())
                return _only_we_write(status) and stream.read(200).strip() == _spelt(seen)
        except (OSError, ValueError):
            return False

    def note(self, path: Path, sha256: str, seen: Identity | None) -> None:
        """Remember that the file at `path` has this digest, if it still is what it was.

        Args:
            path: the file.
            sha256: its digest, computed just now.
            seen: what `look` gave before that; None, and nothing is remembered.
        """
        if seen is None or seen != self.look(path):
            return
        if time.time_ns() - max(changed_ns(seen)) < _YOUNG_NS:
            return
        record = self._record(path, sha256)
        with contextlib.suppress(OSError):  # then it is hashed again the next time
            flush_to_disk(path)  # what a power cut would take from it must not be vouched for
            record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _only_we_write(record.parent.stat()):
                write_whole(record, _spelt(seen).encode("ascii"))

    def look(self, path: Path) -> Identity | None:
        """Return what the system says of the file at `path`.

        None where it cannot be relied on, and nothing is remembered: outside POSIX a program can
        set every time that a file has; and whoever may write to the file could have mapped it, and
        not each write to mapped memory shows at once. The file is opened, because a network disk
        asks its server then; otherwise it may answer what it was told up to a minute ago.
        """
        if os.name != "posix":
            return None
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(handle)
        finally:
            os.close(handle)
        trusted = stat.S_ISREG(status.st_mode) and _only_we_write(status)
        return identity_of(status) if trusted else None

    def forget(self, path: Path, sha256: str) -> None:
        """Forget the file, which is about to be removed."""
        with contextlib.suppress(OSError):
            self._record(path, sha256).unlink()

    def _record(self, path: Path, sha256: str) -> Path:
        place = hashlib.sha256(os.fsencode(os.path.realpath(path.parent))).hexdigest()
        return self.root / f"{sha256}-{place[:16]}"


def _only_we_write(status: os.stat_result) -> bool:
    others = stat.S_IMODE(status.st_mode) & 0o022
    return status.st_uid in (os.geteuid(), 0) and not others


def _spelt(seen: Identity) -> str:
    return " ".join(map(str, seen))
