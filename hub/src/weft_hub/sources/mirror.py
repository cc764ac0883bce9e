"""The mirror that the user names: asked first for every file, by its digest.

It is no source that an entry may name. What it does not have, or has wrong, comes from the entry's
own sources; a mirror that is not there is noticed by one small question without patience.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from weft_hub._http import Client
from weft_hub.cache._part import Part
from weft_hub.card import File
from weft_hub.errors import MissingAtSourceError
from weft_hub.sources.base import Fetch, Place, Readable
from weft_hub.sources.web import readable


class MirrorSource:
    """Fetches from `address`, such as `http://mirror.example:8478`."""

    scheme = "mirror"
    needs_network = True

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def uri(self) -> str:
        """Return the source as messages name it."""
        return f"{self.scheme}:{self.address}"

    def check(self, uri: str) -> str | None:
        """Refuse it in an entry: whom a user asks first is the user's to say."""
        return f"{uri!r} is no source of an entry; a mirror is named by WEFT_HUB_MIRROR"

    @contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable | Part]:
        """Download the file from the mirror."""
        self.knock(fetch.client)
        place = self.place(fetch.file)
        with readable(place.url, uri, fetch, plain_http=place.plain_http) as content:
            yield content

    def place(self, file: File) -> Place:
        """Return where the mirror has `file`; the user named the host."""
        return Place(self.uri, f"{self.address}/blobs/{file.sha256}", plain_http=True)

    def knock(self, client: Client) -> None:
        """Ask for something small without patience, before a download that has much of it.

        Raises:
            SourceError: the mirror is not there.
        """
        if self.address in client.reached:
            return
        impatient = Client(replace(client.options, retries=0), offline=client.offline)
        with suppress(MissingAtSourceError):  # another kind of server, which is there
            impatient.document(
                f"{self.address}/index.json.sha256", limit=1024, what=self.uri, plain_http=True
            )
        client.reached.add(self.address)
