"""One connection that stays open, and what is asked over it, one answer after the other.

Nothing here waits: what has come is taken, and the caller goes on to another connection.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from weft_hub._http.plain_answer import HEAD_BYTES, Head, read_head
from weft_hub._http.wanted import Wanted

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotPlainError(Exception):
    """An answer came that is not taken here."""


class Answer(NamedTuple):
    """A whole answer: the bytes of the file, or where they are to be had."""

    content: bytes
    location: str | None


class Lane:
    """A connection to one host.

    Args:
        made: the socket.
        before: what a request has before its target.
        after: what it has after it.
        most: the bytes of the largest file.
        not_yet: the errors by which the socket says that nothing more is there.
    """

    def __init__(
        self,
        made: socket.socket,
        before: bytes,
        after: bytes,
        most: int,
        not_yet: tuple[type[OSError], ...],
    ) -> None:
        made.setblocking(False)
        self.socket = made
        self.wanted: Wanted | None = None
        self.since = time.monotonic()
        self.answers = 0
        self.ends = False
        """Whether the connection cannot be used after the last answer."""
        self._before, self._after = before, after
        self._not_yet = not_yet
        # Of TLS, more may be here than the system knows of.
        self._pending: Callable[[], int] = getattr(made, "pending", lambda: 0)
        self._memory = memoryview(bytearray(HEAD_BYTES + most))
        self._got = 0
        self._head: Head | None = None
        self._start = 0

    def ask(self, wanted: Wanted, target: str) -> None:
        """Send the request for `wanted`.

        Raises:
            OSError: it cannot be sent at once.
        """
        self.wanted, self.since = wanted, time.monotonic()
        self._got, self._head = 0, None
        request = b"%b%b%b" % (self._before, target.encode("ascii"), self._after)
        if self.socket.send(request) != len(request):
            raise OSError("the system takes no more")

    def take(self) -> Answer | None:
        """Take what has come, and return the answer once all of it is there.

        Raises:
            OSError: the connection broke.
            NotPlainError: it is another answer than a file of this size or a redirect.
        """
        while True:
            try:
                count = self.socket.recv_into(self._memory[self._got :])
            except self._not_yet:
                return None
            if not count:
                raise ConnectionError("the server hung up")
            self._got += count
            answer = self._answer()
            if answer is not None:
                return answer
            if not self._pending():
                return None

    def _answer(self) -> Answer | None:
        assert self.wanted is not None
        if self._head is None and not self._read_head():
            return None
        head = self._head
        assert head is not None
        stop = self._start + (head.length or 0)
        if self._got < stop:
            return None
        self.answers += 1
        self.ends = head.ends or self._got > stop  # what follows is no answer to anything
        return Answer(bytes(self._memory[self._start : stop]), head.location)

    def _read_head(self) -> bool:
        """Read the head if all of it is there."""
        assert self.wanted is not None
        raw = bytes(self._memory[: min(self._got, HEAD_BYTES)])
        stop = raw.find(b"\r\n\r\n")
        if stop < 0:
            if self._got >= HEAD_BYTES or raw.count(b"\n") != raw.count(b"\r\n"):
                raise NotPlainError
            return False
        head = read_head(raw[:stop])
        if head is None:
            raise NotPlainError
        self._start = stop + 4
        if head.status in _REDIRECTS and head.location is not None:
            if self._start + (head.length or 0) > len(self._memory):
                raise NotPlainError
        elif head.status != 200 or head.length != self.wanted.size:
            raise NotPlainError
        else:
            head = head._replace(location=None)
        self._head = head
        return True

    def wake(self) -> None:
        """End whatever goes over it; from another thread."""
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket, which would take its encryption away first.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self.socket.close()
