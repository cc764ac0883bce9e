"""Many small files of one server, asked by one thread over several connections that stay open.

It takes only what goes well: an answer of 200 with the stated length, from the very address that
was asked. A redirect, any other status, a broken or silent connection, a proxy: the file is left,
and who asked gets it by `Download`, which knows what to do then. So nothing is tried again here,
no error is made, and a token meets no other host.

One thread, because threads that wake each other for every answer cost several times what the
answers do. It asks over all connections and reads from whichever has an answer.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import re
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weft_hub._http.addresses import origin_of, refusal
from weft_hub._http.client import Client
from weft_hub._http.session import user_agent

# Such a target means the same to every server and library, so that nothing need be normalised.
_PLAIN_TARGET = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_MOST_FAILURES = 3
_BEAT_S = 0.05


@dataclass(frozen=True)
class Wanted:
    """A small file: what the caller calls it, where it is, and how many bytes it has."""

    key: Any
    url: str
    size: int


class _Lane:
    """One connection, and what was asked over it last."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        connection.connect()
        self.socket: socket.socket = connection.sock
        self.wanted: Wanted | None = None
        self.since = time.monotonic()
        self.answers = 0
        self.ends = False  # the server closes it after the last answer

    def ask(self, wanted: Wanted, target: str, headers: dict[str, str]) -> None:
        self.wanted, self.since = wanted, time.monotonic()
        self._connection.request("GET", target, headers=headers)

    def take(self) -> bytes | None:
        """Return the bytes of the answer, or None when it is not a plain one."""
        assert self.wanted is not None
        size = self.wanted.size
        answer = self._connection.getresponse()
        coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if answer.status != 200 or answer.length != size or coding not in ("", "identity"):
            return None
        content = answer.read(size)
        self.answers += 1
        self.ends = answer.will_close
        return content if len(content) == size else None

    def wake(self) -> None:
        """End whatever the thread that uses it waits for; from another thread."""
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket, which would take its encryption away first.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._connection.close()
        self.socket.close()


class Express:
    """Asks for `wanted`, which are all at one origin, and gives each that comes to `got`.

    Args:
        client: whose options, tokens and slots are used.
        wanted: the files.
        asked: called with the key of a file when it is asked for.
        got: called with the key and the bytes of a file, whose digest is not known yet; it returns
            whether they are right, and a server that sends others is not asked much longer.
        plain_http: the user named this host, so it may be asked without encryption.

    Attributes:
        touched: when it last got on.
    """

    def __init__(
        self,
        client: Client,
        wanted: Sequence[Wanted],
        *,
        asked: Callable[[Any], None],
        got: Callable[[Any, bytes], bool],
        plain_http: bool = False,
    ) -> None:
        self._client = client
        self._asked = asked
        self._got = got
        self._origin = origin_of(wanted[0].url)
        self._todo = deque(self._allowed(wanted, plain_http))
        self._headers = {"User-Agent": user_agent(), "Accept": "*/*"}
        self._opened: queue.SimpleQueue[_Lane | None] = queue.SimpleQueue()
        self._opening = 0
        self._lanes: set[_Lane] = set()
        self._failures = 0
        self._lock = threading.Lock()
        self._stopped = False
        self.touched = time.monotonic()

    def run(self) -> None:
        """Ask until everything has come, or too much went wrong, or `stop` was called."""
        if not self._todo or self._client.offline:
            return
        connect = self._connector()
        if connect is None:
            return
        token = self._client.token_for(self._todo[0].url)
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        slots = self._client.slots
        most = min(self._client.options.connections, len(self._todo))
        taken = 0
        try:
            while taken < most and not self._stopped:
                if slots.acquire(timeout=None if taken else _BEAT_S, blocking=not taken):
                    taken += 1
                    self._open(connect)
                elif taken:
                    break  # other files have the rest
                self.touched = time.monotonic()
            with selectors.DefaultSelector() as ready:
                self._turn(ready, connect)
        finally:
            self.stop()
            self._close_all()
            for _ in range(taken):
                slots.release()

    def stop(self) -> None:
        """Ask no more and give nothing more, and wake the thread in `run`; from any thread."""
        with self._lock:  # against a connection that is opened just now
            self._stopped = True
        for lane in list(self._lanes):
            lane.wake()

    def _allowed(self, wanted: Sequence[Wanted], plain_http: bool) -> list[Wanted]:
        options = self._client.options
        if plain_http:
            options = options.with_http(wanted[0].url)
        if refusal(wanted[0].url, http_hosts=options.http_hosts) is not None:
            return []
        start = len(self._origin)
        return [
            one
            for one in wanted
            if one.url.startswith(self._origin) and _PLAIN_TARGET.fullmatch(one.url, start)
        ]

    def _connector(self) -> Callable[[], http.client.HTTPConnection] | None:
        """Return what connects to the origin as requests would; None if that is not direct."""
        verify, proxy = self._client.settings_for(self._origin)
        if proxy is not None:
            return None
        scheme, _, where = self._origin.partition("://")
        limit = self._client.options.connect_timeout_s
        if scheme == "http":
            return lambda: http.client.HTTPConnection(where, timeout=limit)
        try:
            context = _context(verify)
        except OSError:  # there are no such certificates
            return None
        return lambda: http.client.HTTPSConnection(where, timeout=limit, context=context)

    def _open(self, connect: Callable[[], http.client.HTTPConnection]) -> None:
        """Open one more connection, by a thread of its own: looking a name up may take long."""

        def opening() -> None:
            try:
                lane = _Lane(connect())
            except (OSError, http.client.HTTPException, ValueError):
                lane = None
            with self._lock:
                if not self._stopped:
                    self._opened.put(lane)
                elif lane is not None:
                    lane.close()

        self._opening += 1
        threading.Thread(target=opening, name="weft-hub connect", daemon=True).start()

    def _turn(
        self, ready: selectors.BaseSelector, connect: Callable[[], http.client.HTTPConnection]
    ) -> None:
        """Take answers as they come, and ask for the next file over the same connection."""
        while not self._stopped and self._failures < _MOST_FAILURES:
            self._take_opened(ready)
            if not self._opening and not any(lane.wanted for lane in self._lanes):
                return  # everything has come, or nothing can
            waits_for_more = self._opening and self._todo
            for key, _ in ready.select(_BEAT_S if waits_for_more else 1.0):
                if not self._answered(key.data):
                    self._drop(key.data, ready)
                    if self._todo:
                        self._open(connect)
            self._drop_silent(ready)

    def _take_opened(self, ready: selectors.BaseSelector) -> None:
        """Ask over the connections that are open by now; wait if there is no other."""
        while self._opening:
            try:
                lane = self._opened.get(block=not self._lanes, timeout=_BEAT_S)
            except queue.Empty:
                return
            self._opening -= 1
            if lane is None:
                self._failures += 1
                continue
            self._lanes.add(lane)
            lane.socket.settimeout(self._client.options.stall_timeout_s)
            ready.register(lane.socket, selectors.EVENT_READ, lane)
            if not self._ask(lane):
                self._drop(lane, ready)

    def _ask(self, lane: _Lane) -> bool:
        """Ask for the next file, if there is one; return whether the connection is good."""
        lane.wanted = None
        if not self._todo or self._stopped:
            return True
        wanted = self._todo.popleft()
        self._asked(wanted.key)
        try:
            lane.ask(wanted, wanted.url[len(self._origin) :], self._headers)
        except (OSError, http.client.HTTPException, ValueError):
            self._failures += 1
            return False
        return True

    def _answered(self, lane: _Lane) -> bool:
        """Take an answer and ask for the next; return whether the connection is still good."""
        wanted = lane.wanted
        if wanted is None:
            return False  # the server closes what is not used
        try:
            content = lane.take()
        except (OSError, http.client.HTTPException, ValueError):
            content = None
        if content is None:
            self._failures += 1
            return False
        self.touched = time.monotonic()
        if self._stopped or not self._got(wanted.key, content):
            self._failures += 1
        if lane.ends:
            self._failures += lane.answers == 1  # a connection for each file is nothing gained
            return False
        return self._ask(lane)

    def _drop_silent(self, ready: selectors.BaseSelector) -> None:
        limit = time.monotonic() - self._client.options.stall_timeout_s
        for lane in [lane for lane in self._lanes if lane.wanted and lane.since < limit]:
            self._failures += 1
            self._drop(lane, ready)

    def _drop(self, lane: _Lane, ready: selectors.BaseSelector) -> None:
        ready.unregister(lane.socket)
        self._lanes.discard(lane)
        lane.close()

    def _close_all(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                lane = self._opened.get_nowait()
                if lane is not None:
                    lane.close()
        while self._lanes:
            self._lanes.pop().close()


def _context(verify: str) -> ssl.SSLContext:
    folder = os.path.isdir(verify)
    context = ssl.create_default_context(
        cafile=None if folder else verify, capath=verify if folder else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return context
