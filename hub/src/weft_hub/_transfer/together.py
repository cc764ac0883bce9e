"""Several files of an entry at once, each as `one` gets it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from weft_hub._http import Client
from weft_hub._transfer.one import obtain
from weft_hub._transfer.small import obtain_small
from weft_hub.cache import Cache
from weft_hub.card import Card, File
from weft_hub.progress import Progress, Step

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
) -> dict[str, Path]:
    """Return the path of the verified blob of each file, by its name; see `one.obtain`.

    Several files are fetched at once; `progress` is called by one thread at a time. The first file
    that fails stops the others. `find` is as for `obtain`.

    Raises:
        HubError: a file cannot be had.
    """
    if len(card.files) == 1:
        (file,) = card.files
        path = obtain(
            card, file, cache, offline=offline, progress=progress, client=client, find=find
        )
        return {file.name: path}

    found = {}
    for file in card.files:
        known = cache.known(file)
        if known is not None:
            progress(Step("cached", file.name, file.size, file.size))
            found[file.name] = known
    if not offline:
        came = obtain_small(
            (file for file in card.files if file.name not in found), cache, progress, client
        )
        found |= {file.name: came[file.sha256] for file in card.files if file.sha256 in came}
    rest = tuple(file for file in card.files if file.name not in found)

    def get(file: File, tell: Progress) -> Path:
        return obtain(card, file, cache, offline=offline, progress=tell, client=client, find=find)

    work = _Work(rest, get, progress)
    found |= work.run(min(_AT_ONCE, client.options.connections, len(rest)))
    return {file.name: found[file.name] for file in card.files}


class _Work:
    """The files that are still to be had, and what became of the others."""

    def __init__(
        self,
        files: tuple[File, ...],
        get: Callable[[File, Progress], Path],
        progress: Progress,
    ) -> None:
        self._files = files
        self._get = get
        self._progress = progress
        self._todo = deque(files)
        self._found: dict[str, Path] = {}
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._telling = threading.Lock()
        self._changed = threading.Condition()

    def run(self, count: int) -> dict[str, Path]:
        """Get all files with `count` threads."""
        # Threads of our own and no executor: an executor would make an interrupted program wait
        # for a thread that waits for another process.
        threads = [threading.Thread(target=self._get_some, daemon=True) for _ in range(count)]
        try:
            for thread in threads:
                thread.start()
            with self._changed:
                while self._failure is None and len(self._found) < len(self._files):
                    self._changed.wait(1.0)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(_PATIENCE_S if thread.ident else 0)
        if self._failure is not None:
            raise self._failure
        return {file.name: self._found[file.name] for file in self._files}

    def _get_some(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                if not self._todo:
                    return
                file = self._todo.popleft()
            try:
                path = self._get(file, self._tell)
            except Stopped:
                return
            except BaseException as error:
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                self._stop.set()
                return
            with self._changed:
                self._found[file.name] = path
                self._changed.notify_all()

    def _tell(self, step: Step) -> None:
        if self._stop.is_set():
            raise Stopped
        with self._telling:
            self._progress(step)
