"""One page of what a server says of a repository, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft_hub._http import Client


@dataclass(frozen=True)
class Answer:
    """What came, and where it goes on if it was one page of several."""

    content: bytes
    following: str | None


def get_answer(client: Client, url: str, limit: int) -> Answer:
    """Return one page of an answer, of at most `limit` bytes.

    Raises:
        SourceError: it cannot be had.
    """
    import requests.utils  # slow to load

    came = client.document(url, limit=limit, accept="application/json", plain_http=True)
    headers = {key.lower(): value for key, value in came.headers.items()}
    links = requests.utils.parse_header_links(headers.get("link", ""))
    following = next((link["url"] for link in links if link.get("rel") == "next"), None)
    return Answer(came.content, following)
