"""Several files of an entry at once, each as `one` gets it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from weft_hub._files.paths import PathsByName
from weft_hub._http import Client
from weft_hub._transfer.one import obtain
from weft_hub._transfer.small import obtain_small
from weft_hub.cache import Cache
from weft_hub.cache._small_finds import find_small
from weft_hub.card import Card, File
from weft_hub.progress import Progress, Step, quiet

_AT_ONCE = 8
_PATIENCE_S = 2.0


class Stopped(Exception):
    """Another file failed, so this one is not needed any more."""


def obtain_all(
    card: Card,
    cache: Cache,
    *,
    offline: bool,
    progress: Progress,
    client: Client,
    find: Callable[[File], Path | None] | None = None,
    stored: Callable[[File], None] | None = None,
) -> Mapping[str, Path]:
    """Return the path of the verified blob of each file, by its name; see `one.obtain`.

    Several files are fetched at once; `progress` is called by one thread at a time. The first file
    that fails stops the others. `find` is as for `obtain`; `stored` is called with small files once
    they are in the cache, by another thread.

    Raises:
        HubError: a file cannot be had.
    """
    paths = PathsByName(cache.blobs, {file.name: file.sha256 for file in card.files})
    if len(card.files) == 1:
        (file,) = card.files
        obtain(card, file, cache, offline=offline, progress=progress, client=client, find=find)
        return paths

    there = cache.known(card.files)
    missing: list[File] = []
    if len(there) < len(card.files):
        left = [file for file in card.files if file.sha256 not in there]
        hashed, missing = find_small(cache, left)
        there |= hashed
    if progress is not quiet:
        for file in card.files:
            if file.sha256 in there:
                progress(Step("cached", file.name, file.size, file.size))
    if missing and not offline:
        there |= obtain_small(missing, cache, progress, client, stored)
    rest = tuple(file for file in card.files if file.sha256 not in there)

    def get(file: File, tell: Progress) -> None:
        obtain(card, file, cache, offline=offline, progress=tell, client=client, find=find)

    if rest:
        _Work(rest, get, progress).run(min(_AT_ONCE, client.options.connections, len(rest)))
    return paths


class _Work:
    """The files that are still to be had, and what became of the others."""

    def __init__(
        self,
        files: tuple[File, ...],
        get: Callable[[File, Progress], None],
        progress: Progress,
    ) -> None:
        self._get = get
        self._progress = progress
        self._todo = deque(files)
        self._left = len(files)
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._telling = threading.Lock()
        self._changed = threading.Condition()

    def run(self, count: int) -> None:
        """Get all files with `count` threads."""
        # Threads of our own and no executor: an executor would make an interrupted program wait
        # for a thread that waits for another process.
        threads = [threading.Thread(target=self._get_some, daemon=True) for _ in range(count)]
        try:
            for thread in threads:
                thread.start()
            with self._changed:
                while self._failure is None and self._left:
                    self._changed.wait(1.0)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(_PATIENCE_S if thread.ident else 0)
        if self._failure is not None:
            raise self._failure

    def _get_some(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                if not self._todo:
                    return
                file = self._todo.popleft()
            try:
                self._get(file, self._tell)
            except Stopped:
                return
            except BaseException as error:
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                self._stop.set()
                return
            with self._changed:
                self._left -= 1
                self._changed.notify_all()

    def _tell(self, step: Step) -> None:
        if self._stop.is_set():
            raise Stopped
        with self._telling:
            self._progress(step)
