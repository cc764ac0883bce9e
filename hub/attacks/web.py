"""A server on loopback for attacks, and settings for the time of one."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hub.attacks.stage import sha256

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Answer every request by `answer`, and yield the server's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):  # the client hung up, as it should
                answer(self)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    """Send `body` with status 200, or a redirect if there is a `Location`."""
    handler.send_response(302 if "Location" in headers else 200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def settings(**changed: str) -> Iterator[None]:
    """Set environment variables for the time of the block; no proxy is asked meanwhile."""
    before = dict(os.environ)
    os.environ.update({"NO_PROXY": "*", "WEFT_HUB_RETRIES": "0", **changed})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def tarball(members: Mapping[str, bytes | str]) -> bytes:
    """Return a package as npm has it; a text stands for a symbolic link to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@contextlib.contextmanager
def registry(root: Path, package: bytes) -> Iterator[str]:
    """Serve `package` as the only one of an npm registry; yield its source up to the member."""
    with (
        serve(lambda handler: send(handler, package)) as url,
        settings(NPM_CONFIG_REGISTRY=url, NPM_CONFIG_USERCONFIG=str(root / "npmrc")),
    ):
        yield f"npm:lines@1.0.0/{{member}}?sha256={sha256(package)}&size={len(package)}"
