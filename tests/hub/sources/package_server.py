"""A package index on loopback that serves one wheel well, or badly on purpose."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Deliver = Callable[[BaseHTTPRequestHandler, bytes], None]


def whole(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """Send everything."""
    handler.wfile.write(data)


def half(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """Send half of what was promised and hang up."""
    handler.wfile.write(data[: len(data) // 2])
    handler.wfile.flush()


@contextlib.contextmanager
def serving(wheel: Path, deliver: Deliver) -> Iterator[dict[str, str]]:
    """Serve `wheel` by `deliver`, and yield the settings that send pip here and nowhere else."""
    data = wheel.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = f'<a href="/files/{wheel.name}">{wheel.name}</a>'.encode()
            is_wheel = self.path.startswith("/files/")
            body = data if is_wheel else page
            self.send_response(200)
            kind = "application/octet-stream" if is_wheel else "text/html"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                if is_wheel:
                    deliver(self, body)
                else:
                    self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {
            "PIP_INDEX_URL": f"{address}/simple",
            "PIP_NO_INDEX": "0",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
            "PIP_RESUME_RETRIES": "0",
            "PIP_NO_CACHE_DIR": "1",
            "NO_PROXY": "127.0.0.1",
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
