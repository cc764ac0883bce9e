"""`hf:` sources: a file of a Hugging Face repository at a pinned commit.

`hf:OWNER/NAME@COMMIT/PATH/IN/THE/REPOSITORY`

The endpoint is a setting, so a mirror with the same addresses serves as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from weft_hub._http import Client
from weft_hub.cache._part import Part
from weft_hub.sources.base import Fetch, Place, Readable, SpelledSource, plain_path
from weft_hub.sources.web import downloaded

_PLAIN_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_URI = re.compile(
    rf"hf:(?P<owner>{_PLAIN_NAME})/(?P<name>{_PLAIN_NAME})"
    r"@(?P<revision>[^/]+)/(?P<path>[^?#%\\\x00-\x1f\x7f]+)"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class RepositoryFile:
    """A parsed `hf:` URI."""

    owner: str
    name: str
    revision: str
    path: str

    def url(self, endpoint: str) -> str:
        """Return the address of the file at `endpoint`."""
        return f"{endpoint}/{self.owner}/{self.name}/resolve/{self.revision}/{quote(self.path)}"


def parse(uri: str) -> RepositoryFile:
    """Parse an `hf:` URI.

    Raises:
        ValueError: when it is not spelled as the module's docstring says, or names a branch or a
            tag: those can be moved to other bytes.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not hf:OWNER/NAME@COMMIT/PATH")
    if not _COMMIT.fullmatch(match["revision"]):
        raise ValueError(
            f"{uri!r}: the revision must be a commit of 40 hexadecimal digits, but is "
            f"{match['revision']!r}, which can be moved to another one"
        )
    path = plain_path(uri, match["path"], "a repository")
    return RepositoryFile(match["owner"], match["name"], match["revision"], path)


class HfSource(SpelledSource[RepositoryFile]):
    """Downloads a file from the endpoint that the settings name."""

    scheme = "hf"
    parse = staticmethod(parse)

    def place(self, uri: str, client: Client) -> Place | None:
        """Return where the file of `uri` lies, or None when it is spelled otherwise."""
        if self.check(uri) is not None:
            return None
        url = self.parsed(uri).url(client.options.hf_endpoint)
        return Place(uri, url, plain_http=True)

    @contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable | Part]:
        """Download the file that `uri` names."""
        url = self.parsed(uri).url(fetch.client.options.hf_endpoint)
        file = fetch.file
        with downloaded(
            url, uri, fetch, size=file.size, sha256=file.sha256, plain_http=True
        ) as part:
            yield part
