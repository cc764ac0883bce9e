"""Who signs and who is trusted: the two protocols that every kind of signature keeps.

A new kind (Sigstore's keyless signing, a key in hardware) is one class with `accept` for verifying
and one with `material` and `sign` for signing; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from weft_hub.signing._bundle import Bundle
from weft_hub.signing.errors import UnsupportedSignatureError


@dataclass(frozen=True)
class Identity:
    """Who signed, as far as it was verified.

    Attributes:
        kind: `key` or `certificate`.
        name: the subject of the certificate, or the key's id.
        key_id: the SHA-256 of the signer's public key in PEM.
        issuer: the subject of the trusted root that the certificate leads to; empty for a key.
    """

    kind: Literal["key", "certificate"]
    name: str
    key_id: str
    issuer: str = ""


class Signer(Protocol):
    """One way to sign."""

    def material(self) -> Mapping[str, Any]:
        """Return what the bundle says about who signed."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`."""


class Trust(Protocol):
    """One way to decide whose signatures count."""

    def accept(self, bundle: Bundle, what: str) -> Identity:
        """Return who signed the bundle, if that is somebody who is trusted.

        Args:
            bundle: the bundle; nothing of it has been verified.
            what: what to call it in messages.

        Raises:
            SignatureError: the signature is not that of somebody who is trusted.
        """


def keyless(what: str) -> UnsupportedSignatureError:
    """Return the error for a bundle that was signed without a key of the signer's own."""
    return UnsupportedSignatureError(
        f"{what} was signed without a key of its own (Sigstore keyless), and verifying that needs "
        "Sigstore's certificates and transparency log from the network, which this version does "
        "not ask; ask the signer for a signature with a key or a certificate"
    )
