"""Cached files verified on a thread of their own, while this one builds the model.

Hashing takes as long as the processor needs, and is never left out. Building the module takes about
as long and needs no file, so the two run side by side: hashing lets other threads run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from weft_hub.cache import Cache
from weft_hub.cache._small_part import AT_ONCE_BYTES
from weft_hub.card import File


class EarlyFinds:
    """`Cache.find` of those of several files that take long, begun at once.

    Args:
        cache: where to look.
        files: what to look for, in the order in which it will be asked for.
    """

    def __init__(self, cache: Cache, files: Iterable[File]) -> None:
        self._cache = cache
        self._found: dict[str, Path | Exception | None] = {}
        large = [file for file in files if file.size > AT_ONCE_BYTES]
        known = cache.known(large)
        self._files = tuple(file for file in large if file.sha256 not in known)
        self._ready = {file.sha256: threading.Event() for file in self._files}
        if self._files:
            # A daemon: nobody waits for it when the model cannot be built.
            threading.Thread(target=self._run, name="weft-hub verify", daemon=True).start()

    def find(self, file: File) -> Path | None:
        """Return what `Cache.find` returned for `file`, or raise what it raised."""
        if file.sha256 not in self._ready:
            return self._cache.find(file)
        self._ready[file.sha256].wait()
        found = self._found[file.sha256]
        if isinstance(found, Exception):
            raise found
        return found

    def _run(self) -> None:
        for file in self._files:
            try:
                self._found[file.sha256] = self._cache.find(file)
            except Exception as error:  # it is raised where the file is asked for
                self._found[file.sha256] = error
            self._ready[file.sha256].set()
