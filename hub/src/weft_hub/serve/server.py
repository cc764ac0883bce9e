"""The sockets of a mirror: bounds on headers, connections and time, and a graceful end.

uvicorn does the work, with h11. Left unbounded by them and bounded here: how long a client may take
for a request, how long for taking an answer, and how many are connected at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from weft_hub._transfer.one import obtain
from weft_hub.cache._leases import in_use
from weft_hub.card import Card, File
from weft_hub.errors import HubError
from weft_hub.hub import Hub
from weft_hub.progress import Progress
from weft_hub.serve.app import HEAD_BYTES, make_app
from weft_hub.serve.blobs import Blobs, Fetcher
from weft_hub.serve.contents import Contents

REQUEST_S = 20.0  # from the connection, or a request's first byte, to the request's last byte
STALL_S = 60.0  # for a client to take what lies ready for it, some 256 KiB
IDLE_S = 15  # between two requests
GRACE_S = 10  # for answers under way when the mirror is to stop
SPARE = 16  # connections beyond the limit that are told so; any more are closed unheard

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ListenError(HubError):
    """The mirror cannot listen where it was told to."""


class Mirror:
    """A read-only mirror of what `hub` lists, bound to an address but not yet running.

    Args:
        hub: its index is read once, now; its cache holds the files.
        host: the address to bind to.
        port: the port; 0 takes a free one, which `url` then names.
        fetch: get files that are not in the cache by the sources of the index, which nothing in a
            request can change; otherwise the mirror opens no connection of its own.
        connections: how many are served at a time; further ones are told to come again.
        document: the index as a document that was written before; None to write it now.
        statement: the signature over that document.
        log: called with a line for each request; None for no log.

    Raises:
        RegistryError: entries of the index are not valid, or the document is of other ones.
        ListenError: the address cannot be bound.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        fetch: bool = False,
        connections: int = 256,
        document: bytes | None = None,
        statement: bytes | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.contents = Contents.of(hub, document, statement)
        self.blobs = Blobs(
            hub.cache,
            fetch=_fetcher(hub) if fetch else None,
        )
        self._socket = _listen(host, port)
        name = self._socket.getsockname()[0]
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self.port}"
        hosts = _LOOPBACK | {host.lower()} if name in _LOOPBACK else None
        config = uvicorn.Config(
            make_app(self.contents, self.blobs, hosts=hosts, log=log),
            http=_protocol(connections),
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,  # what goes wrong is said through the command's own logging
            access_log=False,  # uvicorn's goes to standard output, and counts no bytes
            proxy_headers=False,  # nobody is believed to ask for somebody else
            server_header=False,
            limit_concurrency=connections,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
        self._server = _Server(config)
        self._started = threading.Event()

    def missing(self) -> list[str]:
        """Return the models of which a file is not in the cache."""
        return [
            name
            for name, repository in self.contents.repositories.items()
            if not all(self.blobs.has(file) for file in repository.card.files)
        ]

    @property
    def open_connections(self) -> int:
        """Return how many connections are open at this moment."""
        return len(self._server.server_state.connections)

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until a signal or `stop`; calls `started` once requests are answered.

        In the main thread, SIGINT and SIGTERM end it gracefully: what is being sent is sent, for
        up to ten seconds; a second one ends it at once.
        """

        def begun() -> None:
            self._started.set()
            started()

        try:
            asyncio.run(self._serve(begun))
        finally:
            self._started.set()
            self._socket.close()

    def stop(self) -> None:
        """Let `run` end gracefully; may be called from another thread."""
        self._server.should_exit = True

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve in a thread for the time of the block; yields the URL."""
        thread = threading.Thread(target=self.run, name="weft-hub-serve", daemon=True)
        thread.start()
        self._started.wait()
        try:
            yield self.url
        finally:
            self.stop()
            thread.join()

    async def _serve(self, started: Callable[[], None]) -> None:
        self._server.started_call = started
        ahead = asyncio.create_task(self._verify_ahead())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self.blobs.stop()
            ahead.cancel()

    async def _verify_ahead(self) -> None:
        """Verify what is there, one file after the other, so that few requests have to wait."""
        for item in self.contents.blobs.values():
            assert item.blob is not None  # `blobs` has nothing else
            if self.blobs.has(item.blob[1]):
                with contextlib.suppress(HubError):  # it is said when it is asked for
                    await self.blobs.verify(*item.blob)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends with a return and not by the signal that ended it."""

    started_call: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self.started_call()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self._end) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def _protocol(limit: int) -> type[H11Protocol]:
    class Bounded(_BoundedProtocol):
        most = limit + SPARE

    return Bounded


class _BoundedProtocol(H11Protocol):
    """uvicorn's protocol, with an end to waiting for a client."""

    most = 0
    _head: asyncio.TimerHandle | None = None
    _drain: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._head = self.loop.call_later(REQUEST_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._drain):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            self._head = self.loop.call_later(REQUEST_S, self._too_slow)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """End the clock of a request once all of it is there, a body included."""
        if self._head is not None and self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._head.cancel()
            self._head = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drain = self.loop.call_later(STALL_S, self._too_slow)

    def resume_writing(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        super().resume_writing()

    def _too_slow(self) -> None:
        self.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=128)
        # Connections inherit it. asyncio sets it only on sockets that were made for TCP by name,
        # and without it the end of an answer waits 40 ms for the client to confirm its beginning.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError, OverflowError) as error:
        why: object = getattr(error, "strerror", None) or error
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            why = os.strerror(error.errno)  # behind which the standard library puts the address
        raise ListenError(
            f"cannot listen on {host} port {port}: {why}; choose another with --host and --port"
        ) from error


def _fetcher(hub: Hub) -> Fetcher:
    def fetch(card: Card, file: File, progress: Progress) -> Path:
        with in_use(hub.cache, card, hub.cache_limit):
            return obtain(
                card,
                file,
                hub.cache,
                offline=hub.offline,
                progress=progress,
                client=hub.client,
            )

    return fetch
