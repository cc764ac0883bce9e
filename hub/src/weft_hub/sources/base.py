"""The protocol that every source of files keeps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Generic, Protocol, TypeVar

from weft_hub._http import Client
from weft_hub.cache._part import Part
from weft_hub.card import File
from weft_hub.errors import SourceError
from weft_hub.progress import Progress

Parsed = TypeVar("Parsed")

FUTURE_SCHEMES = ("oci",)
"""Schemes that an entry may name already; this version fetches from the entry's other sources."""


@dataclass(frozen=True)
class Fetch:
    """What a source is told about one fetch.

    Attributes:
        file: the file that is wanted, with its size and digest.
        folder: the folder of the index entry; relative `file:` sources start there.
        work: a folder inside the cache, not yet made, that is removed when the fetch ends.
        progress: called with each step.
        client: who asks over HTTP.
        keep: a folder for what may be continued by the next fetch of this file, not yet made;
            None for one inside `work`.
    """

    file: File
    folder: Path
    work: Path
    progress: Progress
    client: Client = field(default_factory=Client.from_environment)
    keep: Path | None = None

    @property
    def kept(self) -> Path:
        """Return the folder for what may be continued."""
        return self.work / "kept" if self.keep is None else self.keep


@dataclass(frozen=True)
class Place:
    """Where a file lies as it is: who asks there gets its bytes and nothing around them.

    Attributes:
        uri: the source, as messages and progress name it.
        url: the address.
        plain_http: the user named this host, so it may be asked without encryption.
    """

    uri: str
    url: str
    plain_http: bool


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes, or none at the end."""


class Source(Protocol):
    """One way to get a file. A source only delivers bytes; the cache judges them."""

    @property
    def scheme(self) -> str:
        """The text before the first colon of the URIs that this source takes."""

    @property
    def needs_network(self) -> bool:
        """Whether fetching may open a socket; such a source is never asked when offline."""

    def check(self, uri: str) -> str | None:
        """Return what is wrong with the spelling of `uri`, or None. Touches nothing."""

    def open(self, uri: str, fetch: Fetch) -> AbstractContextManager[Readable | Part]:
        """Open the bytes of `fetch.file`: a stream, or a part on the disk of the cache.

        Raises:
            weft_hub.HubError: when the source cannot give the file.
        """


class SpelledSource(Generic[Parsed]):
    """A source over the network whose URIs have a spelling of their own.

    Attributes:
        parse: gives the parts of a URI, or raises ValueError with what is wrong.
    """

    needs_network = True
    parse: Callable[[str], Parsed]

    def check(self, uri: str) -> str | None:
        """Return what is wrong with the spelling of `uri`, or None."""
        try:
            self.parse(uri)
        except ValueError as error:
            return str(error)
        return None

    def parsed(self, uri: str) -> Parsed:
        """Return the parts of `uri`.

        Raises:
            SourceError: it is spelled otherwise.
        """
        try:
            return self.parse(uri)
        except ValueError as error:
            raise SourceError(str(error)) from error


def plain_path(uri: str, path: str, inside: str) -> str:
    """Return a path that stays where it starts.

    Raises:
        ValueError: it is absolute, climbs, or has a part that says nothing.
    """
    pure = PurePosixPath(path)
    if pure.as_posix() != path or pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{uri!r}: {path!r} is not a plain path inside {inside}")
    return path


def scheme_of(uri: str) -> str:
    """Return the scheme of `uri`, lower case, or an empty string."""
    head, colon, _ = uri.partition(":")
    return head.lower() if colon else ""
