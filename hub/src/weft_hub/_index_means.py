"""What a refresh of an index works with, by the user's settings: addresses, keys, connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from weft_hub._refresh import Means
from weft_hub.errors import UnsupportedSourceError

if TYPE_CHECKING:
    from weft_hub.hub import Hub
    from weft_hub.settings import Settings


def index_means(hub: Hub, settings: Settings) -> Means:
    """Return the means: how to get bytes, whose signature counts, whether a connection may be."""
    keys = settings.index_keys
    return Means(
        get=_get,
        verify=_verifier(keys) if keys else None,
        offline=hub.offline,
    )


def _get(url: str, limit: int) -> bytes:
    raise UnsupportedSourceError(f"{url}: this version of weft-hub cannot fetch from addresses yet")


def _verifier(keys: Sequence[Path]) -> Callable[[bytes, bytes], None]:
    def verify(document: bytes, bundle: bytes) -> None:
        signing = import_module("weft_hub.signing")  # it needs an extra, and is slow to load
        trust = signing.KeyTrust(*keys)
        signing.verify_document(document, bundle, name="index.json", trust=trust)

    return verify
