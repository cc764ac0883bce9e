"""Which cached files this user has verified, and nobody has written to since.

Hashing a file takes longer than reading it into a model, so a file that is whole is remembered by
what the system says of it (`identity_of`), in a folder that only the user can write, outside the
cache. Whoever can write to the cache can change a file there, but not what is remembered; and no
write to a file leaves what the system says of it as it was. In doubt it is hashed again.

A folder is remembered likewise: no entry of it is made, removed or exchanged without the system
saying so of the folder.

    <root>/<place>      what is remembered of one folder's files (`_book`)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from weft_hub._files.identity import Identity, changed_ns, identity_of, only_we_write
from weft_hub.cache._book import Book

# A file that was written this short a time ago may be written again within one tick of the clock
# that its disk has; two seconds are the coarsest.
_YOUNG_NS = 3_000_000_000
_KIND_AND_OTHERS = 0o170022  # what kind of file it is, and whether its group or others may write


class Verified:
    """What was verified, remembered in the folder `root` of the user's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._books: dict[Path, Book] = {}

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether the file at `path` was found to have this digest and is still as it was."""
        seen = self.look(path)
        return seen is not None and self._book(path.parent).said(sha256) == _spelt(seen)

    def held(self, folder: Path, digests: Iterable[str]) -> set[str]:
        """Return those of `digests` whose files, which have them as names in `folder`, `holds`."""
        if os.name != "posix":
            return set()
        known = self._book(folder).said_of(digests)
        if not known:
            return set()
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return set()
        try:
            return _unchanged(handle, known)
        finally:
            os.close(handle)

    def note(self, path: Path, sha256: str, seen: Identity) -> None:
        """Remember that the file or folder at `path` has this digest, if it still is what it was.

        Args:
            path: the file or folder.
            sha256: its digest, computed just now.
            seen: what `look` gave before that.
        """
        self._note(path.parent, {sha256: (path, seen)})

    def note_all(self, folder: Path, seen: Mapping[str, Identity]) -> None:
        """Do what `note` does for files of `folder` that have their digests as names."""
        self._note(folder, {digest: (folder / digest, one) for digest, one in seen.items()})

    def _note(self, folder: Path, seen: Mapping[str, tuple[Path, Identity]]) -> None:
        now = time.time_ns()
        lines = {}
        for digest, (path, before) in seen.items():
            old = now - max(changed_ns(before)) >= _YOUNG_NS
            with contextlib.suppress(OSError):  # then it is hashed again the next time
                if old and _flushed(path) == before:
                    lines[digest] = _spelt(before)
        with contextlib.suppress(OSError):
            if lines:
                self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
                if only_we_write(self.root.stat()):
                    self._book(folder).add(lines)

    def look(self, path: Path) -> Identity | None:
        """Return what the system says of the file or folder at `path`.

        None where it cannot be relied on, and nothing is remembered: outside POSIX a program can
        set every time that a file has; and whoever may write to the file could have mapped it, and
        not each write to mapped memory shows at once. The file is opened, because a network disk
        asks its server then; otherwise it may answer what it was told up to a minute ago.
        """
        if os.name != "posix":
            return None
        try:
            return reliable(_opened(path))
        except OSError:
            return None

    def forget(self, folder: Path, digests: Iterable[str]) -> None:
        """Forget files of `folder`, which are about to be removed."""
        book = self._book(folder)
        with contextlib.suppress(OSError):
            book.add(dict.fromkeys(book.said_of(digests), ""))

    def forget_folder(self, folder: Path) -> None:
        """Forget everything in `folder`."""
        with contextlib.suppress(OSError):
            self._book(folder).end()

    def _book(self, folder: Path) -> Book:
        book = self._books.get(folder)
        if book is None:
            place = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()
            book = self._books.setdefault(folder, Book(f"{self.root}/{place[:16]}"))
        return book


def reliable(status: os.stat_result) -> Identity | None:
    """Return the identity of a file or folder that only this user can write, else None."""
    kind = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return identity_of(status) if kind and only_we_write(status) else None


def _unchanged(folder: int, known: Mapping[str, str]) -> set[str]:
    """Return the names in the open `folder` of which the system says what is `known` of them."""
    # On Linux a disk of this machine has the number of its device, and a network disk none. Asking
    # for the state of a file by its name, without opening it, is then asking the disk itself.
    is_local = sys.platform == "linux" and os.major(os.fstat(folder).st_dev) != 0
    ask = os.stat if is_local else _opened
    found, owners = set(), (os.geteuid(), 0)
    for name, said in known.items():
        try:
            status = ask(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        # As `reliable` has it, spelt out since there may be thousands.
        trusted = status.st_mode & _KIND_AND_OTHERS == stat.S_IFREG and status.st_uid in owners
        if trusted and said == _spelt(identity_of(status)):
            found.add(name)
    return found


def _opened(
    name: str | Path, *, dir_fd: int | None = None, follow_symlinks: bool = False
) -> os.stat_result:
    """Return what `os.stat` does, of what was opened for it."""
    assert not follow_symlinks
    handle = _open(name, dir_fd)
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def _flushed(path: Path) -> Identity | None:
    """Return what `Verified.look` does, once the disk holds the bytes.

    What a power cut would take from a file must not be vouched for.

    Raises:
        OSError: it cannot be opened, or the disk cannot take it.
    """
    handle = _open(path)
    try:
        seen = reliable(os.fstat(handle))
        if seen is not None:
            os.fsync(handle)
        return seen
    finally:
        os.close(handle)


def _open(name: str | Path, folder: int | None = None) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=folder)


def _spelt(seen: Identity) -> str:
    return "%d %d %d %d" % seen  # noqa: UP031  # each of many files has one, and this is fastest
