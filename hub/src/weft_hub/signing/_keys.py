"""Signing and verifying with elliptic-curve keys: ECDSA on P-256, P-384 and P-521.

The digest goes with the curve (SHA-256, SHA-384, SHA-512), so that no field of a bundle chooses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from weft_hub.errors import MissingPackageError
from weft_hub.signing._bundle import Bundle
from weft_hub.signing._json import shown
from weft_hub.signing._trust import Identity, keyless
from weft_hub.signing.errors import BadSignatureError, SignatureKeyError, UnsupportedSignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

Pem: TypeAlias = str | Path | bytes
"""A PEM file by its path, or its bytes."""

_MOST_BYTES = 1 << 20
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class KeySigner:
    """Signs with a private key.

    Args:
        key: the private key, PEM.
        password: what the key is encrypted with, if it is.

    Raises:
        SignatureKeyError: it cannot be read, or is no private key.
        UnsupportedSignatureError: it is of another algorithm than ECDSA on P-256, P-384 and P-521.
    """

    def __init__(self, key: Pem, *, password: str | None = None) -> None:
        self._key = _private_key(key, password)
        self.key_id = key_id(self._key.public_key())

    def material(self) -> Mapping[str, Any]:
        """Return the key's id, by which a verifier finds it."""
        return {"publicKey": {"hint": self.key_id}}

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`."""
        from cryptography.hazmat.primitives.asymmetric import ec

        signature = self._key.sign(message, ec.ECDSA(_hash_of(self._key.curve)))
        if not fits(self._key.public_key(), message, signature):
            raise SignatureKeyError("the private key made a signature that its own half refuses")
        return signature


class KeyTrust:
    """Trusts the holders of some keys.

    Args:
        keys: one or more public keys, PEM.

    Raises:
        SignatureKeyError: one cannot be read, or is no public key.
        UnsupportedSignatureError: one is of another algorithm than ECDSA on P-256, P-384 and P-521.
    """

    def __init__(self, *keys: Pem) -> None:
        if not keys:
            raise SignatureKeyError("at least one trusted key is required, but none came")
        self._keys = {key_id(key): key for key in map(_public_key, keys)}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the keys."""
        return tuple(self._keys)

    def accept(self, bundle: Bundle, what: str) -> Identity:
        """Return whose key signed the bundle.

        Raises:
            SignatureKeyError: it was signed with a key that is not trusted.
            BadSignatureError: the signature does not fit what it signs.
            UnsupportedSignatureError: it was signed without a key.
        """
        if bundle.kind == "keyless":
            raise keyless(what)
        if bundle.kind != "key":
            raise SignatureKeyError(
                f"{what} was signed with a certificate, but a key was given to verify it with; "
                "give the trusted root instead"
            )
        # The hint is the signer's word and only chooses which trusted key is tried.
        chosen = {
            name: key
            for name, key in self._keys.items()
            if not bundle.hint or bundle.hint in (name, _der_id(key))
        }
        if not chosen:
            raise SignatureKeyError(
                f"{what} was signed with the key {shown(bundle.hint)}, which is not trusted; "
                f"trusted: {', '.join(self._keys)}"
            )
        for name, key in chosen.items():
            if fits(key, bundle.message, bundle.signature):
                return Identity("key", name, name)
        raise BadSignatureError(
            f"{what} does not fit what it signs: the payload or the signature was altered, or it "
            f"was made with another key than {', '.join(chosen)}"
        )


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key in PEM, by which bundles name it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def fits(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one over `message` by the holder of `key`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key.verify(signature, message, ec.ECDSA(_hash_of(key.curve)))
    except InvalidSignature:
        return False
    return True


def usable(key: Any, what: str) -> ec.EllipticCurvePublicKey:
    """Return `key` if it is a public key of an algorithm that signatures may have.

    Raises:
        UnsupportedSignatureError: it is not.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    kind = type(key).__name__.strip("_").removesuffix("PublicKey")
    curve = f" on {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else ""
    raise UnsupportedSignatureError(
        f"{what} must be an elliptic-curve key on {', '.join(_CURVES.values())}, but is of the "
        f"kind {kind}{curve}"
    )


def read_pem(source: Pem, what: str) -> tuple[bytes, str]:
    """Return the bytes of a PEM file and what to call it in messages.

    Raises:
        SignatureKeyError: it cannot be read, or is far too large.
        MissingPackageError: there is nothing installed to use it with.
    """
    require_cryptography()
    if isinstance(source, bytes):
        return source, f"the {what} that was given"
    try:
        with Path(source).open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SignatureKeyError(
            f"cannot read the {what} {source}: {error.strerror or error}"
        ) from error
    if len(data) > _MOST_BYTES:
        raise SignatureKeyError(f"the {what} {source} has more than {_MOST_BYTES} bytes")
    return data, f"the {what} {source}"


def require_cryptography() -> None:
    """Say what to install when signatures cannot be made or verified here.

    Raises:
        MissingPackageError: the package cryptography is not installed.
    """
    try:
        import cryptography  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise MissingPackageError(
            "signatures need the package cryptography, which is not installed; run "
            '`python -m pip install "weft-hub[signing]"`'
        ) from error


def _public_key(source: Pem) -> ec.EllipticCurvePublicKey:
    data, what = read_pem(source, "public key")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in data:
        raise SignatureKeyError(
            f"{what} holds a private key, which nobody but the signer should have; give its "
            "public half (`openssl pkey -in KEY -pubout`)"
        )
    if b"BEGIN CERTIFICATE-----" in data:
        raise SignatureKeyError(f"{what} holds a certificate; give it as a certificate chain")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureKeyError(f"{what} is no public key in PEM: {_line(error)}") from error
    return usable(key, what)


def _private_key(source: Pem, password: str | None) -> ec.EllipticCurvePrivateKey:
    data, what = read_pem(source, "private key")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password.encode() if password is not None else None)
    except TypeError as error:  # encrypted without a password, or the other way round
        raise SignatureKeyError(f"{what}: {_line(error)}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureKeyError(
            f"{what} is no private key in PEM, or the password is wrong: {_line(error)}"
        ) from error
    usable(key.public_key(), what)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # the private half of what was just checked
    return key


def _hash_of(curve: ec.EllipticCurve) -> Any:
    from cryptography.hazmat.primitives import hashes

    chosen = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    return chosen[curve.key_size]


def _der_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of the key in DER, by which some signers name it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
