"""A file of lines `DIGEST IDENTITY`, to which several processes add; the last line counts.

So many files are looked up by reading once. Lines are added at the end; a line without what the
system said is about a file that was removed.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from weft_hub._files.identity import Identity, identity_of, only_we_write
from weft_hub._files.whole_file import write_whole

_DIGITS = 64
_SPARE_LINES = 100
_MOST_BYTES = 64 << 20


class Book:
    """The file at `path`; it is read again when somebody has written to it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: Identity | None = None
        self._known: dict[str, str] = {}
        self._lines = 0

    def said(self, digest: str) -> str | None:
        """Return what the system said of the file with this digest, or None."""
        with self._lock:
            self._look()
            return self._known.get(digest)

    def said_of(self, digests: Iterable[str]) -> dict[str, str]:
        """Return what `said` does of those of `digests` that are known."""
        with self._lock:
            self._look()
            known = self._known
            return {digest: known[digest] for digest in digests if digest in known}

    def add(self, said: Mapping[str, str]) -> None:
        """Add a line for each digest, in a file that only the user can write.

        Raises:
            OSError: it cannot be written.
        """
        if not said:
            return
        with self._lock:
            # What is there counts for nothing, or most of it is about what was written later.
            anew = not self._look() or self._lines > 2 * len(self._known) + _SPARE_LINES
            if not any(said.values()) and self._known.keys() <= said.keys():
                os.unlink(self._path)
            elif not anew:
                self._append(said)
            else:
                known = {**self._known, **said}
                lines = [f"{digest} {one}" for digest, one in known.items() if one]
                write_whole(Path(self._path), "\n".join(lines).encode("ascii"))

    def end(self) -> None:
        """Remove it.

        Raises:
            OSError: it is not there or cannot be removed.
        """
        with self._lock:
            os.unlink(self._path)

    def _append(self, said: Mapping[str, str]) -> None:
        # In one write, and from the start of a line, whatever ends before it.
        lines = "".join(f"\n{digest} {one}" for digest, one in said.items()).encode("ascii")
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags)
        try:
            before = os.fstat(handle)
            os.write(handle, lines)
            after = os.fstat(handle)
        finally:
            os.close(handle)
        alone = after.st_size == before.st_size + len(lines)
        if alone and self._read == identity_of(before):  # so it need not be read for this
            self._read = identity_of(after)
            self._enter(said)

    def _look(self) -> bool:
        """Read it if it is not what was read last; return whether it counts."""
        try:
            status = os.stat(self._path, follow_symlinks=False)
            if self._read == identity_of(status):
                return True
            self._read, self._known, self._lines = None, {}, 0
            if not stat.S_ISREG(status.st_mode) or not only_we_write(status):
                return False
            if status.st_size > _MOST_BYTES:
                return False
            with open(self._path, "rb") as stream:
                lines = stream.read(_MOST_BYTES).decode("ascii").split("\n")
        except (OSError, ValueError):
            self._read, self._known, self._lines = None, {}, 0
            return False
        self._enter({line[:_DIGITS]: line[_DIGITS + 1 :] for line in lines})
        self._lines = len(lines)
        self._read = identity_of(status)
        return True

    def _enter(self, said: Mapping[str, str]) -> None:
        self._lines += len(said)
        self._known.update(said)
        for digest in [digest for digest, one in said.items() if not one]:
            self._known.pop(digest)
