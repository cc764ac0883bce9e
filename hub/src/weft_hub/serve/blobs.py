"""The files that a mirror gives out: each verified before its first byte leaves.

A file is hashed once and remembered by what the system says of it (inode, size, times of the last
change), so that the next request only asks the system. Whatever changed since is hashed again.
The bytes are sent from the very file that was hashed, which stays open: exchanging the name in the
meantime changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

from weft_hub._files.digest import CHUNK_BYTES
from weft_hub._files.identity import Identity, identity_of
from weft_hub.cache import Cache
from weft_hub.card import Card, File
from weft_hub.errors import HubError
from weft_hub.progress import Progress, Step

Given = TypeVar("Given")
Fetcher: TypeAlias = Callable[[Card, File, Progress], Path]

PATIENCE_S = 8.0  # clients give up on a silent server after ten seconds, but try a busy one again
WORKERS = 4  # files that are hashed or fetched at a time; others wait their turn

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe would block for ever
    | getattr(os, "O_BINARY", 0)
)


class NotHereError(HubError):
    """The mirror does not hold the file."""

    @classmethod
    def of(cls, card: Card, file: File) -> NotHereError:
        """Return the error for a file of an entry."""
        return cls(
            f"{file.name} of {card.name} is not on this mirror; whoever keeps it can run "
            f"`weft-hub download {card.name}` there"
        )


class DamagedHereError(HubError):
    """The mirror's copy is not what it verified when it stored it."""


class NotReadyError(HubError):
    """The file is still being fetched or verified."""


class StoppingError(HubError):
    """The mirror is about to stop."""


class Blobs:
    """The blobs of `cache`, opened for sending.

    Args:
        cache: where they are.
        fetch: gets a blob that is not there into the cache; None to serve only what is there.
        patience_s: how long a request waits for a file that is being fetched or verified.
    """

    def __init__(
        self, cache: Cache, *, fetch: Fetcher | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self._cache = cache
        self._fetch = fetch
        self._patience_s = patience_s
        self._verified: dict[str, Identity] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(WORKERS)
        self._stopping = threading.Event()

    def promises(self, file: File) -> bool:
        """Whether a request for `file` can be answered: it is there, or can be fetched."""
        return self._fetch is not None or self.has(file)

    def has(self, file: File) -> bool:
        """Whether a regular file of the right name and size is there; its bytes are not read."""
        try:
            status = self._cache.blob(file.sha256).lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == file.size

    async def open(self, card: Card, file: File) -> BinaryIO:
        """Return the verified bytes of `file`; the caller closes them.

        Raises:
            NotHereError: it is not in the cache, and nothing is fetched.
            NotReadyError: it is being fetched or verified, and takes longer than a client waits.
            DamagedHereError: it is not what was verified when it was stored.
            HubError: it could not be fetched.
        """
        return await self._when_ready(card, file, self._open_if_verified)

    async def content(self, card: Card, file: File) -> bytes:
        """Return all verified bytes of a small `file`, by one step of another thread.

        Raises:
            HubError: as for `open`.
        """
        return await self._when_ready(card, file, self._read_if_verified)

    async def _when_ready(
        self, card: Card, file: File, get: Callable[[File], Given | None]
    ) -> Given:
        """Return what `get` gives once the file is verified."""
        given = await asyncio.to_thread(get, file)
        if given is not None:
            return given
        task = self._at_work.get(file.sha256)
        if task is None:
            task = asyncio.create_task(self._prepare(card, file))
            self._at_work[file.sha256] = task
            task.add_done_callback(lambda _: self._at_work.pop(file.sha256, None))
            task.add_done_callback(_retrieve)  # whoever waited for it may be gone
        done, _ = await asyncio.wait({task}, timeout=self._patience_s)
        if not done:
            raise NotReadyError(f"{file.name} of {card.name} is being made ready; ask again")
        task.result()
        given = await asyncio.to_thread(get, file)
        if given is None:
            raise NotReadyError(f"{file.name} of {card.name} changed a moment ago; ask again")
        return given

    async def verify(self, card: Card, file: File) -> None:
        """Verify `file` ahead of the first request for it."""
        (await self.open(card, file)).close()

    def stop(self) -> None:
        """Let whatever is being fetched or verified end soon, without a result."""
        self._stopping.set()

    async def _prepare(self, card: Card, file: File) -> None:
        """Fetch and hash in a thread that the end of the program does not wait for."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if not ended.done():
                if error is None:
                    ended.set_result(None)
                else:
                    ended.set_exception(error)

        def work() -> None:
            wrong: BaseException | None = None
            try:
                self._make_ready(card, file)
            except Exception as error:
                wrong = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, wrong)

        async with self._turns:
            threading.Thread(target=work, name=f"blob-{file.sha256[:8]}", daemon=True).start()
            await ended

    def _make_ready(self, card: Card, file: File) -> None:
        if self._is_whole(file):
            return
        if self._fetch is not None:
            self._fetch(card, file, self._watch)  # a damaged copy is set aside by it
            if self._is_whole(file):
                return
        if self.has(file):
            raise DamagedHereError(
                f"{file.name} of {card.name}: the copy on this mirror is damaged and is not "
                "served; whoever keeps it can run `weft-hub cache verify` there"
            )
        raise NotHereError.of(card, file)

    def _is_whole(self, file: File) -> bool:
        """Hash the file if it is there, and remember it if it is what it should be."""
        stream = self._open(file)
        if stream is None:
            return False
        with stream:
            before = identity_of(os.fstat(stream.fileno()))
            digest = hashlib.sha256()
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                self._watch()
            whole = digest.hexdigest() == file.sha256
            if whole and identity_of(os.fstat(stream.fileno())) == before:
                self._verified[file.sha256] = before
                return True
        return False

    def _open_if_verified(self, file: File) -> BinaryIO | None:
        if file.sha256 not in self._verified:
            return None
        stream = self._open(file)
        if stream is None:
            return None
        if identity_of(os.fstat(stream.fileno())) == self._verified.get(file.sha256):
            return stream
        stream.close()
        self._verified.pop(file.sha256, None)
        return None

    def _read_if_verified(self, file: File) -> bytes | None:
        stream = self._open_if_verified(file)
        if stream is None:
            return None
        with stream:
            content = stream.read(file.size)
        return content if len(content) == file.size else None

    def _open(self, file: File) -> BinaryIO | None:
        """Open the blob if there is a regular file of its name and size."""
        try:
            handle = os.open(self._cache.blob(file.sha256), _FLAGS)
        except OSError:
            return None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            os.close(handle)
            return None
        return os.fdopen(handle, "rb", buffering=0)

    def _watch(self, step: Step | None = None) -> None:
        if self._stopping.is_set():
            raise StoppingError("the mirror is stopping; ask again later")


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
