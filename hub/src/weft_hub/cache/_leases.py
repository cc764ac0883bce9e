"""Tell other processes which blobs this one uses, so that nobody prunes them meanwhile.

A process that loads or downloads writes the digests that it uses into a file of its own in the
cache, `uses/<random>`, and holds a lock of the system on it for as long as it lives. Whatever ends
the process, a kill included, ends the lock too: a lease that can be locked belongs to nobody.

The order makes it safe. A user writes its digests first and then waits until nobody prunes; who
prunes holds the lock `locks/prune.lock` while it reads the leases and removes what none of them
names. So a digest is either seen by the one who prunes, or its user looks into the cache only
after the pruning has ended.

A cache that cannot be written is used without leases: whoever cannot write it cannot prune it. On a
disk without locks nothing is pruned (`_pruning` says so).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from weft_hub.cache import Cache
from weft_hub.cache._uses import note_use
from weft_hub.card import Card
from weft_hub.errors import CacheError

_LOCK = "prune.lock"
_DIGEST_CHARACTERS = 64
_CACHES = 64  # a process with more caches than that gives up the lease on the first of them


@contextlib.contextmanager
def in_use(cache: Cache, card: Card, limit: int | None = None) -> Iterator[None]:
    """Hold the files of `card` for this process from here on; at the end keep the size limit.

    Args:
        cache: the cache whose blobs are going to be used.
        card: the entry.
        limit: how many bytes the cache may have; it is looked at only if a file was fetched.
    """
    digests = [file.sha256 for file in card.files]
    there = cache.root.exists()
    if there:  # looking into a cache that is not there must not make one
        hold(cache, digests)
    fetching = limit is not None and any(not cache.blob(digest).exists() for digest in digests)
    yield
    if not there:
        hold(cache, digests)
    note_use(cache.root, digests)
    if fetching and limit is not None:
        from weft_hub.cache._pruning import prune  # rarely needed

        # The model is there. That the cache could not be tidied is no reason to withhold it.
        with contextlib.suppress(CacheError):
            prune(cache, max_size=limit)


def hold(cache: Cache, digests: Iterable[str]) -> None:
    """Enter `digests` into this process's lease on `cache`, then wait until nobody prunes it."""
    try:
        cache.folder("uses")
        _lease_on(cache.root).add(digests)
        _wait_for_pruning(cache)
    except (CacheError, OSError, NotImplementedError):
        return  # a read-only cache, or a disk without locks


def leased(root: Path) -> set[str]:
    """Return the digests that living processes use, this one's included; removes dead leases.

    Only right while `pruning` is held.
    """
    found: set[str] = set()
    for path in (root / "uses").glob("[!.]*"):
        own = _own.get(_key(root))
        if own is not None and path == own.path:
            found |= own.digests
        elif not _remove_if_dead(path):
            with contextlib.suppress(OSError):  # its process has just ended
                found |= set(path.read_text("ascii").split())
    return found


@contextlib.contextmanager
def pruning(cache: Cache) -> Iterator[None]:
    """Hold the right to remove blobs from the cache; one process at a time has it.

    Raises:
        CacheError: the cache cannot be written or its disk has no locks.
    """
    try:
        lock = FileLock(cache.folder("locks") / _LOCK, thread_local=False)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise CacheError(
            f"cannot lock the cache {cache.root}: {why}; nothing is removed from a cache that "
            "cannot be written, or on a disk without locks"
        ) from error
    try:
        yield
    finally:
        lock.release()


class _Lease:
    """One file with the digests that this process uses in one cache, locked while it lives."""

    def __init__(self, root: Path) -> None:
        folder = root / "uses"
        self.path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        # Made under a name that nobody looks at: it must never be seen without its lock.
        hidden = folder / f".{self.path.name}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if sys.platform == "win32":
            hidden = self.path  # an open file can be neither renamed nor removed there
        self.handle = os.open(hidden, flags, 0o644)
        try:
            _lock(self.handle)
            os.replace(hidden, self.path)
        except BaseException:
            os.close(self.handle)
            with contextlib.suppress(OSError):
                os.unlink(hidden)
            raise
        self.process = os.getpid()
        self.digests: set[str] = set()

    def add(self, digests: Iterable[str]) -> None:
        """Enter digests, all by one write."""
        new = [digest for digest in dict.fromkeys(digests) if digest not in self.digests]
        if new:
            left = memoryview(("\n".join(new) + "\n").encode("ascii"))
            assert len(left) == len(new) * (_DIGEST_CHARACTERS + 1)
            while left:
                left = left[os.write(self.handle, left) :]
            self.digests.update(new)

    def end(self) -> None:
        """Give it up; not in a forked child, whose parent still needs it."""
        os.close(self.handle)
        if self.process == os.getpid():
            with contextlib.suppress(OSError):
                os.unlink(self.path)


_own: dict[str, _Lease] = {}
_guard = threading.Lock()


def _key(root: Path) -> str:
    return os.path.realpath(root)


def _lease_on(root: Path) -> _Lease:
    with _guard:
        lease = _own.get(_key(root))
        if lease is None or lease.process != os.getpid() or not lease.path.exists():
            digests = lease.digests if lease is not None else set()
            while len(_own) >= _CACHES:
                _own.pop(next(iter(_own))).end()
            _own[_key(root)] = new = _Lease(root)
            new.add(sorted(digests))  # a child goes on using what its parent had loaded
            if lease is not None:
                lease.end()
            return new
        return lease


@atexit.register
def _end_all() -> None:
    for lease in _own.values():
        with contextlib.suppress(OSError):
            lease.end()
    _own.clear()


def _wait_for_pruning(cache: Cache) -> None:
    lock = FileLock(cache.folder("locks") / _LOCK, thread_local=False)
    with contextlib.suppress(Timeout):
        lock.acquire(timeout=60)  # removing is fast; longer, and its process is stuck
        lock.release()


def _lock(handle: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_if_dead(path: Path) -> bool:
    """Whether no living process has the lease at `path`; it is removed then."""
    try:
        if sys.platform != "win32":
            handle = os.open(path, os.O_RDWR)
            try:
                _lock(handle)
                os.unlink(path)
            finally:
                os.close(handle)
        else:
            os.unlink(path)  # refused while its process has it open
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
