"""Signing and verifying with certificates: a leaf, its chain, and roots that the user trusts.

Chains are built and checked by the cryptography library's verifier (validity times, signatures,
path lengths, name constraints, critical extensions). What it cannot know is stated here: a
certificate that signs models is no authority, and its use is signing.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from weft_hub.errors import SignatureError
from weft_hub.signing._bundle import MOST_CERTIFICATES, Bundle
from weft_hub.signing._keys import KeySigner, Pem, fits, key_id, read_pem, usable
from weft_hub.signing._trust import Identity, keyless
from weft_hub.signing.errors import (
    BadSignatureError,
    CertificateError,
    MalformedSignatureError,
    SignatureKeyError,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509.verification import ExtensionPolicy, Policy

_MOST_DEPTH = 8


class CertificateSigner(KeySigner):
    """Signs with a private key and says by a certificate whose it is.

    Args:
        key: the private key, PEM.
        certificate: its certificate, PEM.
        chain: the certificates between it and a root, PEM; the root may be there too.
        password: what the key is encrypted with, if it is.

    Raises:
        SignatureKeyError: the key cannot be used, or is not the certificate's.
        CertificateError: the certificate may not sign, or is not valid now.
    """

    def __init__(
        self,
        key: Pem,
        certificate: Pem,
        chain: Sequence[Pem] = (),
        *,
        password: str | None = None,
    ) -> None:
        super().__init__(key, password=password)
        leaf, *more = _certificates(certificate)
        what = f"the certificate of {_name(leaf.subject)}"
        if key_id(usable(leaf.public_key(), what)) != self.key_id:
            raise SignatureKeyError(
                f"{what} is for the key {key_id(usable(leaf.public_key(), what))}, but the private "
                f"key is {self.key_id}"
            )
        _check_leaf(leaf, datetime.now(UTC), what)
        self._chain = [leaf, *more, *(one for pem in chain for one in _certificates(pem))]
        if len(self._chain) > MOST_CERTIFICATES:
            raise CertificateError(
                f"a chain must have at most {MOST_CERTIFICATES} certificates, but has "
                f"{len(self._chain)}"
            )

    def material(self) -> Mapping[str, Any]:
        """Return the chain, leaf first."""
        from cryptography.hazmat.primitives.serialization import Encoding

        chain = [
            {"rawBytes": base64.b64encode(one.public_bytes(Encoding.DER)).decode()}
            for one in self._chain
        ]
        return {"x509CertificateChain": {"certificates": chain}}


class CertificateTrust:
    """Trusts whoever has a signing certificate that leads to one of some roots.

    Args:
        chain: PEM files with trusted certificates. Self-signed ones are the roots; others may be
            used on the way to a root and are no roots themselves.
        at: the time at which the certificates must be valid; now, if it is not given. Whoever
            knows when a signature was made, from a source other than the signature, may say so.

    Raises:
        SignatureKeyError: a file cannot be read, or holds no certificate.
        CertificateError: none of them is self-signed.
    """

    def __init__(self, *chain: Pem, at: datetime | None = None) -> None:
        certificates = [one for pem in chain for one in _certificates(pem)]
        self._roots = [one for one in certificates if one.subject == one.issuer]
        self._between = [one for one in certificates if one.subject != one.issuer]
        if not self._roots:
            raise CertificateError(
                f"a trusted root, a self-signed certificate, is required, but none of the "
                f"{len(certificates)} certificates that were given is one"
            )
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        self._at = at

    def accept(self, bundle: Bundle, what: str) -> Identity:
        """Return whose certificate signed the bundle.

        Raises:
            CertificateError: it does not lead to a trusted root, is not valid at the time, or may
                not sign.
            BadSignatureError: the signature does not fit what it signs.
            SignatureKeyError: it was signed with a key and no certificate.
            UnsupportedSignatureError: it was signed without a key, or by another algorithm.
        """
        if bundle.kind == "keyless":
            raise keyless(what)
        if bundle.kind != "certificate":
            raise SignatureKeyError(
                f"{what} was signed with a key, but a certificate was given to verify it with; "
                "give the public key instead"
            )
        try:
            return self._follow(bundle, what)
        except SignatureError:
            raise
        except _unreadable() as error:  # parts of a certificate are parsed when first looked at
            raise CertificateError(
                f"{what} has a certificate that cannot be read: {' '.join(str(error).split())}"
            ) from error

    def _follow(self, bundle: Bundle, what: str) -> Identity:
        leaf, *between = (_from_der(der, what) for der in bundle.certificates)
        at = self._at or datetime.now(UTC)
        signer = f"{what}: the certificate of {_name(leaf.subject)}"
        _check_leaf(leaf, at, signer)
        root = self._lead(leaf, between, at, signer)
        key = usable(leaf.public_key(), signer)
        if not fits(key, bundle.message, bundle.signature):
            raise BadSignatureError(
                f"{what} does not fit what it signs: the payload or the signature was altered, or "
                f"it was not made by {_name(leaf.subject)}"
            )
        return Identity("certificate", _name(leaf.subject), key_id(key), _name(root.subject))

    def _lead(
        self,
        leaf: x509.Certificate,
        between: list[x509.Certificate],
        at: datetime,
        what: str,
    ) -> x509.Certificate:
        """Return the trusted root that `leaf` leads to."""
        from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

        verifier = (
            PolicyBuilder()
            .store(Store(self._roots))
            .time(at)
            .max_chain_depth(_MOST_DEPTH)
            .extension_policies(ca_policy=_authority(), ee_policy=_leaf())
            .build_client_verifier()
        )
        try:
            return verifier.verify(leaf, [*self._between, *between]).chain[-1]
        except _unreadable(VerificationError) as error:
            roots = ", ".join(_name(root.subject) for root in self._roots)
            raise CertificateError(
                f"{what} does not lead to a trusted root at {at:%Y-%m-%d %H:%M} "
                f"(trusted: {roots}): {' '.join(str(error).split())[:300]}"
            ) from error


def _leaf() -> ExtensionPolicy:
    """Return what is asked of the certificate that signs, beside `_check_leaf`."""
    from cryptography.x509.verification import ExtensionPolicy

    return ExtensionPolicy.permit_all()


def _authority() -> ExtensionPolicy:
    """Return what is asked of the certificates above it: that they may issue, and for signing."""
    from cryptography import x509
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    def issues(_: Policy, __: x509.Certificate, basic: x509.BasicConstraints) -> None:
        if not basic.ca:  # release 50 of the library asks for it whatever the policy; older may not
            raise ValueError("a certificate on the way to the root is no authority")

    def signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage) -> None:
        if not usage.key_cert_sign:
            raise ValueError("an authority's key usage must allow signing certificates")

    def for_code(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
        if usage is not None and not _is_for_code(usage):
            raise ValueError("an authority's extended key usage does not allow code signing")

    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, issues)
        .require_present(x509.KeyUsage, Criticality.AGNOSTIC, signs)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, for_code)
    )


def _check_leaf(leaf: x509.Certificate, at: datetime, what: str) -> None:
    """Check the time and use of a certificate that signs.

    Raises:
        CertificateError: it is not valid at the time, is an authority's, or is for other uses.
    """
    from cryptography import x509

    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        raise CertificateError(
            f"{what} is valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M}, but the time is {at:%Y-%m-%d %H:%M}"
        )
    try:
        basic = _extension(leaf, x509.BasicConstraints)
        usage = _extension(leaf, x509.KeyUsage)
        extended = _extension(leaf, x509.ExtendedKeyUsage)
    except _unreadable() as error:
        raise CertificateError(f"{what} cannot be read: {' '.join(str(error).split())}") from error
    if basic is not None and basic.ca:
        raise CertificateError(f"{what} is that of an authority, which issues and does not sign")
    if usage is None and extended is None:
        raise CertificateError(
            f"{what} must state its use, digital signatures or code signing, but states none"
        )
    if usage is not None and not usage.digital_signature:
        raise CertificateError(f"{what} is not for digital signatures")
    if extended is not None and not _is_for_code(extended):
        raise CertificateError(f"{what} is not for code signing")


def _is_for_code(usage: x509.ExtendedKeyUsage) -> bool:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    allowed = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(use in allowed for use in usage)


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _certificates(source: Pem) -> list[x509.Certificate]:
    data, what = read_pem(source, "certificate")
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except _unreadable() as error:
        raise SignatureKeyError(
            f"{what} is no certificate in PEM: {' '.join(str(error).split())[:200]}"
        ) from error


def _from_der(der: bytes, what: str) -> x509.Certificate:
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    try:
        with warnings.catch_warnings():  # what the library is about to refuse is refused now
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            return x509.load_der_x509_certificate(der)
    except _unreadable(CryptographyDeprecationWarning) as error:
        raise MalformedSignatureError(
            f"{what} holds a certificate that cannot be read: {' '.join(str(error).split())[:200]}"
        ) from error


def _unreadable(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what the library raises for a damaged certificate, at once or later, and `more`."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    return (
        *more,
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )


def _name(name: x509.Name) -> str:
    """Return a name on one line, without what a terminal would obey."""
    text = name.rfc4514_string()[:200]
    return "".join(c if c.isprintable() else "?" for c in text) or "nobody"
