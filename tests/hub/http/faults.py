"""A server on loopback that serves files well, or badly on purpose, as a script says.

Each request takes the next `Fault` of the script; when the script is at its end, every request is
served well. What was asked is kept in `asked`.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import functools
import hashlib
import re
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KINDS = (
    "reset",  # the connection is reset after `at` bytes of the body
    "close",  # it is closed after `at` bytes, in the middle of TLS without a goodbye
    "stall",  # it goes silent after `at` bytes
    "silent",  # it goes silent before the status line
    "drip",  # one byte at a time, for ever
    "drip headers",
    "wrong bytes",  # one bit of the body is changed
    "long",  # Content-Length and body are longer than the file
    "short",  # Content-Length and body are shorter
    "endless",  # no Content-Length, and bytes without end
    "surplus",  # more bytes than Content-Length says
    "status",  # `status` instead of the file
    "loop",  # a redirect to itself
    "no range",  # the range is ignored: 200 and the whole file
    "wrong range",  # 206 with another Content-Range than was asked for
    "liar range",  # 206 with the right Content-Range and other bytes
    "gzip",  # the body is said to be packed
    "garbage",  # no HTTP at all
    "refuse",  # closed at once
)


@dataclass(frozen=True)
class Fault:
    """What is done with one request."""

    kind: str
    at: int = 0
    status: int = 503
    retry_after: str | None = None

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind


@dataclass(frozen=True)
class Asked:
    """One request: its path and headers by lower-case name."""

    path: str
    headers: dict[str, str]


class Served:
    """The server's files and its script.

    Attributes:
        files: what each path holds.
        redirects: where each path leads; `@` stands for nothing, the text is the address.
        asked: the requests so far.
        guarded: the Authorization that a path needs.
        etag: whether files have an ETag; a text is used as it is.
        together: how many requests must be under way before any but the first is answered.
        peak: the most requests that were under way at once.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.redirects: dict[str, str] = {}
        self.guarded: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.etag: bool | str = True
        self.last_modified = "Sat, 01 Jan 2022 00:00:00 GMT"
        self.pause_s = 0.0
        self.url = ""
        self.together = 0
        self.peak = 0
        self._under_way = 0
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._over = threading.Event()

    def script(self, *faults: Fault) -> None:
        """Let the next requests meet these faults."""
        with self._lock:
            self._faults = list(faults)

    @property
    def left(self) -> int:
        """Return how many faults have not been met."""
        with self._lock:
            return len(self._faults)

    def ranges(self) -> list[str]:
        """Return the Range header of each request that had one."""
        return [one.headers["range"] for one in self.asked if "range" in one.headers]

    def _next(self, asked: Asked) -> Fault | None:
        with self._lock:
            self.asked.append(asked)
            return self._faults.pop(0) if self._faults else None

    # ---- one request

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        with self._changed:
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
            self._changed.notify_all()
            if self.asked:
                self._changed.wait_for(lambda: self.peak >= self.together, timeout=60)
        try:
            self._answer(handler)
        finally:
            with self._changed:
                self._under_way -= 1

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.path, {key.lower(): value for key, value in handler.headers.items()})
        fault = self._next(asked)
        if self.pause_s:
            time.sleep(self.pause_s)
        kind = fault.kind if fault else ""
        path = handler.path.partition("?")[0]
        if kind == "silent":
            self._over.wait(60)
            return _hang_up(handler, reset=True)
        if kind == "refuse":
            return _hang_up(handler)
        if kind == "garbage":
            handler.wfile.write(b"\x00\x01not http at all\r\n\r\n" * 40)
            return _hang_up(handler)
        if kind == "drip headers":
            return self._drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)
        if kind == "status":
            assert fault is not None
            extra = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return _plain(handler, fault.status, b"a fault\n", extra)
        if kind == "loop":
            return _plain(handler, 302, b"", {"Location": handler.path})
        if path in self.redirects:
            return _plain(handler, 302, b"moved\n", {"Location": self.redirects[path]})
        if path in self.guarded and asked.headers.get("authorization") != self.guarded[path]:
            return _plain(handler, 401, b"who are you?\n", {})
        if path not in self.files:
            return _plain(handler, 404, b"no such file\n", {})
        self._file(handler, asked, self.files[path], fault)

    def _file(
        self, handler: BaseHTTPRequestHandler, asked: Asked, data: bytes, fault: Fault | None
    ) -> None:
        kind = fault.kind if fault else ""
        at = fault.at if fault else 0
        headers: dict[str, str] = {"Content-Type": "application/octet-stream"}
        tag = self._tag(data)
        if tag:
            headers["ETag"] = tag
        if self.last_modified:
            headers["Last-Modified"] = self.last_modified
        status, first, stop = 200, 0, len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", ""))
        if_range = asked.headers.get("if-range")
        if wanted and kind != "no range" and if_range in (None, tag, self.last_modified):
            first = int(wanted[1])
            stop = min(int(wanted[2]) + 1 if wanted[2] else len(data), len(data))
            if first >= len(data):
                return _plain(handler, 416, b"", {"Content-Range": f"bytes */{len(data)}"})
            status = 206
            stated = first + 1 if kind == "wrong range" else first
            headers["Content-Range"] = f"bytes {stated}-{stop - 1}/{len(data)}"
        body = data[first:stop]
        length: int | None = len(body)
        if kind == "wrong bytes" or kind == "liar range":
            changed = bytearray(body)
            changed[at % len(body)] ^= 1 << (at % 8)
            body = bytes(changed)
        elif kind == "long":
            body += b"x" * (at + 1)
            length = len(body)
        elif kind == "short":
            body = body[: -(at % len(body)) - 1]
            length = len(body)
        elif kind == "surplus":
            body += b"x" * (at + 1)
        elif kind == "endless":
            length = None
        elif kind == "gzip":
            headers["Content-Encoding"] = "gzip"
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if length is None:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        else:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        self._body(handler, body, kind, at)

    def _body(self, handler: BaseHTTPRequestHandler, body: bytes, kind: str, at: int) -> None:
        if kind in ("reset", "close", "stall"):
            handler.wfile.write(body[: at % len(body)])
            handler.wfile.flush()
            if kind == "stall":
                self._over.wait(60)
            _hang_up(handler, reset=kind == "reset")
        elif kind == "drip":
            self._drip(handler, body)
        elif kind == "endless":
            handler.wfile.write(body)
            while not self._over.is_set():
                handler.wfile.write(b"x" * 65536)
        else:
            handler.wfile.write(body)

    def _drip(self, handler: BaseHTTPRequestHandler, data: bytes) -> None:
        for index in range(len(data)):
            if self._over.wait(0.05):
                break
            handler.wfile.write(data[index : index + 1])
            handler.wfile.flush()
        _hang_up(handler)

    def _tag(self, data: bytes) -> str:
        if isinstance(self.etag, str):
            return self.etag
        return f'"{hashlib.sha256(data).hexdigest()[:16]}"' if self.etag else ""

    def end(self) -> None:
        """Let every request that hangs come to its end."""
        self._over.set()


def _plain(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _hang_up(handler: BaseHTTPRequestHandler, *, reset: bool = False) -> None:
    """Close the socket itself: without TLS's goodbye, and with a reset if asked for."""
    handler.close_connection = True
    raw = handler.connection
    with contextlib.suppress(OSError):
        handler.wfile.flush()
        if reset:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw = raw.detach()
        socket.close(raw)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:  # here, in the request's own thread, so that none waits
            request.settimeout(60)
            request = self.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what these tests are about."""

    def shutdown_request(self, request: Any) -> None:
        with contextlib.suppress(OSError):
            super().shutdown_request(request)


@contextlib.contextmanager
def serving(files: Mapping[str, bytes], *, tls: Certificates | None = None) -> Iterator[Served]:
    """Serve `files`, a path and its bytes each, and yield the server's script."""
    served = Served(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with contextlib.suppress(OSError, ValueError):  # the client has what it wants
                served.answer(self)

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.context = tls.context()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    served.url = f"{'http' if tls is None else 'https'}://localhost:{server.server_port}"
    try:
        yield served
    finally:
        served.end()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Certificates:
    """A certificate for localhost and the authority that gave it, as PEM files."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return what a server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@functools.cache
def certificates() -> Certificates:
    """Make a certificate for localhost, once a process."""
    return certificates_for("localhost", "127.0.0.1")


def certificates_for(*names: str, until: datetime.datetime | None = None) -> Certificates:
    """Make an authority of its own, and its certificate for some names, perhaps run out."""
    import trustme

    folder = Path(tempfile.mkdtemp(prefix="weft-hub-tls-"))
    authority = trustme.CA()
    since = until - datetime.timedelta(days=9) if until is not None else None
    made = authority.issue_cert(*names, not_before=since, not_after=until)
    paths = [folder / name for name in ("authority.pem", "certificate.pem", "key.pem")]
    authority.cert_pem.write_to_path(str(paths[0]))
    paths[1].write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    paths[2].touch(mode=0o600)
    paths[2].write_bytes(made.private_key_pem.bytes())
    return Certificates(*paths)


def http_date(seconds_from_now: float) -> str:
    """Return a date as Retry-After has it."""
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds_from_now)
    return email.utils.format_datetime(then, usegmt=True)
