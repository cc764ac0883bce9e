"""Small documents over HTTP: an index, its signature, what a repository holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft_hub.hub import Hub


@dataclass(frozen=True)
class Answer:
    """What came, and where it goes on if it was one page of several."""

    content: bytes
    following: str | None


def get_bytes(hub: Hub, url: str, limit: int) -> bytes:
    """Return the bytes at an address that the user named, at most `limit` of them.

    Raises:
        SourceError: they cannot be had.
    """
    return hub.client.document(url, limit=limit, plain_http=True).content


def get_answer(hub: Hub, url: str, limit: int, *, what: str = "") -> Answer:
    """Return one page of an answer.

    Raises:
        SourceError: it cannot be had.
    """
    import requests.utils  # slow to load

    came = hub.client.document(
        url, limit=limit, what=what, accept="application/json", plain_http=True
    )
    headers = {key.lower(): value for key, value in came.headers.items()}
    links = requests.utils.parse_header_links(headers.get("link", ""))
    following = next((link["url"] for link in links if link.get("rel") == "next"), None)
    return Answer(came.content, following)
