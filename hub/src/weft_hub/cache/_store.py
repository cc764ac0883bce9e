"""The content-addressed cache: what is in it was verified, and nothing else ever gets in.

    blobs/<sha256>                          a verified file, named by its digest, never changed
    snapshots/<ns>/<name>/<version>-<id>/   the files of one entry by their own names (links)
    refs/<ns>/<name>                        the snapshot that was used last, one line
    locks/<sha256>.lock                     held while a process fetches that blob
    tmp/<sha256>-<random>/                  work of one fetch, removed when it ends
    tmp/<sha256>.part/                      what a broken download left, for the next to go on from
    damaged/<sha256>                        a blob that failed its check, set aside
    uses/<process>-<random>                 the digests that a living process uses (`_leases`)
    used/<sha256>                           its time is when a blob was last used (`_uses`)

A blob appears by one atomic rename, after its size and digest were checked on the way in and its
bytes were flushed to the disk. Whatever kills a process before the rename leaves only `tmp/`,
which the next fetch of the same blob removes, but for a part that it can go on from.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol

from filelock import FileLock, Timeout

from weft_hub._files.digest import CHUNK_BYTES, sha256_of
from weft_hub._files.whole_file import flush_to_disk, write_whole
from weft_hub.cache._links import Links
from weft_hub.cache._part import Part
from weft_hub.cache._repositories import listings
from weft_hub.cache._verified import Verified
from weft_hub.card import Card, File
from weft_hub.errors import (
    CacheError,
    DamagedBlobError,
    DigestMismatchError,
    SizeMismatchError,
    SourceError,
)
from weft_hub.progress import Progress, Step, quiet

_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is the cache of weft-hub; backups may leave it out, and it may be deleted.\n"
)


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
FLUSHED_BYTES = 1 << 20
"""Files of this size and more are on the disk before they get their name.

A smaller one may be lost in a power cut. It is then missing, or too short and fetched again.
"""


class Bytes(Protocol):
    """Anything that bytes can be read from."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes, or none at the end."""


class Cache:
    """The cache in the folder `root`, which is made when something is first stored.

    Args:
        root: the folder.
        verified: remembers which files were verified and are still as they were; None, and each
            file is hashed each time that it is asked for.
    """

    def __init__(self, root: Path, verified: Verified | None = None) -> None:
        self.root = root
        self.verified = verified
        self.blobs = root / "blobs"

    # ---- reading: takes no lock and writes nothing, so a read-only cache serves what it has

    def blob(self, sha256: str) -> Path:
        """Return where the blob with this digest is or would be."""
        return self.blobs / sha256

    def has(self, sha256: str) -> bool:
        """Whether anything is there under this digest, whole or damaged."""
        return os.path.lexists(os.path.join(self.blobs, sha256))

    def known(self, files: Iterable[File]) -> set[str]:
        """Return the digests of those of `files` that are known to be whole without hashing."""
        if self.verified is None:
            return set()
        return self.verified.held(self.blobs, [file.sha256 for file in files])

    def find(self, file: File) -> Path | None:
        """Return the path of a whole, undamaged blob of `file`, or None when there is none.

        The whole digest is computed, unless `verified` knows that it was and that nobody has
        written to the file since.

        Raises:
            DamagedBlobError: the blob is there, but is not what was verified.
        """
        path = self.blob(file.sha256)
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise DamagedBlobError(f"{file.name}: {path} in the cache is not a regular file")
        if status.st_size != file.size:
            raise DamagedBlobError(
                f"{file.name}: its cached copy {path} is damaged: {file.size} bytes are required, "
                f"but it has {status.st_size}"
            )
        if self.verified is not None and self.verified.holds(path, file.sha256):
            return path
        got = self.verify(file.sha256)
        if got is not None:
            raise DamagedBlobError(
                f"{file.name}: its cached copy {path} is damaged: SHA-256 {file.sha256} is "
                f"required, but it has {got}"
            )
        return path

    # ---- writing

    @contextlib.contextmanager
    def lock(self, file: File, progress: Progress = quiet) -> Iterator[bool]:
        """Hold the lock of one blob; says so through `progress` when it has to wait.

        Yields whether it is held. On a disk without locks it is not: then each process fetches for
        itself, in a place of its own, and the last to give the blob its name has the same bytes.
        """
        folder = self._folder("locks")
        lock = FileLock(folder / f"{file.sha256}.lock")
        held = True
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress(Step("wait", file.name, 0, file.size))
                lock.acquire()
        except NotImplementedError:
            held = False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise self.unusable("lock a file", error) from error
            held = False
        try:
            yield held
        finally:
            if held:
                lock.release()

    @contextlib.contextmanager
    def workspace(self, file: File, alone: bool) -> Iterator[Path]:
        """Name a folder for one fetch and remove it afterwards; who uses it makes it.

        Args:
            file: what is fetched.
            alone: whether the blob's lock is held. Whatever else is there for the same blob was
                then left by a process that was killed, and is removed first.
        """
        parent = self._folder("tmp")
        for left in os.listdir(parent):
            if alone and left.startswith(f"{file.sha256}-"):
                _remove(parent / left)
        work = parent / f"{file.sha256}-{secrets.token_hex(8)}"
        try:
            yield work
        finally:
            _remove(work)

    def kept(self, file: File) -> Path:
        """Return the folder for what may be continued; it is used under the blob's lock."""
        return self.root / "tmp" / f"{file.sha256}.part"

    def take(self, file: File, part: Part, *, source: str = "") -> Path:
        """Make the whole file `part`, which lies in this cache, the blob of `file`.

        The part's digest was computed from what is on the disk.

        Raises:
            SizeMismatchError, DigestMismatchError: it is another file.
            CacheError: the cache cannot be written.
        """
        what = f"{file.name} from {source}" if source else file.name
        if part.size != file.size or not part.is_whole:
            raise SizeMismatchError(what, expected=file.size, got=part.spans.total)
        got = part.digest()
        if got != file.sha256:
            raise DigestMismatchError(what, expected=file.sha256, got=got)
        try:
            part.sync()
        except OSError as error:
            raise self.unusable("write", error) from error
        return self._name(file, part.path)

    def _name(self, file: File, path: Path) -> Path:
        """Give the verified file at `path` its name, in one step."""
        blobs = self._folder("blobs")
        blob = blobs / file.sha256
        try:
            if os.name == "posix":
                path.chmod(0o444)  # a blob is never changed, also not through a snapshot's link
            os.replace(path, blob)
            if file.size >= FLUSHED_BYTES and os.name == "posix":  # elsewhere a folder cannot be
                flush_to_disk(blobs)
        except OSError as error:
            raise self.unusable("write", error) from error
        return blob

    def store(
        self, file: File, stream: Bytes, work: Path, *, source: str = "", progress: Progress = quiet
    ) -> Path:
        """Copy `stream` into the cache as the blob of `file`, verifying it on the way.

        Raises:
            SizeMismatchError: fewer or more bytes came; no more than one too many is read.
            DigestMismatchError: other bytes came.
            CacheError: the cache cannot be written.
        """
        partial = work.with_name(f"{work.name}.partial")
        what = f"{file.name} from {source}" if source else file.name
        try:
            with partial.open("xb") as out:
                self._copy(file, stream, out, what=what, source=source, progress=progress)
                if file.size >= FLUSHED_BYTES:
                    out.flush()
                    os.fsync(out.fileno())
            return self._name(file, partial)
        except OSError as error:
            raise self.unusable("write", error) from error
        finally:
            partial.unlink(missing_ok=True)

    def put(self, file: File, content: bytes, work: Path) -> None:
        """Make `content` the blob of a small `file`; `work` is a folder that is there.

        Raises:
            SizeMismatchError, DigestMismatchError: it is another file.
            OSError: the cache cannot be written.
        """
        if len(content) != file.size:
            raise SizeMismatchError(file.name, expected=file.size, got=len(content))
        got = hashlib.sha256(content).hexdigest()
        if got != file.sha256:
            raise DigestMismatchError(file.name, expected=file.sha256, got=got)
        partial, blob = f"{work}/{file.sha256}", f"{self.blobs}/{file.sha256}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        handle = os.open(partial, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            if os.name == "posix":
                os.fchmod(handle, 0o444)
            if os.write(handle, content) != file.size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(handle)
        os.replace(partial, blob)

    def _copy(
        self,
        file: File,
        stream: Bytes,
        out: IO[bytes],
        *,
        what: str,
        source: str,
        progress: Progress,
    ) -> None:
        digest = hashlib.sha256()
        done = 0
        while chunk := _read(stream, min(CHUNK_BYTES, file.size - done + 1), what):
            done += len(chunk)
            if done > file.size:
                raise SizeMismatchError(what, expected=file.size, got=done, at_least=True)
            digest.update(chunk)
            out.write(chunk)
            progress(Step("verify", file.name, done, file.size, source))
        if done != file.size:
            raise SizeMismatchError(what, expected=file.size, got=done)
        if digest.hexdigest() != file.sha256:
            raise DigestMismatchError(what, expected=file.sha256, got=digest.hexdigest())

    def set_aside(self, sha256: str) -> None:
        """Move a damaged blob out of the way; it is kept under `damaged/` for whoever asks why."""
        folder = self._folder("damaged")
        try:
            os.replace(self.blob(sha256), folder / sha256)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self.unusable("move a damaged file", error) from error

    def link(self, card: Card) -> Path:
        """Make the snapshot of `card`, whose blobs are all there, and let its ref name it."""
        return Links(self, card).finish()

    def _folder(self, *parts: str) -> Path:
        folder = self.root.joinpath(*parts)
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                tag = self.root / "CACHEDIR.TAG"
                if not tag.exists():
                    write_whole(tag, _TAG.encode())
        except OSError as error:
            raise self.unusable("write", error) from error
        return folder

    def folder(self, *parts: str) -> Path:
        """Return a folder of the cache, made if need be."""
        return self._folder(*parts)

    def unusable(self, verb: str, error: OSError | NotImplementedError) -> CacheError:
        """Return the error for something that the cache's disk refused."""
        why = getattr(error, "strerror", None) or error
        return CacheError(
            f"cannot {verb} in the cache {self.root}: {why}; "
            "make it writable, make room, or set WEFT_HUB_CACHE to another folder"
        )

    # ---- looking after it

    def entries(self) -> list[tuple[str, int]]:
        """Return the digest and size of each blob, by digest."""
        try:
            paths = sorted(path for path in self.blobs.iterdir() if path.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CacheError(f"cannot read {self.blobs}: {error.strerror or error}") from error
        return [(path.name, path.stat().st_size) for path in paths]

    def users(self) -> dict[str, list[str]]:
        """Return for each digest the files that are made of it: of snapshots, of repositories."""
        snapshots = self.root / "snapshots"
        blobs = self.blobs.resolve()
        found: dict[str, list[str]] = {}
        for path in sorted(snapshots.glob("*/*/*/[!.]*")):
            target = path.resolve()
            digest = target.name if target.parent == blobs else sha256_of(path)
            found.setdefault(digest, []).append(path.relative_to(snapshots).as_posix())
        for listed in listings(self.root):
            for name, digest in listed.files.items():
                found.setdefault(digest, []).append(f"{listed.name}/{name}")
        return found

    def verify(self, sha256: str) -> str | None:
        """Return the digest that the blob really has if it is not `sha256`, else None."""
        path = self.blob(sha256)
        seen = self.verified.look(path) if self.verified is not None else None
        try:
            got = sha256_of(path)
        except OSError as error:
            raise CacheError(f"cannot read {path}: {error.strerror or error}") from error
        if got != sha256:
            return got
        if self.verified is not None and seen is not None:
            self.verified.note(path, sha256, seen)
        return None


def _read(stream: Bytes, count: int, what: str) -> bytes:
    try:
        return stream.read(count)
    except OSError as error:  # the source's disk, not the cache's
        raise SourceError(f"{what}: cannot read on: {error.strerror or error}") from error


def _remove(path: Path) -> None:
    """Remove a folder or a file, if there is one and it can be removed."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()
