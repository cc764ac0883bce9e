"""`https:` sources, and what they share with the other sources that are fetched over HTTP.

An `http:` source is for this machine and for hosts that the user allows by name: what comes is
verified all the same, but anyone on the way sees what is fetched.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from weft_hub._http import Client, Download
from weft_hub._http.addresses import check_url
from weft_hub.cache._part import Part
from weft_hub.cache._small_part import AT_ONCE_BYTES, SmallPart
from weft_hub.errors import DigestMismatchError, SizeMismatchError, SourceError
from weft_hub.sources.base import Fetch, Place, Readable


class WebSource:
    """Fetches a file by its address."""

    needs_network = True

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme

    def check(self, uri: str) -> str | None:
        """Return what is wrong with the spelling of `uri`, or None."""
        wrong = check_url(uri)
        return None if wrong is None else f"{uri!r} is no address of a file: {wrong}"

    def place(self, uri: str, client: Client) -> Place | None:
        """Return where the file of `uri` lies, or None when it is no address."""
        return Place(uri, uri, plain_http=False) if self.check(uri) is None else None

    @contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable | Part]:
        """Download the file at `uri`."""
        wrong = self.check(uri)
        if wrong:
            raise SourceError(wrong)
        with readable(uri, uri, fetch, plain_http=False) as content:
            yield content


@contextmanager
def readable(url: str, uri: str, fetch: Fetch, *, plain_http: bool) -> Iterator[Readable | Part]:
    """Download the file of `fetch` from `url`: a small one into memory, another as `downloaded`."""
    file = fetch.file
    if file.size > AT_ONCE_BYTES:
        with downloaded(
            url, uri, fetch, size=file.size, sha256=file.sha256, plain_http=plain_http
        ) as part:
            yield part
        return
    small = SmallPart(size=file.size, sha256=file.sha256)
    Download(
        fetch.client,
        url,
        small,
        uri=uri,
        name=file.name,
        progress=fetch.progress,
        plain_http=plain_http,
    ).run()
    yield io.BytesIO(small.content)


@contextmanager
def downloaded(
    url: str,
    uri: str,
    fetch: Fetch,
    *,
    size: int,
    sha256: str,
    called: str = "file",
    authorization: str | None = None,
    plain_http: bool = False,
) -> Iterator[Part]:
    """Download `url` into a part that outlives a failure, and yield it when it is whole and right.

    Args:
        url: the address.
        uri: the source, as messages name it.
        fetch: what is fetched and where to.
        size: the bytes of what is downloaded.
        sha256: its digest.
        called: what the part is called in the folder that is kept.
        authorization: a header for the host of `url`, in place of a kept token.
        plain_http: the user named this host, so it may be asked without encryption.
    """
    part = Part(fetch.kept / called, size=size, sha256=sha256)
    try:
        Download(
            fetch.client,
            url,
            part,
            uri=uri,
            name=fetch.file.name,
            progress=fetch.progress,
            authorization=authorization,
            plain_http=plain_http,
        ).run()
        yield part
    except (SizeMismatchError, DigestMismatchError):
        part.discard()
        raise
    finally:
        if part.spans.total == 0:
            part.discard()
        part.close()
