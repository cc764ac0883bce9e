"""The paths of a mirror, and what every request passes through."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from importlib import metadata

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft_hub.serve.blobs import Blobs
from weft_hub.serve.contents import Contents, Item
from weft_hub.serve.huggingface import Endpoints
from weft_hub.serve.replies import FOREVER, answer, refusal

_HOST = re.compile(r"(\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(:[0-9]{1,5})?", re.ASCII)

HEAD_BYTES = 16 * 1024

_SAFE = (  # what is given out is data, whatever a browser might want to see in it
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
)


def make_app(
    contents: Contents,
    blobs: Blobs,
    *,
    hosts: frozenset[str] | None,
    log: Callable[[str], None] | None,
) -> ASGIApp:
    """Return the whole application.

    Args:
        contents: what may be served.
        blobs: opens the files.
        hosts: the names by which it may be asked; None for any.
        log: called with a line for each request; None for no log.
    """
    own = _Own(contents, blobs)
    routes = [
        Route("/", own.about, methods=["GET"]),
        Route("/index.json", own.index, methods=["GET"]),
        Route("/index.json.sha256", own.index_digest, methods=["GET"]),
        Route("/index.json.sig", own.statement, methods=["GET"]),
        Route("/blobs/{sha256}", own.blob, methods=["GET"]),
        *Endpoints(contents, blobs).routes(),
        Route("/{owner}/{name}/{file}", own.file, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http, Exception: _bug})
    app.router.redirect_slashes = False  # no answer of a mirror leads elsewhere
    return _Gate(app, hosts, log)


class _Own:
    """What weft-hub itself asks for."""

    def __init__(self, contents: Contents, blobs: Blobs) -> None:
        self._contents = contents
        self._blobs = blobs

    async def about(self, request: Request) -> Response:
        """Say what this is."""
        index = self._contents.index
        return JSONResponse(
            {
                "service": "weft-hub serve",
                "version": _version(),
                "models": len(self._contents.repositories),
                "index": f"/{index.path}",
                "index_sha256": index.sha256,
            }
        )

    async def index(self, request: Request) -> Response:
        """Give the whole index as one document."""
        item = self._contents.index
        return await answer(request, item, self._blobs, {"Content-Type": "application/json"})

    async def index_digest(self, request: Request) -> Response:
        """Give the digest of that document, as `sha256sum -c` reads it."""
        item = self._contents.index
        text = Item.of_text("index.json.sha256", f"{item.sha256}  index.json\n".encode())
        return await answer(request, text, self._blobs, {"Content-Type": "text/plain"})

    async def statement(self, request: Request) -> Response:
        """Give the signature over that document."""
        item = self._contents.statement
        if item is None:
            return refusal(404, "EntryNotFound", "the index of this mirror is not signed")
        return await answer(request, item, self._blobs, {"Content-Type": "application/json"})

    async def blob(self, request: Request) -> Response:
        """Give a file of the index by its digest."""
        item = self._contents.blobs.get(request.path_params["sha256"])
        if item is None:
            return refusal(404, "EntryNotFound", "the index of this mirror names no such file")
        return await answer(request, item, self._blobs, {"Cache-Control": FOREVER})

    async def file(self, request: Request) -> Response:
        """Give a file of an entry by its name: a source `file:NAME` is beside the index."""
        asked = request.path_params
        repository = self._contents.repositories.get(f"{asked['owner']}/{asked['name']}")
        item = repository.items.get(asked["file"]) if repository else None
        if item is None:
            return refusal(404, "EntryNotFound", "the index of this mirror names no such file")
        return await answer(request, item, self._blobs)


class _Gate:
    """Around the application: who may ask by which name, headers for safety, the access log."""

    def __init__(
        self, app: ASGIApp, hosts: frozenset[str] | None, log: Callable[[str], None] | None
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = time.monotonic()
        status, count = 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, count
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *_SAFE]}
            else:
                count += len(message.get("body", b""))
            await send(message)

        app = self._app
        if _head_bytes(scope) > HEAD_BYTES:
            app = refusal(431, "TooLarge", f"the head of a request may have {HEAD_BYTES} bytes")
        elif self._hosts is not None and _host(scope) not in self._hosts:
            # A page on the web can lead a browser here by its own name, but not by one of these.
            app = refusal(
                421, "Misdirected", "this mirror answers by the names of this machine only"
            )
        try:
            await app(scope, receive, counted)
        finally:
            if self._log is not None:
                self._log(_line(scope, status, count, time.monotonic() - begun))


def _head_bytes(scope: Scope) -> int:
    """Return how many bytes a request has before its body; h11 only bounds what comes in parts."""
    target = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    return target + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _line(scope: Scope, status: int, count: int, took_s: float) -> str:
    """Return a line of the access log, in the common form and with the seconds at its end."""
    raw = scope.get("raw_path") or b"-"
    query = scope.get("query_string") or b""
    target = raw + (b"?" + query if query else b"")
    shown = "".join(
        sign if sign.isascii() and sign.isprintable() and sign not in '"\\' else f"%{ord(sign):02X}"
        for sign in target[:1000].decode("latin-1")
    )
    client = scope["client"][0] if scope.get("client") else "-"
    when = formatdate(usegmt=True)
    how = f"{scope['method']} {shown} HTTP/{scope['http_version']}"
    return f'{client} - - [{when}] "{how}" {status} {count} {took_s:.3f}'


def _host(scope: Scope) -> str:
    """Return the name in the header `Host`, without the port."""
    given = [value for name, value in scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(given[0].decode("latin-1").lower()) if len(given) == 1 else None
    return match["six"] or match["name"] if match else ""


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # it is registered for nothing else
    response = refusal(error.status_code, "NotFound", error.detail)
    allowed: Mapping[str, str] = error.headers or {}
    for name, value in allowed.items():
        response.headers[name] = value
    return response


async def _bug(request: Request, error: Exception) -> Response:
    return refusal(500, "InternalError", "the mirror failed; its log says how")


def _version() -> str:
    try:
        return metadata.version("weft-hub")
    except metadata.PackageNotFoundError:
        return "from a source folder"
