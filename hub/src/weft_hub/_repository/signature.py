"""The signature that a repository carries: `model.sig` over its files, by a key that users trust.

It is verified before any other file is fetched, and each file is compared with it before it is
used. What was signed and could be used must be there: a repository that lost its vocabulary, or the
one of two weight files that is preferred, would be another model without any file being altered.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from weft_hub._repository.files import Listing, may_be_taken
from weft_hub.card import File

if TYPE_CHECKING:
    from weft_hub.signing import Trust
    from weft_hub.signing._verbs import SignedDigests


def verified_signature(
    listing: Listing, trust: Trust, fetch: Callable[[str, str], tuple[File, Path]]
) -> tuple[Path, SignedDigests]:
    """Fetch and verify the signature of a repository, and compare it with what is listed.

    Args:
        listing: what the repository holds.
        trust: whose signatures count.
        fetch: gets a file by its path and role; called for the signature alone.

    Returns:
        Where the signature is, and what it says; each file is still to be compared by `require`.

    Raises:
        MissingSignatureError: there is none.
        SignedFilesError: a file is listed with other bytes than those that were signed, or one
            that was signed is gone.
        SignatureError: other subclasses, if the signature is not good or is somebody else's.
    """
    from weft_hub.signing import MalformedSignatureError, MissingSignatureError
    from weft_hub.signing._bundle import MOST_BYTES
    from weft_hub.signing._verbs import SIGNATURE, read_signature, signed_digests

    who = str(listing.repository)
    listed = listing.files.get(SIGNATURE)
    if listed is None:
        raise MissingSignatureError(
            f"{who} has no signature ({SIGNATURE}), but only what a trusted key signed is taken "
            "(WEFT_HUB_KEYS, keys= or --key)"
        )
    if not 0 < listed.size <= MOST_BYTES:
        raise MalformedSignatureError(
            f"the signature of {who} must have 1 to {MOST_BYTES} bytes, but is listed with "
            f"{listed.size}"
        )
    _, path = fetch(SIGNATURE, "signature")
    signed = signed_digests(read_signature(path), trust, what=who)
    told = {
        name: one.sha256
        for name, one in listing.files.items()
        if one.sha256 is not None and name in signed.files
    }
    gone = [name for name in signed.files if may_be_taken(name) and name not in listing.files]
    signed.require(told, missing=gone)
    return path, signed
