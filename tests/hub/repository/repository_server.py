"""A loopback server of repositories as the Hugging Face Hub lays them out, and of plain files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 2000  # files from this size on are listed with their SHA-256, as large files are


class Repositories:
    """Repositories and plain files in memory.

    Attributes:
        asked: the path of every request.
        authorized: the path of every request that came with a token.
        files: plain files, by path.
        redirects: where a path leads.
        together: how many requests for files of repositories, `config.json` left out, must be
            under way before any of them is answered.
        peak: the most of them that were under way at once.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.authorized: list[str] = []
        self.redirects: dict[str, str] = {}
        self.together = 0
        self.peak = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self.files: dict[str, bytes] = {}
        self._commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self._revisions: dict[tuple[str, str], str] = {}
        self.page_entries = 1000
        self.license = "apache-2.0"

    def commit(self, name: str, files: dict[str, bytes], *revisions: str) -> str:
        """Enter a commit of the repository `name`, to which `revisions` point from now on."""
        told = json.dumps([[path, hashlib.sha256(d).hexdigest()] for path, d in files.items()])
        sha = hashlib.sha1(told.encode()).hexdigest()
        self._commits.setdefault(name, {})[sha] = dict(files)
        for revision in (sha, *revisions):
            self._revisions[name, revision] = sha
        return sha

    @contextlib.contextmanager
    def meeting(self, path: str) -> Iterator[None]:
        """Hold a request for a file until as many are under way as are to be."""
        if "/resolve/" not in path or (path.endswith("/config.json") and path.count("/") == 5):
            yield
            return
        with self._changed:
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.peak >= self.together, timeout=60)
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for one request."""
        parts = urlsplit(path)
        plain = unquote(parts.path)
        if plain in self.redirects:
            return 302, {"Location": self.redirects[plain]}, b""
        if plain in self.files:
            return 200, {}, self.files[plain]
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", plain)
        if match and (match[1], match[3]) in self._revisions:
            sha = self._revisions[match[1], match[3]]
            if match[2] == "revision":
                about: dict[str, Any] = {"sha": sha, "tags": [f"license:{self.license}"]}
                return 200, {}, json.dumps(about).encode()
            return self._tree(match[1], sha, parts.path, parts.query)
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", plain)
        if match and (match[1], match[2]) in self._revisions:
            files = self._commits[match[1]][self._revisions[match[1], match[2]]]
            if match[3] in files:
                return 200, {}, files[match[3]]
        return 404, {}, b"not found"

    def _tree(
        self, name: str, sha: str, path: str, query: str
    ) -> tuple[int, dict[str, str], bytes]:
        listed: list[dict[str, Any]] = [{"type": "directory", "path": "1_Pooling", "oid": "0" * 40}]
        for file, data in self._commits[name][sha].items():
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            one: dict[str, Any] = {"type": "file", "path": file, "size": len(data), "oid": git}
            if len(data) >= LARGE:
                digest = hashlib.sha256(data).hexdigest()
                one["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 130}
            listed.append(one)
        start = int(match[1]) if (match := re.search(r"cursor=(\d+)", query)) else 0
        page = listed[start : start + self.page_entries]
        headers = {}
        if start + self.page_entries < len(listed):
            following = f"{self.url}{path}?recursive=true&cursor={start + self.page_entries}"
            headers["Link"] = f'<{following}>; rel="next"'
        return 200, headers, json.dumps(page).encode()


@contextlib.contextmanager
def serving() -> Iterator[Repositories]:
    """Serve on a free port of this machine for the time of the block."""
    repositories = Repositories()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            repositories.asked.append(self.path)
            if "Authorization" in self.headers:
                repositories.authorized.append(self.path)
            with repositories.meeting(self.path):
                self._say(*repositories.answer(self.path), with_body=with_body)

        def _say(
            self, status: int, headers: dict[str, str], body: bytes, *, with_body: bool
        ) -> None:
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if span and status == 200:
                first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
                status, body = 206, body[first : last + 1]
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    repositories.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield repositories
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
