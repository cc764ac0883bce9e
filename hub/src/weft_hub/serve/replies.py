"""One item as an answer: everything, a range, or only the headers."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from weft_hub.errors import HubError
from weft_hub.serve.blobs import (
    Blobs,
    DamagedHereError,
    NotHereError,
    NotReadyError,
    StoppingError,
)
from weft_hub.serve.conditions import Answer, judge
from weft_hub.serve.contents import Item

_log = logging.getLogger("weft_hub")

SEND_BYTES = 256 * 1024
AT_ONCE_BYTES = 64 * 1024  # a smaller file is read whole: a task for it costs more than its bytes
RETRY_AFTER_S = 2
FOREVER = "public, max-age=31536000, immutable"  # its address contains its digest
ASK_AGAIN = "no-cache"  # may be kept, but is asked for with If-None-Match each time


async def answer(
    request: Request, item: Item, blobs: Blobs, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to a GET or HEAD of `item`, with further `headers`."""
    if item.blob is not None and not blobs.promises(item.blob[1]):
        card, file = item.blob
        return refusal(404, "EntryNotFound", str(NotHereError.of(card, file)))
    wanted = judge(request.method, request.headers, tag=item.sha256, size=item.size)
    said = {
        "Content-Type": "application/octet-stream",
        "Cache-Control": ASK_AGAIN,
        "Accept-Ranges": "bytes",
        "ETag": f'"{item.sha256}"',
        **(headers or {}),
    }
    if wanted.status == 304:
        said.pop("Content-Type")
        return Response(status_code=304, headers=said)
    if wanted.status == 412:
        return refusal(412, "PreconditionFailed", f"it has the entity tag {item.sha256}")
    if wanted.status == 416:
        response = refusal(416, "RangeNotSatisfiable", f"it has {item.size} bytes")
        response.headers["Content-Range"] = f"bytes */{item.size}"
        return response
    if wanted.status == 206:
        said["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{item.size}"
    else:
        said["Repr-Digest"] = repr_digest(item.sha256)
    said["Content-Length"] = str(wanted.stop - wanted.start)
    if request.method == "HEAD":
        return Response(status_code=wanted.status, headers=said)
    if item.blob is None:
        assert item.body is not None  # an item is either a text or a blob
        body = item.body[wanted.start : wanted.stop]
        return Response(body, status_code=wanted.status, headers=said)
    try:
        if item.size <= AT_ONCE_BYTES:
            body = (await blobs.content(*item.blob))[wanted.start : wanted.stop]
            return Response(body, status_code=wanted.status, headers=said)
        stream = await blobs.open(*item.blob)
    except HubError as error:
        return _failure(error)
    return _Streamed(stream, wanted, said)


def refusal(status: int, code: str, text: str) -> JSONResponse:
    """Return an error as JSON, with the headers by which Hugging Face's client tells them apart."""
    # What a header can hold: a name that was asked for may have line breaks in it.
    plain = "".join(sign if sign.isprintable() else "?" for sign in text[:500])
    plain = plain.encode("latin-1", "replace").decode("latin-1")
    return JSONResponse(
        {"error": text},
        status_code=status,
        headers={"X-Error-Code": code, "X-Error-Message": plain},
    )


def repr_digest(sha256: str) -> str:
    """Return a digest of a whole representation as RFC 9530 spells it."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def _failure(error: HubError) -> Response:
    if isinstance(error, NotReadyError | StoppingError):
        response = refusal(503, "NotReady", str(error))
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response
    if isinstance(error, NotHereError):
        return refusal(404, "EntryNotFound", str(error))
    _log.warning("%s", error)
    if isinstance(error, DamagedHereError):
        return refusal(502, "Damaged", str(error))
    # What went wrong between the mirror and the sources may name paths, hosts or accounts.
    return refusal(502, "SourceFailed", "the mirror could not fetch the file; its log says why")


class _Streamed(Response):
    """Sends part of an open file, in pieces, until the end or until nobody listens."""

    def __init__(self, stream: BinaryIO, wanted: Answer, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=wanted.status, headers=headers)
        self._stream = stream
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listening = asyncio.create_task(_left(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            left = self._wanted.stop - self._wanted.start
            await asyncio.to_thread(self._stream.seek, self._wanted.start)
            while left and not listening.done():
                chunk = await asyncio.to_thread(self._stream.read, min(SEND_BYTES, left))
                if not chunk:  # cut short on the disk: hanging up tells the client
                    raise OSError("a blob became shorter while it was sent")
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        finally:
            listening.cancel()
            self._stream.close()


async def _left(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
