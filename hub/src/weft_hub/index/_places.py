"""Where indexes are: folders, addresses with a digest, and the one inside the package.

`WEFT_HUB_INDEX` holds several of them, separated as in `PATH`. An address has colons of its own,
so a colon that belongs to one does not separate.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from weft_hub.errors import SettingError

BUILTIN = "builtin"
"""The word that stands for the index inside the package."""

_SCHEMES = ("http", "https")
_SPELLING = "https://HOST/PATH/index.json#sha256=DIGEST"


@dataclass(frozen=True)
class Address:
    """An index at a URL.

    Attributes:
        url: where it is, without the digest.
        sha256: the SHA-256 that it must have; None when a signature is to vouch for it.
    """

    url: str
    sha256: str | None = None

    def __str__(self) -> str:
        return self.url if self.sha256 is None else f"{self.url}#sha256={self.sha256}"


Place: TypeAlias = Path | Address


def split(text: str, separator: str = os.pathsep) -> tuple[str, ...]:
    """Return the parts of `WEFT_HUB_INDEX`.

    Example:
        >>> split("/data/models:https://example.org:8443/index.json:builtin", ":")
        ('/data/models', 'https://example.org:8443/index.json', 'builtin')
    """
    parts: list[str] = []
    for part in text.split(separator):
        last = parts[-1] if parts else ""
        is_scheme_of_this = last in _SCHEMES and part.startswith("//")
        # A port follows a host and nothing else of an address.
        is_port_of_last = re.fullmatch(r"https?://(\[[^\]]*\]|[^/\[]*)", last) is not None and (
            re.match(r"\d+(/|$)", part) is not None
        )
        # ... and inside brackets, the numeric name of a host has colons.
        is_inside_brackets = re.fullmatch(r"https?://\[[^\]]*", last) is not None
        if parts and (is_scheme_of_this or is_port_of_last or is_inside_brackets):
            parts[-1] = f"{last}{separator}{part}"
        else:
            parts.append(part)
    return tuple(part.strip() for part in parts if part.strip())


def place_of(text: str | Path) -> Place | str:
    """Return the folder or address that `text` names, or `BUILTIN` itself.

    Raises:
        SettingError: it is an address that is not spelled as one of an index is.
    """
    if isinstance(text, Path):
        return text.absolute()
    if text == BUILTIN:
        return BUILTIN
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return Path(text).expanduser().absolute()
    url, mark, fragment = text.partition("#")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port is checked when it is asked for
    except ValueError as error:
        raise SettingError(f"{text!r} is not the address of an index: {error}") from error
    if parts.scheme not in _SCHEMES or not host or not parts.path.strip("/") or parts.query:
        raise SettingError(f"{text!r} is not the address of an index, {_SPELLING}")
    if parts.username or parts.password:
        raise SettingError(
            f"the address of an index at {host} holds a name or a password, which would be "
            "shown in messages and logs; give it without"
        )
    if not mark:
        return Address(url)
    digest = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
    if digest is None:
        raise SettingError(
            f"{text!r}: after the # an address of an index has sha256= and 64 lower-case "
            f"hexadecimal digits, but here it is {fragment!r}"
        )
    return Address(url, digest[1])


def places_of(texts: Iterable[str | Path]) -> tuple[Place | str, ...]:
    """Return each place once, in order."""
    return tuple(dict.fromkeys(place_of(text) for text in texts))
