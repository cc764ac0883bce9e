"""The bundle: what is signed, the signature, and whose it claims to be, in one JSON file.

A Sigstore bundle (media type v0.3) with a DSSE envelope. Nothing in a bundle is trusted: a key or
certificate in it only says which of the trusted ones to try. The types are checked first, the
signature second, and only then is the payload looked into.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from weft_hub.signing._json import item, parse, require, shown
from weft_hub.signing.errors import MalformedSignatureError, UnsupportedSignatureError

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MOST_BYTES = 32 << 20  # a statement about 100,000 files in base64 has about 25 MiB
MOST_CERTIFICATES = 16
_MOST_CONTAINERS = 10_000  # a bundle has a dozen; proofs of a transparency log some hundred
_MOST_SIGNATURE_BYTES = 512  # ECDSA on P-521 has at most 139


@dataclass(frozen=True)
class Bundle:
    """A bundle whose form is right and of which nothing has been verified.

    Attributes:
        kind: how it claims to be signed: with a `key`, with a `certificate` and its chain, or
            `keyless`, with a certificate that Sigstore issued for minutes.
        hint: which key, as the signer named it; may be empty.
        certificates: the chain, leaf first, each in DER.
        payload: what is signed.
        signature: the signature, in DER.
    """

    kind: Literal["key", "certificate", "keyless"]
    hint: str
    certificates: tuple[bytes, ...]
    payload: bytes
    signature: bytes

    @property
    def message(self) -> bytes:
        """Return the bytes that the signature is over."""
        return encoded(self.payload)


def encoded(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `payload`: type and lengths are signed too."""
    return b"DSSEv1 %d %s %d %s" % (
        len(PAYLOAD_TYPE),
        PAYLOAD_TYPE.encode(),
        len(payload),
        payload,
    )


def read_bundle(data: bytes, what: str) -> Bundle:
    """Parse a bundle.

    Args:
        data: the bytes of the file.
        what: what to call it in messages.

    Raises:
        MalformedSignatureError: it is not the JSON of a bundle.
        UnsupportedSignatureError: it is of another type or version, or signs something else.
    """
    top = parse(data, what, most_bytes=MOST_BYTES, most_containers=_MOST_CONTAINERS)
    require(item(top, "mediaType", str, what), MEDIA_TYPE, f"{what}: the media type")
    if "dsseEnvelope" not in top and "messageSignature" in top:
        raise UnsupportedSignatureError(
            f"{what} signs a bare digest (messageSignature); a signed model has a dsseEnvelope"
        )
    envelope = item(top, "dsseEnvelope", dict, what)
    require(item(envelope, "payloadType", str, what), PAYLOAD_TYPE, f"{what}: the payload type")
    signatures = item(envelope, "signatures", list, what)
    if len(signatures) != 1:
        raise MalformedSignatureError(
            f"{what} must have exactly one signature, but has {len(signatures)}"
        )
    signature = _base64(item(signatures[0], "sig", str, what), f"{what}: the signature")
    if not 0 < len(signature) <= _MOST_SIGNATURE_BYTES:
        raise MalformedSignatureError(
            f"{what}: the signature must have 1 to {_MOST_SIGNATURE_BYTES} bytes, but has "
            f"{len(signature)}"
        )
    kind, hint, certificates = _material(item(top, "verificationMaterial", dict, what), what)
    payload = _base64(item(envelope, "payload", str, what), f"{what}: the payload")
    return Bundle(kind, hint, certificates, payload, signature)


def write_bundle(payload: bytes, signature: bytes, material: Mapping[str, Any]) -> bytes:
    """Return the bundle as the bytes of a file."""
    data = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {**material, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(data, indent=1).encode() + b"\n"


def _material(
    material: dict[str, Any], what: str
) -> tuple[Literal["key", "certificate", "keyless"], str, tuple[bytes, ...]]:
    present = [
        key for key in ("publicKey", "x509CertificateChain", "certificate") if key in material
    ]
    if len(present) != 1:
        raise MalformedSignatureError(
            f"{what} must name its signer by exactly one of publicKey, x509CertificateChain and "
            f"certificate, but has {' and '.join(present) or 'none'}"
        )
    content = item(material, present[0], dict, what)
    if present[0] == "publicKey":
        # Older bundles bring the key itself (rawBytes). It is not looked at: anyone can bring one.
        hint = content.get("hint") or ""
        if not isinstance(hint, str) or len(hint) > 256:
            raise MalformedSignatureError(
                f"{what}: 'hint' must be a string of at most 256 characters, but is {shown(hint)}"
            )
        return "key", hint, ()
    if present[0] == "certificate":
        return "keyless", "", ()
    listed = item(content, "certificates", list, what)
    if not 0 < len(listed) <= MOST_CERTIFICATES:
        raise MalformedSignatureError(
            f"{what} must have 1 to {MOST_CERTIFICATES} certificates, but has {len(listed)}"
        )
    chain = tuple(
        _base64(item(one, "rawBytes", str, what), f"{what}: certificate {number}")
        for number, one in enumerate(listed, 1)
    )
    return "certificate", "", chain


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedSignatureError(f"{what} is not base64: {error}") from error
