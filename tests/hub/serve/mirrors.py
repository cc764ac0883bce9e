"""A running mirror of a stage, and plain questions to it."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from typing import NamedTuple

from hub.attacks.stage import Stage
from weft_hub.serve import Mirror

TIMEOUT_S = 30.0  # a test that hangs is to fail


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@contextlib.contextmanager
def serving(stage: Stage, *, host: str = "127.0.0.1", **options: object) -> Iterator[Mirror]:
    """Serve the stage in a thread of this process."""
    mirror = Mirror(stage.hub(), host=host, **options)  # type: ignore[arg-type]  # the tests' own
    with mirror.running():
        yield mirror


def ask(
    mirror: Mirror, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> Reply:
    """Send one request with the path as it stands; `_` in a header's name is `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", mirror.port, timeout=TIMEOUT_S)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        if body is not None:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
