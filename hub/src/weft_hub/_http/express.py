"""Many small files of one server, asked by one thread over several connections that stay open.

It takes only what goes well: an answer of 200 with the stated length, from the address that was
asked or one that it redirects to. Any other status, an unusual answer, a broken or silent
connection: the file is left, and who asked gets it by `Download`, which knows what to do then. So
nothing is tried again here and no error is made.

One thread, because threads that wake each other for every answer cost several times what the
answers do. It asks over all connections and takes from whichever has something.

A redirect is followed by the same rules as elsewhere. One to another origin ends here too: it is
among `moved`, and who asks there sends no token along.
"""

from __future__ import annotations

import contextlib
import queue
import re
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from weft_hub._http.addresses import origin_of, redirected, refusal
from weft_hub._http.client import Client
from weft_hub._http.lane import Answer, Lane, NotPlainError
from weft_hub._http.route import Route
from weft_hub._http.session import user_agent
from weft_hub._http.wanted import Wanted

# Such a target means the same to every server and library, so that nothing need be normalised.
_SIGN = r"(?:[A-Za-z0-9_~!$&'()*+,;=:@-]|%(?:2[0-9A-DF]|[3-9A-F][0-9A-F]))"
_PLAIN_TARGET = re.compile(rf"(?:/{_SIGN}(?:{_SIGN}|\.)*)+(?:\?(?:{_SIGN}|[./?])*)?")
_MOST_FAILURES = 3
_MOST_HOPS = 5
_BEAT_S = 0.05


class Express:
    """Asks for `wanted`, which are all at one origin, and gives each that comes to `got`.

    Args:
        client: whose options, tokens and slots are used.
        wanted: the files; all of them were led to another origin, or none.
        asked: called with the key of a file when it is asked for.
        got: called with the key and the bytes of a file, whose digest is not known yet; it returns
            whether they are right, and a server that sends others is not asked much longer.
        plain_http: the user named this host, so it may be asked without encryption.

    Attributes:
        touched: when it last got on.
        moved: what is at another origin.
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
        self._options = client.options.with_http(wanted[0].url) if plain_http else client.options
        self._todo = deque(one for one in wanted if self._is_here(one.url))
        if refusal(wanted[0].url, http_hosts=self._options.http_hosts) is not None:
            self._todo.clear()
        self._most = max(one.size for one in wanted)
        self._opened: queue.SimpleQueue[Lane | None] = queue.SimpleQueue()
        self._opening = 0
        self._lanes: set[Lane] = set()
        self._failures = 0
        self._lock = threading.Lock()
        self._stopped = False
        self.touched = time.monotonic()
        self.moved: list[Wanted] = []

    def run(self) -> None:
        """Ask until everything has come, or too much went wrong, or `stop` was called."""
        if not self._todo or self._client.offline:
            return
        connect = self._connector()
        if connect is None:
            return
        slots = self._client.slots
        most = min(self._options.connections, len(self._todo))
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

    def _is_here(self, url: str) -> bool:
        """Whether `url` can be asked at this origin as it is spelled."""
        start = len(self._origin)
        return url.startswith(self._origin) and _PLAIN_TARGET.fullmatch(url, start) is not None

    def _connector(self) -> Callable[[], Lane] | None:
        """Return what opens a connection to the origin as requests would; None if it cannot."""
        route = Route.to(self._client, self._origin)
        first = self._todo[0]
        token = None if first.led_away else self._client.token_for(first.url)
        headers = {"User-Agent": user_agent(), "Accept": "*/*"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if route is None:
            return None
        try:
            before, after = route.request(headers)
        except ValueError:
            return None
        return lambda: Lane(route.connect(), before, after, self._most, route.not_yet)

    def _open(self, connect: Callable[[], Lane]) -> None:
        """Open one more connection, by a thread of its own: looking a name up may take long."""

        def opening() -> None:
            try:
                lane = connect()
            except (OSError, ValueError):
                lane = None
            with self._lock:
                if not self._stopped:
                    self._opened.put(lane)
                elif lane is not None:
                    lane.close()

        self._opening += 1
        threading.Thread(target=opening, name="weft-hub connect", daemon=True).start()

    def _turn(self, ready: selectors.BaseSelector, connect: Callable[[], Lane]) -> None:
        """Take answers as they come, and ask for the next file over the same connection."""
        while not self._stopped and self._failures < _MOST_FAILURES:
            self._take_opened(ready)
            if not self._opening and not any(lane.wanted for lane in self._lanes):
                return  # everything has come, or nothing can
            waits_for_more = self._opening and self._todo
            for key, _ in ready.select(_BEAT_S if waits_for_more else 1.0):
                if not self._take(key.data):
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
            ready.register(lane.socket, selectors.EVENT_READ, lane)
            if not self._ask(lane):
                self._drop(lane, ready)

    def _ask(self, lane: Lane) -> bool:
        """Ask for the next file, if there is one; return whether the connection is good."""
        lane.wanted = None
        if not self._todo or self._stopped:
            return True
        wanted = self._todo.popleft()
        if not wanted.hops:
            self._asked(wanted.key)
        try:
            lane.ask(wanted, wanted.url[len(self._origin) :])
        except OSError:
            self._failures += 1
            return False
        return True

    def _take(self, lane: Lane) -> bool:
        """Take what has come over a connection; return whether it is still good."""
        wanted = lane.wanted
        if wanted is None:
            return False  # the server closes what is not used
        try:
            answer = lane.take()
        except (OSError, NotPlainError):
            self._failures += 1
            return False
        if answer is None:
            return True
        self.touched = time.monotonic()
        if answer.location is not None:
            self._follow(wanted, answer)
        # The server is busy with the next while this one is hashed and stored.
        goes_on = not lane.ends and self._ask(lane)
        if answer.location is None and (self._stopped or not self._got(wanted.key, answer.content)):
            self._failures += 1
        if lane.ends:
            self._failures += lane.answers == 1  # a connection for each file is nothing gained
        return goes_on

    def _follow(self, wanted: Wanted, answer: Answer) -> None:
        """Ask where a redirect leads, next and over here if that is at this origin."""
        assert answer.location is not None
        there = redirected(wanted.url, answer.location)
        why = refusal(there, http_hosts=self._options.http_hosts, came_from=wanted.url)
        if why is not None or wanted.hops >= _MOST_HOPS:
            self._failures += 1
        elif origin_of(there) != self._origin:
            self.moved.append(wanted._replace(url=there, hops=wanted.hops + 1, led_away=True))
        elif self._is_here(there):
            self._todo.appendleft(wanted._replace(url=there, hops=wanted.hops + 1))
        else:
            self._failures += 1

    def _drop_silent(self, ready: selectors.BaseSelector) -> None:
        limit = time.monotonic() - self._options.stall_timeout_s
        for lane in [lane for lane in self._lanes if lane.wanted and lane.since < limit]:
            self._failures += 1
            self._drop(lane, ready)

    def _drop(self, lane: Lane, ready: selectors.BaseSelector) -> None:
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
