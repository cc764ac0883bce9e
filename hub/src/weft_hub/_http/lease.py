"""The range of a file that one worker fetches, until it has it or is told to stop."""

from __future__ import annotations

import threading
import time

from weft_hub._files.spans import Span
from weft_hub._http.answer import Answer
from weft_hub.cache._part import Part


class Cancelled(Exception):
    """This worker was told to stop."""


class Lease:
    """The range that one worker fetches: from `at`, which moves, up to `stop`."""

    def __init__(self, span: Span) -> None:
        self.at, self.stop = span
        self.touched = time.monotonic()
        self.cancelled = threading.Event()
        self.answer: Answer | None = None
        self.has_slot = True
        self._lock = threading.Lock()
        self._memory = memoryview(b"")

    def memory(self, count: int) -> memoryview:
        """Return `count` bytes of memory, the same each time."""
        if len(self._memory) < count:
            self._memory = memoryview(bytearray(count))
        return self._memory[:count]

    def write(self, part: Part, data: memoryview) -> None:
        """Write `data` where this lease is, unless it was cancelled."""
        with self._lock:  # so that nothing is written once `cancel` has returned
            if self.cancelled.is_set():
                raise Cancelled
            part.write(self.at, data)
            self.at += len(data)
        self.touched = time.monotonic()

    def cancel(self) -> None:
        """Forbid the worker to write on, and wake it."""
        with self._lock:
            self.cancelled.set()
        answer = self.answer
        if answer is not None:
            answer.stop()
