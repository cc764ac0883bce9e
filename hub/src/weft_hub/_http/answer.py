"""What a server answered: what its status means, how long it says to be, and its bytes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weft_hub._http.addresses import host_of
from weft_hub._http.causes import cause
from weft_hub._http.waiting import Retry, asked_wait_s
from weft_hub.errors import AccessDeniedError, MissingAtSourceError, SourceError

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_DOCUMENT_S = 120.0


@dataclass(frozen=True)
class Document:
    """A small document: where it came from in the end, and what it says."""

    url: str
    headers: Mapping[str, str]
    content: bytes


class Answer:
    """What a server answered with 200, 206 or 416; its bytes are still to be read."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url: str = response.url

    @property
    def length(self) -> int | None:
        """Return the length that the server states, or None when it states none."""
        text = self.headers.get("Content-Length", "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, or none at the end.

        Raises:
            Retry: the connection broke or brought nothing for too long.
        """
        import urllib3

        try:
            data: bytes = self._response.raw.read(count, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two come from a connection that `stop` has closed meanwhile.
            raise Retry(f"{host_of(self.url)} broke off: {cause(error)}") from error
        return data

    def read_into(self, memory: memoryview) -> int:
        """Fill `memory`, or as much of it as comes before the end, and return how much.

        Memory that is used again costs much less than new memory for every read.

        Raises:
            Retry: as for `read`.
        """
        import http.client

        raw = self._response.raw
        source = getattr(raw, "_original_response", None)
        if not isinstance(source, http.client.HTTPResponse):
            data = self.read(len(memory))
            memory[: len(data)] = data
            return len(data)
        try:
            count = source.readinto(memory)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            raise Retry(f"{host_of(self.url)} broke off: {cause(error)}") from error
        if source.isclosed():  # at its end: another request may use the connection
            raw.release_conn()
        return count

    def stop(self) -> None:
        """Wake a thread that is reading; from another thread."""
        shutdown = getattr(self._response.raw, "shutdown", None)  # urllib3 2.3 and later
        if shutdown is not None:
            with contextlib.suppress(Exception):  # it may be closed already: then all is well
                shutdown()

    def close(self) -> None:
        """Give the connection back if everything was read, and close it otherwise."""
        self._response.close()


def judge(response: Any, what: str, *, had_token: bool) -> None:
    """Raise what the status of `response` means, unless its bytes are wanted."""
    status, host = response.status_code, host_of(response.url)
    if status in _TRY_AGAIN:
        raise Retry(
            f"{host} answered {status}",
            after_s=asked_wait_s(response.headers.get("Retry-After")),
        )
    if status in (401, 403):
        advice = (
            f"the token for {host} was refused, or its owner may not have this file"
            if had_token
            else f"if it needs a token run `weft-hub login {host}`"
        )
        raise AccessDeniedError(f"{what}: {host} answered {status}: {advice}")
    if status in (404, 410):
        raise MissingAtSourceError(f"{what}: {host} answered {status}: it has no such file")
    if status == 407:
        raise SourceError(f"{what}: the proxy asks for a password; put it into HTTPS_PROXY")
    if status not in (200, 206, 416):
        raise SourceError(f"{what}: {host} answered {status}, which is not understood")
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise SourceError(
            f"{what}: {host} packs the file as {coding[:40]!r}, but was asked for it as it is; "
            "its bytes would not be those that the index pins"
        )


def read_all(answer: Answer, limit: int, what: str) -> bytes:
    """Return all bytes of `answer`, which are up to `limit`.

    Raises:
        Retry: it broke off, or takes too long.
        SourceError: it is larger.
    """
    deadline = time.monotonic() + _DOCUMENT_S
    stated = answer.length
    parts, done = [], 0
    while data := answer.read(min(1 << 16, limit + 1 - done)):
        parts.append(data)
        done += len(data)
        if done > limit:
            break
        if time.monotonic() > deadline:
            raise Retry(f"{host_of(answer.url)} takes longer than {_DOCUMENT_S:g} s")
    if done > limit:
        raise SourceError(
            f"{what}: at most {limit} bytes are taken, but {host_of(answer.url)} sends more"
        )
    if stated is not None and done != stated:
        raise Retry(f"{host_of(answer.url)} broke off after {done} of {stated} bytes")
    return b"".join(parts)
