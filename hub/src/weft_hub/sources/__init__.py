"""Where files come from: one small protocol, one file for each kind of source.

`SOURCES` maps a scheme to its source. A scheme that an index entry may name but that this version
cannot fetch is in `FUTURE_SCHEMES`.
"""

from __future__ import annotations

from weft_hub._http import Client
from weft_hub.card import File
from weft_hub.sources.base import FUTURE_SCHEMES, Fetch, Place, Source, scheme_of
from weft_hub.sources.file import FileSource
from weft_hub.sources.hf import HfSource
from weft_hub.sources.npm import NpmSource
from weft_hub.sources.pip import PipSource
from weft_hub.sources.web import WebSource

_ALL: tuple[Source, ...] = (
    PipSource(),
    FileSource(),
    WebSource("https"),
    WebSource("http"),
    HfSource(),
    NpmSource(),
)
SOURCES: dict[str, Source] = {source.scheme: source for source in _ALL}

__all__ = [
    "FUTURE_SCHEMES",
    "SOURCES",
    "Fetch",
    "FileSource",
    "HfSource",
    "NpmSource",
    "PipSource",
    "Place",
    "Source",
    "WebSource",
    "check_uri",
    "place_of",
    "scheme_of",
]


def place_of(file: File, client: Client) -> Place | None:
    """Return where `file` lies as it is, by the first of its sources; None if that packs it."""
    uri = file.sources[0] if file.sources else ""
    source = SOURCES.get(scheme_of(uri))
    return source.place(uri, client) if isinstance(source, WebSource | HfSource) else None


def check_uri(uri: str) -> str | None:
    """Return why `uri` is not a source that an entry may name, or None when it is one."""
    scheme = scheme_of(uri)
    if scheme in FUTURE_SCHEMES:
        return None
    source = SOURCES.get(scheme)
    if source is None:
        allowed = ", ".join(f"{name}:" for name in (*SOURCES, *FUTURE_SCHEMES))
        return f"{uri!r} has no known scheme; a source starts with one of {allowed}"
    return source.check(uri)
