"""What a refresh of an index works with, by the user's settings: addresses, keys, connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weft_hub.index._refresh import Means

if TYPE_CHECKING:
    from weft_hub.hub import Hub
    from weft_hub.settings import Settings


def index_means(hub: Hub, settings: Settings) -> Means:
    """Return the means: how to get bytes, whose signature counts, whether a connection may be."""
    keys = settings.index_keys
    return Means(
        get=lambda url, limit: hub.client.document(url, limit=limit, plain_http=True).content,
        verify=_verifier(keys) if keys else None,
        offline=hub.offline,
    )


def _verifier(keys: Sequence[Path]) -> Callable[[bytes, bytes], None]:
    def verify(document: bytes, bundle: bytes) -> None:
        from weft_hub.signing import KeyTrust, verify_document  # an extra, and slow to load

        verify_document(document, bundle, name="index.json", trust=KeyTrust(*keys))

    return verify
