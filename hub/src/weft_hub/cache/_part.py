"""A file of known size and digest on its way into the cache, in pieces that can be continued.

    data        the bytes, at their places
    state.json  which bytes are there, and from which source

The folder is used under the lock of its blob. `state.json` is written after the bytes that it
names, so what a killed process leaves is at worst less than it had. Whether the bytes are right is
decided by the digest alone, which is computed from the file and not from what came.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

from weft_hub._files.digest import CHUNK_BYTES
from weft_hub._files.spans import Spans
from weft_hub._files.whole_file import write_whole
from weft_hub.errors import CacheError

_STATE_BYTES = 1 << 20
_FLUSH_BYTES = 64 << 20


class Part:
    """The part in `folder`, which is made when it is not there.

    Args:
        folder: a folder in the cache; the lock of its blob is held.
        size: the bytes of the whole file.
        sha256: the digest of the whole file.

    Attributes:
        spans: which bytes are there.
        mixed: whether bytes of an earlier try are kept.
        source: the address that the bytes come from.
        validator: what tells whether the file at that address is still the same; or None.

    Raises:
        CacheError: the folder cannot be written, or there is no room.
    """

    def __init__(self, folder: Path, *, size: int, sha256: str) -> None:
        self.folder = folder
        self.path = folder / "data"
        self._begin(size, sha256)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle: int | None = os.open(self.path, flags, 0o644)
            self._continue()
            free = shutil.disk_usage(folder).free
        except OSError as error:
            self.close()
            raise self._unusable(error) from error
        self.mixed = self.spans.total > 0
        needed = size - self.spans.total
        if free < needed:
            self.close()
            raise CacheError(
                f"{needed} bytes are to be written to the cache at {folder}, but only {free} are "
                "free; make room, or set WEFT_HUB_CACHE to another folder"
            )

    def _begin(self, size: int, sha256: str) -> None:
        """Have nothing of a file yet."""
        self.size = size
        self.sha256 = sha256
        self.spans = Spans()
        self.mixed = False
        self.source = ""
        self.validator: str | None = None
        self._lock = threading.Lock()
        self._hash_lock = threading.Lock()
        self._hashed = 0
        self._hash = hashlib.sha256()
        self._memory = memoryview(b"")
        self._flushed = 0
        self._flushing: threading.Thread | None = None
        self._flush_error: OSError | None = None

    def __enter__(self) -> Part:
        """Return the part itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what is there stays."""
        self.close()

    # ---- filling it

    def write(self, start: int, data: memoryview) -> None:
        """Write `data` at `start`; from any thread, each to places of its own."""
        assert self._handle is not None and 0 <= start <= start + len(data) <= self.size
        try:
            _write_at(self._handle, data, start, self._lock)
        except OSError as error:
            raise self._unusable(error) from error
        with self._lock:
            self.spans.add(start, start + len(data))

    def remember(self, source: str, validator: str | None) -> None:
        """Note where the bytes come from."""
        with self._lock:
            if self.source and self.source != source and self.spans.total:
                self.mixed = True
            self.source, self.validator = source, validator

    def clear(self) -> None:
        """Forget every byte."""
        with self._hash_lock, self._lock:
            self.spans.clear()
            self.mixed = False
            self.source, self.validator = "", None
            self._hashed = self._flushed = 0
            self._hash = hashlib.sha256()

    def save(self) -> None:
        """Write down which bytes are there."""
        with self._lock:
            state = {
                "size": self.size,
                "sha256": self.sha256,
                "source": self.source,
                "validator": self.validator,
                "spans": list(self.spans),
            }
        if not self.folder.is_dir():
            return  # discarded
        try:
            write_whole(self.folder / "state.json", json.dumps(state).encode())
        except OSError as error:
            raise self._unusable(error) from error

    # ---- judging it

    @property
    def is_whole(self) -> bool:
        """Return whether every byte is there, right or wrong."""
        return self.spans.prefix == self.size

    def can_hash(self, count: int) -> bool:
        """Whether `count` more bytes can be hashed."""
        return self.spans.prefix - self._hashed >= count

    def hash_on(self, most: int) -> bool:
        """Hash up to `most` bytes that have arrived in order; return whether more could be."""
        with self._hash_lock:  # against `clear`, which another thread may call
            stop = min(self.spans.prefix, self._hashed + most)
            try:
                while self._hashed < stop:
                    data = self._read(min(CHUNK_BYTES, stop - self._hashed), self._hashed)
                    self._hash.update(data)
                    self._hashed += len(data)
            except OSError as error:
                raise self._unusable(error) from error
            return self._hashed < self.spans.prefix

    def _read(self, count: int, start: int) -> memoryview:
        """Return up to `count` bytes at `start`, in memory that the next call uses again."""
        assert self._handle is not None
        if len(self._memory) < count:
            self._memory = memoryview(bytearray(count))
        got = _read_at(self._handle, self._memory[:count], start, self._lock)
        if not got:
            raise OSError(0, "the file became shorter while it was written")
        return self._memory[:got]

    def digest(self) -> str:
        """Return the SHA-256 of the whole file, as it is on the disk."""
        assert self.is_whole
        while self.hash_on(CHUNK_BYTES):
            pass
        return self._hash.hexdigest()

    # ---- ending it

    def flush_on(self) -> None:
        """Have the disk take what has arrived while more arrives, so that `sync` finds little."""
        there = self.spans.total
        if self._flushing is not None or self.size < _FLUSH_BYTES or there == self._flushed:
            return
        if there - self._flushed < _FLUSH_BYTES and there < self.size:
            return
        self._flushed = there
        self._flushing = threading.Thread(target=self._flush, name="weft-hub flush", daemon=True)
        self._flushing.start()

    def _flush(self) -> None:
        assert self._handle is not None
        try:
            getattr(os, "fdatasync", os.fsync)(self._handle)
        except OSError as error:  # the system tells it only once
            self._flush_error = error
        self._flushing = None

    def sync(self) -> None:
        """Flush the bytes to the disk.

        Raises:
            OSError: it could not take them.
        """
        assert self._handle is not None
        self._wait_for_flush()
        os.ftruncate(self._handle, self.size)
        os.fsync(self._handle)
        if self._flush_error is not None:
            raise self._flush_error

    def _wait_for_flush(self) -> None:
        flushing = self._flushing
        if flushing is not None:
            flushing.join()

    def close(self) -> None:
        """Close the file."""
        self._wait_for_flush()
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            os.close(handle)

    def discard(self) -> None:
        """Close the file and remove everything."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds other parts
            self.folder.parent.rmdir()

    def _continue(self) -> None:
        """Take up what an earlier try left; anything strange about it starts anew."""
        state = _read_state(self.folder / "state.json")
        assert self._handle is not None
        there = os.fstat(self._handle).st_size
        spans = _spans_of(state.get("spans"), min(self.size, there))
        if state.get("size") == self.size and state.get("sha256") == self.sha256 and spans:
            source, validator = state.get("source"), state.get("validator")
            self.spans = Spans(spans)
            self.source = source if isinstance(source, str) else ""
            self.validator = validator if isinstance(validator, str) else None
        else:
            os.ftruncate(self._handle, 0)

    def _unusable(self, error: OSError) -> CacheError:
        return CacheError(
            f"cannot write in the cache at {self.folder}: {error.strerror or error}; "
            "make it writable, make room, or set WEFT_HUB_CACHE to another folder"
        )


def _read_state(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _STATE_BYTES:
            return {}
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _spans_of(data: Any, most: int) -> list[tuple[int, int]]:
    """Return the spans in `data` if all are pairs of numbers within the file, else none."""
    if not isinstance(data, list):
        return []
    spans = []
    for pair in data:
        if not (isinstance(pair, list) and len(pair) == 2):
            return []
        start, stop = pair
        if type(start) is not int or type(stop) is not int or not 0 <= start < stop <= most:
            return []
        spans.append((start, stop))
    return spans


if hasattr(os, "preadv"):

    def _write_at(handle: int, data: memoryview, start: int, lock: threading.Lock) -> None:
        while data:
            count = os.pwrite(handle, data, start)
            data, start = data[count:], start + count

    def _read_at(handle: int, memory: memoryview, start: int, lock: threading.Lock) -> int:
        return os.preadv(handle, [memory], start)

else:  # a system on which a handle has one position for all threads

    def _write_at(handle: int, data: memoryview, start: int, lock: threading.Lock) -> None:
        with lock:
            os.lseek(handle, start, os.SEEK_SET)
            while data:
                data = data[os.write(handle, data) :]

    def _read_at(handle: int, memory: memoryview, start: int, lock: threading.Lock) -> int:
        with lock:
            os.lseek(handle, start, os.SEEK_SET)
            data = os.read(handle, len(memory))
        memory[: len(data)] = data
        return len(data)
