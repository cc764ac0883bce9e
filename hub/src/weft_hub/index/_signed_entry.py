"""The signature of an index entry: verified on each download and load, before other files come.

The digests in the index say which bytes; the signature says whose. It is compared with the index,
and the files with the index as ever, so that a model of gigabytes is refused before it is fetched.
The entry carries the signer's key, so whoever can write the index can change it: only a key that
the user pins is independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weft_hub.card import Card, File

if TYPE_CHECKING:
    from weft_hub.signing import Identity, Trust


def check_signature(card: Card, fetch: Callable[[File], Path], pinned: Sequence[Path]) -> None:
    """Verify the signature of an entry, if the entry or the user asks for one.

    Args:
        card: the entry.
        fetch: gets one file of it, verified by the index; called for the signature alone.
        pinned: the keys that the user trusts, one of which must have signed; empty for no rule.

    Raises:
        MissingSignatureError: the user asks for a signature, and the entry has none.
        SignatureError: the signature is not good, or is that of somebody else.
    """
    if card.signature is not None or pinned:
        verify_entry(card, fetch, None, pinned)


def verify_entry(
    card: Card,
    fetch: Callable[[File], Path],
    trust: Trust | None,
    pinned: Sequence[Path] = (),
) -> Identity:
    """Verify the signature of an entry and return who signed.

    Args:
        card: the entry.
        fetch: as for `check_signature`.
        trust: whose signatures count; None for the key of the entry, within what is pinned.
        pinned: as for `check_signature`.

    Raises:
        SignatureError: as for `check_signature`.
    """
    from weft_hub.signing import KeyTrust, MissingSignatureError, SignatureKeyError
    from weft_hub.signing._verbs import read_signature, verify_digests

    if card.signature is None:
        asks = f"WEFT_HUB_KEYS asks for one ({len(pinned)} keys)" if pinned else "one is asked for"
        raise MissingSignatureError(f"{card.name} has no signature in the index, but {asks}")
    if trust is None:
        own = KeyTrust(card.signature.key.encode())
        allowed = KeyTrust(*pinned).key_ids if pinned else own.key_ids
        if not set(own.key_ids) <= set(allowed):
            raise SignatureKeyError(
                f"{card.name} is signed with the key {own.key_ids[0]}, but WEFT_HUB_KEYS has only "
                f"{', '.join(allowed)}"
            )
        trust = own
    [signature] = [file for file in card.files if file.role == "signature"]
    digests = {file.name: file.sha256 for file in card.files if file is not signature}
    return verify_digests(digests, read_signature(fetch(signature)), trust, what=card.name)
