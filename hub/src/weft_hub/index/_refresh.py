"""An index at an address: fetched, trusted by digest or signature, kept, and never rolled back.

    indexes/<id>/<sha256>.json    the document, as it came; <id> stands for the address
    indexes/<id>/current          its digest and serial number, one line
    indexes/<id>/lock             held while it is replaced

`current` is replaced by one atomic rename after the document stands beside it, so that a reader
finds the old index or the new one, whole. Without a connection what is there is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from weft_hub._files.whole_file import write_whole
from weft_hub.errors import (
    CacheError,
    DamagedBlobError,
    DigestMismatchError,
    OfflineError,
    RollbackError,
    TrustError,
)
from weft_hub.index._places import Address
from weft_hub.index.document import MAX_BYTES, Document, read

_MAX_SIGNATURE_BYTES = 1 << 20


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did to one index.

    Attributes:
        url: the address.
        serial: the serial number of the index that is there now.
        entries: how many entries it has.
        changed: whether it is another one than before.
    """

    url: str
    serial: int
    entries: int
    changed: bool


@dataclass(frozen=True)
class Means:
    """What a refresh works with.

    Attributes:
        get: returns the bytes at an address, at most as many as it is told.
        verify: raises unless the signature (second) over a document (first) is by a key that the
            user trusts; None when the user named no key.
        offline: whether every connection is forbidden.
    """

    get: Callable[[str, int], bytes]
    verify: Callable[[bytes, bytes], None] | None
    offline: bool


class KeptIndex:
    """The index at one address, as it is kept in a cache.

    Args:
        cache: the folder of the cache.
        address: where the index is.
    """

    def __init__(self, cache: Path, address: Address) -> None:
        self.address = address
        self.folder = cache / "indexes" / hashlib.sha256(address.url.encode()).hexdigest()[:16]

    def document(self, means: Means) -> Document:
        """Return the index that is there; fetch it when there is none, or not the pinned one.

        Raises:
            OfflineError: it has to be fetched, and the hub is offline.
            HubError: as `refresh`.
        """
        kept = self._kept()
        if kept is None or self.address.sha256 not in (None, kept[0]):
            self.refresh(means)
            kept = self._kept()
            assert kept is not None  # a refresh that returns has left one
        sha256, _, data = kept
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedBlobError(
                f"the index of {self.address.url} that is kept in {self.folder} is damaged; run "
                "`weft-hub refresh`"
            )
        return read(data, self.address.url)

    def refresh(self, means: Means) -> Refreshed:
        """Fetch the index, and take it if it is trusted and no older than the one that is there.

        Raises:
            TrustError: there is neither a digest nor a key by which to trust it.
            DigestMismatchError: it is not the one that the setting names.
            SignatureError: its signature is not by a key that the user trusts.
            RollbackError: it is older than the one that is there, or differs with the same serial.
            RegistryError: it is no index.
            OfflineError: the hub is offline.
            SourceError: it cannot be fetched.
            CacheError: the cache cannot be written.
        """
        url, pinned = self.address.url, self.address.sha256
        if pinned is None and means.verify is None:
            raise TrustError(
                f"{url}: an index at an address is trusted by its digest or its signature, and "
                "neither is set; add #sha256=DIGEST to the address, or name the key that signs it "
                "in WEFT_HUB_INDEX_KEY"
            )
        if means.offline:
            raise OfflineError(
                f"the index at {url} cannot be fetched, since the hub is offline: run `weft-hub "
                "refresh` once with a connection, or copy the cache of a machine that has it"
            )
        data = means.get(url, MAX_BYTES)
        sha256 = hashlib.sha256(data).hexdigest()
        if pinned is not None and sha256 != pinned:
            raise DigestMismatchError(f"the index at {url}", expected=pinned, got=sha256)
        if pinned is None and means.verify is not None:
            means.verify(data, means.get(f"{url}.sig", _MAX_SIGNATURE_BYTES))
        document = read(data, url)
        try:
            with self._lock():
                changed = self._replace(data, sha256, document)
        except OSError as error:
            raise CacheError(
                f"cannot keep the index of {url} in {self.folder}: {error.strerror or error}; "
                "make it writable, make room, or set WEFT_HUB_CACHE to another folder"
            ) from error
        return Refreshed(url, document.serial, len(document.entries), changed)

    def _replace(self, data: bytes, sha256: str, document: Document) -> bool:
        before = self._current()
        if before is not None:
            kept_sha256, serial = before
            if kept_sha256 == sha256 and self._read(sha256) == data:
                return False
            if document.serial < serial:
                raise RollbackError(
                    f"the index at {self.address.url} has serial {document.serial}, but serial "
                    f"{serial} was fetched before; an older index may hide a withdrawn model, so "
                    f"the newer one is kept (to begin anew, remove {self.folder})"
                )
            if document.serial == serial and kept_sha256 != sha256:
                raise RollbackError(
                    f"the index at {self.address.url} has serial {serial} as before, but other "
                    "content; each publication needs a larger serial, so the one that was fetched "
                    f"first is kept (to begin anew, remove {self.folder})"
                )
        write_whole(self.folder / f"{sha256}.json", data, flush=True)
        current = f"{sha256} {document.serial}\n".encode()
        write_whole(self.folder / "current", current, flush=True)
        for old in self.folder.glob("*.json"):
            if old.name != f"{sha256}.json":
                with contextlib.suppress(OSError):
                    old.unlink()
        return True

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire()
        except NotImplementedError as error:  # a disk without locks
            raise OSError(0, str(error)) from error
        try:
            yield
        finally:
            lock.release()

    def _current(self) -> tuple[str, int] | None:
        try:
            line = (self.folder / "current").read_text("ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CacheError(f"cannot read {self.folder / 'current'}: {error}") from error
        match = re.fullmatch(r"([0-9a-f]{64}) ([1-9][0-9]{0,18})\n", line)
        if match is None:
            raise DamagedBlobError(
                f"{self.folder / 'current'} is damaged; remove that folder and run `weft-hub "
                "refresh`"
            )
        return match[1], int(match[2])

    def _read(self, sha256: str) -> bytes | None:
        try:
            return (self.folder / f"{sha256}.json").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(
                f"cannot read {self.folder / sha256}.json: {error.strerror or error}"
            ) from error

    def _kept(self) -> tuple[str, int, bytes] | None:
        for _ in range(100):  # another process may replace it between the two reads
            current = self._current()
            if current is None:
                return None
            data = self._read(current[0])
            if data is not None:
                return (*current, data)
            if self._current() == current:
                return None  # the document was removed: it is fetched again
        raise CacheError(f"{self.folder} changes faster than it can be read")
