"""Which cached files this user has verified, and nobody has written to since.

Hashing a file takes longer than reading it into a model, so a file that is whole is remembered by
what the system says of it (`identity_of`), in a folder that only the user can write, outside the
cache. Whoever can write to the cache can change a file there, but not what is remembered; and no
write to a file leaves what the system says of it as it was. In doubt it is hashed again.

    <root>/<place>      a line for each file of one folder: its digest and what the system said

Lines are added at the end, and the last one about a file counts; so many files are looked up by
reading once. A line without what the system said is about a file that was removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from pathlib import Path

from weft_hub._files.identity import Identity, changed_ns, identity_of
from weft_hub._files.whole_file import flush_to_disk, write_whole

# A file that was written this short a time ago may be written again within one tick of the clock
# that its disk has; two seconds are the coarsest.
_YOUNG_NS = 3_000_000_000
_SPARE_LINES = 100
_MOST_BYTES = 64 << 20


class Verified:
    """What was verified, remembered in the folder `root` of the user's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._books: dict[Path, _Book] = {}

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether the file at `path` was found to have this digest and is still as it was."""
        seen = self.look(path)
        return seen is not None and self._book(path).said(sha256) == _spelt(seen)

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
        with contextlib.suppress(OSError):  # then it is hashed again the next time
            flush_to_disk(path)  # what a power cut would take from it must not be vouched for
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _only_we_write(self.root.stat()):
                self._book(path).add(sha256, _spelt(seen))

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
        book = self._book(path)
        with contextlib.suppress(OSError):
            if book.said(sha256) is not None:
                book.add(sha256, "")

    def _book(self, path: Path) -> _Book:
        book = self._books.get(path.parent)
        if book is None:
            place = hashlib.sha256(os.fsencode(os.path.realpath(path.parent))).hexdigest()
            book = self._books.setdefault(path.parent, _Book(f"{self.root}/{place[:16]}"))
        return book


class _Book:
    """One file of lines `DIGEST IDENTITY`; it is read again when somebody has written to it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[int, ...] | None = None
        self._known: dict[str, str] = {}
        self._lines = 0

    def said(self, digest: str) -> str | None:
        """Return what the system said of the file with this digest, or None."""
        with self._lock:
            self._look()
            return self._known.get(digest)

    def add(self, digest: str, said: str) -> None:
        """Add a line, in a file that only the user can write.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            # What is there counts for nothing, or most of it is about what was written later.
            anew = not self._look() or self._lines > 2 * len(self._known) + _SPARE_LINES
            if not said and self._known.keys() <= {digest}:
                os.unlink(self._path)
            elif not anew:
                self._append(digest, said)
            else:
                known = {**self._known, digest: said}
                lines = [f"{digest} {said}" for digest, said in known.items() if said]
                write_whole(Path(self._path), "\n".join(lines).encode("ascii"))

    def _append(self, digest: str, said: str) -> None:
        # In one write, and from the start of a line, whatever ends before it.
        line = f"\n{digest} {said}".encode("ascii")
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags)
        try:
            before = os.fstat(handle)
            os.write(handle, line)
            after = os.fstat(handle)
        finally:
            os.close(handle)
        alone = after.st_size == before.st_size + len(line)
        if alone and self._read == identity_of(before):  # so it need not be read for this
            self._read = identity_of(after)
            self._enter(digest, said)

    def _enter(self, digest: str, said: str) -> None:
        self._lines += 1
        if said:
            self._known[digest] = said
        else:
            self._known.pop(digest, None)

    def _look(self) -> bool:
        """Read it if it is not what was read last; return whether it counts."""
        try:
            status = os.stat(self._path, follow_symlinks=False)
            if self._read == identity_of(status):
                return True
            self._read, self._known, self._lines = None, {}, 0
            if not stat.S_ISREG(status.st_mode) or not _only_we_write(status):
                return False
            if status.st_size > _MOST_BYTES:
                return False
            with open(self._path, encoding="ascii") as stream:
                lines = stream.read(_MOST_BYTES).split("\n")
        except (OSError, ValueError):
            self._read, self._known, self._lines = None, {}, 0
            return False
        for line in lines:
            digest, _, said = line.partition(" ")
            self._enter(digest, said)
        self._read = identity_of(status)
        return True


def _only_we_write(status: os.stat_result) -> bool:
    others = stat.S_IMODE(status.st_mode) & 0o022
    return status.st_uid in (os.geteuid(), 0) and not others


def _spelt(seen: Identity) -> str:
    return " ".join(map(str, seen))
