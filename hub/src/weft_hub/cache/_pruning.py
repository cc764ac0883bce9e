"""Take models out of the cache: those that are named, or the least recently used.

Nothing that a living process uses is ever taken (`_leases`). A snapshot goes before its blobs, so
that a kill in between leaves blobs that nobody names, which the next pruning takes, and never a
snapshot with a hole.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from weft_hub._files.digest import sha256_of
from weft_hub._texts.nearest import did_you_mean
from weft_hub.cache import Cache
from weft_hub.cache._leases import leased, pruning
from weft_hub.cache._repositories import forget_listing, listings
from weft_hub.cache._uses import forget_uses, last_uses
from weft_hub.errors import CacheError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")
_STALE_S = 24 * 3600  # younger, and the next fetch may still take it up


@dataclass(frozen=True)
class Blob:
    """One file that takes room: `size` with its copies, where links could not be made.

    Attributes:
        sha256: its digest.
        size: bytes.
        used_s: when it was last used, in seconds since 1970.
        snapshots: the folders of the snapshots, and the listings of the repositories, that are made
            of it (the latter end with `.json`).
    """

    sha256: str
    size: int
    used_s: float
    snapshots: frozenset[Path]


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        blobs: the verified files, in the order of their removal.
        models: the entries whose snapshots went, as `namespace/name`.
        other_bytes: bytes of damaged files and of work that a killed process left.
        kept_in_use: digests that were due, but that a living process uses.
        size: how many bytes the cache has afterwards.
    """

    blobs: tuple[Blob, ...]
    models: tuple[str, ...]
    other_bytes: int
    kept_in_use: tuple[str, ...]
    size: int

    @property
    def freed(self) -> int:
        """Return how many bytes were freed."""
        return sum(blob.size for blob in self.blobs) + self.other_bytes


def prune(
    cache: Cache,
    *,
    max_size: int | None = None,
    older_than_s: float | None = None,
    dry_run: bool = False,
    now_s: float | None = None,
) -> Pruned:
    """Remove what was not used for a time, then the least recently used until the rest fits.

    Args:
        cache: the cache.
        max_size: how many bytes may stay; None for no limit.
        older_than_s: remove what was not used for so many seconds; None for no limit.
        dry_run: only say what would be removed.
        now_s: the time, in seconds since 1970.

    Raises:
        CacheError: the cache cannot be written, or its disk has no locks.
    """
    now = time.time() if now_s is None else now_s
    with contextlib.nullcontext() if dry_run else pruning(cache):
        blobs = blobs_of(cache)
        used = leased(cache.root)
        size = sum(blob.size for blob in blobs)
        other = _leftovers(cache, now, dry_run=dry_run)
        chosen, kept = [], []
        for blob in sorted(blobs, key=lambda blob: (blob.used_s, blob.sha256)):
            old = older_than_s is not None and now - blob.used_s > older_than_s
            large = max_size is not None and size > max_size
            if not (old or large):
                continue
            if blob.sha256 in used:
                kept.append(blob.sha256)
                continue
            chosen.append(blob)
            size -= blob.size
        models = _take(cache, chosen, {s for b in chosen for s in b.snapshots}, dry_run=dry_run)
    return Pruned(tuple(chosen), models, other, tuple(kept), size)


def remove(cache: Cache, what: Sequence[str], *, dry_run: bool = False) -> Pruned:
    """Remove models by name, or files by digest; all of them or none.

    Args:
        cache: the cache.
        what: names of models (`namespace/name`, `hf:OWNER/NAME` or `hf:OWNER/NAME@COMMIT`), or at
            least 8 digits of digests. A file that other models share stays when it is removed by a
            model's name; when it is removed by its digest, the snapshots that are made of it go
            too. Of a repository it stays known which files it must have, unless it is removed by
            its name.
        dry_run: only say what would be removed.

    Raises:
        CacheError: nothing has such a name, a living process uses it, or the cache cannot be
            written.
    """
    with contextlib.nullcontext() if dry_run else pruning(cache):
        blobs = blobs_of(cache)
        gone: set[Path] = set()
        chosen: dict[str, Blob] = {}
        for text in what:
            snapshots, named = _meant(cache, blobs, text)
            gone |= snapshots
            chosen.update((blob.sha256, blob) for blob in named)
        for blob in blobs:
            if blob.snapshots and blob.snapshots <= gone:
                chosen[blob.sha256] = blob
        busy = sorted(leased(cache.root) & chosen.keys())
        if busy:
            raise CacheError(
                f"{busy[0]} in {cache.root} is used by a running process, so nothing was removed; "
                "end that process first"
            )
        listed = [path for path in gone if path.suffix == ".json"]
        models = _take(cache, chosen.values(), gone, listed, dry_run=dry_run)
    size = sum(blob.size for blob in blobs if blob.sha256 not in chosen)
    return Pruned(tuple(chosen.values()), models, 0, (), size)


def blobs_of(cache: Cache) -> list[Blob]:
    """Return every verified file with the snapshots that are made of it.

    Raises:
        CacheError: the cache cannot be read.
    """
    found: dict[str, tuple[int, float]] = {}
    uses = last_uses(cache.root)
    inodes: dict[tuple[int, int], str] = {}
    for digest, _ in cache.entries():
        with contextlib.suppress(OSError):  # another process has just set it aside
            status = cache.blob(digest).stat()
            found[digest] = (status.st_size, uses.get(digest, status.st_mtime))
            inodes[(status.st_dev, status.st_ino)] = digest
    snapshots: dict[str, set[Path]] = {}
    copies: dict[str, int] = {}
    for listed in listings(cache.root):
        for digest in listed.files.values():
            snapshots.setdefault(digest, set()).add(listed.path)
    for path in sorted((cache.root / "snapshots").glob("*/*/*/[!.]*")):
        digest_of = _digest_of(path, inodes)
        if digest_of is None:
            continue
        digest, copied = digest_of
        snapshots.setdefault(digest, set()).add(path.parent)
        copies[digest] = copies.get(digest, 0) + copied
    return [
        Blob(digest, size + copies.get(digest, 0), used, frozenset(snapshots.get(digest, ())))
        for digest, (size, used) in found.items()
    ]


def _digest_of(path: Path, inodes: dict[tuple[int, int], str]) -> tuple[str, int] | None:
    """Return the digest of a snapshot's file, and how many bytes a copy of the blob takes."""
    try:
        if path.is_symlink():
            return Path(os.readlink(path)).name, 0
        status = path.stat()
        known = inodes.get((status.st_dev, status.st_ino))
        return (known, 0) if known is not None else (sha256_of(path), status.st_size)
    except OSError:
        return None


def _meant(cache: Cache, blobs: Sequence[Blob], text: str) -> tuple[set[Path], list[Blob]]:
    names = sorted(
        path.relative_to(cache.root / "snapshots").as_posix()
        for path in (cache.root / "snapshots").glob("*/*")
        if any(path.glob("*"))
    )
    if text in names:
        return {path for path in (cache.root / "snapshots" / text).iterdir()}, []
    repositories = {listed.name: listed.path for listed in listings(cache.root)}
    meant = {path for name, path in repositories.items() if text in (name, name.partition("@")[0])}
    if meant:
        return meant, []
    names += repositories
    if _PREFIX.fullmatch(text):
        matching = [blob for blob in blobs if blob.sha256.startswith(text)]
        if len(matching) > 1:
            raise CacheError(f"{len(matching)} files in {cache.root} have digests that start with "
                             f"{text}; give more digits")  # fmt: skip
        if matching:
            made_of_it = matching[0].snapshots
            return {path for path in made_of_it if path.suffix != ".json"}, matching
    hint = did_you_mean(text, names) or "`weft-hub cache list` shows what is there"
    raise CacheError(
        f"the cache {cache.root} has no model and no file called {text!r} (a name such as "
        f"vision/mobilenet-v2 or hf:OWNER/NAME, or at least 8 digits of a SHA-256 are required); "
        f"{hint}"
    )


def _take(
    cache: Cache,
    blobs: Iterable[Blob],
    users: set[Path],
    listings_gone: Iterable[Path] = (),
    *,
    dry_run: bool,
) -> tuple[str, ...]:
    """Remove snapshots and then blobs; return the names of the models, repositories among them."""
    root = cache.root / "snapshots"
    snapshots = {path for path in users if path.is_relative_to(root)}
    models = sorted(
        {path.parent.relative_to(root).as_posix() for path in snapshots}
        | {listed.name for listed in listings(cache.root) if listed.path in users}
    )
    if dry_run:
        return tuple(models)
    gone: list[str] = []
    try:
        for snapshot in sorted(snapshots):
            ref = cache.root / "refs" / snapshot.parent.relative_to(root)
            with contextlib.suppress(FileNotFoundError):
                if ref.read_text("utf-8").strip() == snapshot.name:
                    ref.unlink()
            shutil.rmtree(snapshot)
            if cache.verified is not None:
                cache.verified.forget_folder(snapshot.parent)
        for blob in blobs:
            cache.blob(blob.sha256).unlink(missing_ok=True)
            gone.append(blob.sha256)
        if cache.verified is not None:
            cache.verified.forget(cache.blobs, gone)
        forget_uses(cache.root)
        for path in listings_gone:
            forget_listing(path)
    except OSError as error:
        raise CacheError(
            f"cannot remove {error.filename or 'a file'} from the cache {cache.root}: "
            f"{error.strerror or error}; what is left is whole"
        ) from error
    return tuple(models)


def _leftovers(cache: Cache, now: float, *, dry_run: bool) -> int:
    """Remove damaged files, and the work of processes that were killed a day ago or earlier."""
    freed = 0
    for path in (cache.root / "damaged").glob("*"):
        freed += _remove_tree(path, dry_run=dry_run)
    for path in (cache.root / "tmp").glob("*"):
        digest = re.split("[-.]", path.name)[0]  # what was begun, and what may be taken up again
        with contextlib.suppress(OSError, Timeout):
            if now - path.stat().st_mtime > _STALE_S:
                if dry_run or not _DIGEST.fullmatch(digest):
                    freed += _remove_tree(path, dry_run=dry_run)
                    continue
                # Whoever fetches this blob holds its lock, however long it takes.
                with FileLock(cache.folder("locks") / f"{digest}.lock").acquire(timeout=0):
                    freed += _remove_tree(path, dry_run=False)
    return freed


def _remove_tree(path: Path, *, dry_run: bool) -> int:
    files = [path] if not path.is_dir() else [p for p in path.rglob("*") if p.is_file()]
    size = 0
    with contextlib.suppress(OSError):
        size = sum(file.lstat().st_size for file in files)
    if not dry_run:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return size
