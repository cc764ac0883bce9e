"""A relay before a server that cuts connections off: whoever reads sees an orderly end of TCP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

_WAIT_S = 30.0


class Relay:
    """Passes bytes on; `cuts` says after how many bytes of answers each next connection ends."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.cuts: list[int] = []
        self.made = 0  # cuts that happened
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Break off what goes on, and take no more connections."""
        _shut(self._listening)
        self._listening.close()
        self._threads[0].join(_WAIT_S)
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            _shut(end)
        for thread in self._threads[1:]:
            thread.join(_WAIT_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                thread = threading.Thread(target=self._relay, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _relay(self, client: socket.socket) -> None:
        with self._lock:
            cut = self.cuts.pop(0) if self.cuts else None
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._to), timeout=_WAIT_S) as server,
        ):
            with self._lock:
                self._ends |= {client, server}
            asking = threading.Thread(target=self._pass, args=(client, server, None))
            asking.start()
            self._pass(server, client, cut)
            asking.join(_WAIT_S)
            with self._lock:
                self._ends -= {client, server}

    def _pass(self, of: socket.socket, to: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := of.recv(1 << 16):
                if limit is not None and passed + len(data) >= limit:
                    to.sendall(data[: limit - passed])
                    with self._lock:
                        self.made += 1
                    break
                to.sendall(data)
                passed += len(data)
        for end in (to, of):  # FIN, in the middle of a record and without TLS's goodbye
            _shut(end)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """Relay to a port of this machine for the time of the block."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
