"""A proxy on loopback that makes tunnels, as one for TLS does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Tunnels:
    """The proxy's address, and the target and headers of each request for a tunnel."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


@contextlib.contextmanager
def tunnelling(*, refuse: bool = False) -> Iterator[Tunnels]:
    """Make tunnels to whatever is asked for on this machine, or refuse all with 403."""
    made = Tunnels()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            made.asked.append(
                (self.path, {key.lower(): value for key, value in self.headers.items()})
            )
            host, _, port = self.path.rpartition(":")
            assert host == "localhost"
            if refuse:
                self.send_error(403)
                return
            with socket.create_connection((host, int(port)), timeout=30) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pass, args=(there, self.connection), daemon=True)
                back.start()
                _pass(self.connection, there)
                back.join(30)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.url = f"http://localhost:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
