"""Keys, certificates and signed folders for attacks and tests on signatures.

`Signed` is a folder that somebody signed well; an attack then changes it, the bundle or both.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.attacks.stage import Stage, line_weights, sha256
from weft_hub import signing
from weft_hub.signing._bundle import encoded, write_bundle

NOW = datetime.now(UTC).replace(microsecond=0)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Return a new key, on P-256 if nothing else is said."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def private_pem(key: Any) -> bytes:
    """Return a private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[no-any-return]  # any algorithm's key


def public_pem(key: Any) -> bytes:
    """Return the public half of a private key in PEM."""
    return key.public_key().public_bytes(  # type: ignore[no-any-return]  # any algorithm's key
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


@dataclass
class Signed:
    """A folder with two files and their signature by a key of its own."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @classmethod
    def on(cls, stage: Stage) -> Signed:
        """Make one on a stage."""
        return cls.at(stage.root / "model")

    @classmethod
    def at(cls, folder: Path) -> Signed:
        """Make one in a new folder."""
        folder.mkdir()
        (folder / "weights.safetensors").write_bytes(line_weights())
        (folder / "config.json").write_text("{}")
        made = cls(folder)
        signing.sign(folder, made.signer())
        return made

    @property
    def signature(self) -> Path:
        """Return the path of the signature."""
        return self.folder / "model.sig"

    def signer(self) -> signing.KeySigner:
        """Return who signs."""
        return signing.KeySigner(private_pem(self.key))

    def trust(self) -> signing.KeyTrust:
        """Return a trust in the key that signed."""
        return signing.KeyTrust(public_pem(self.key))

    def verify(self) -> signing.Verified:
        """Verify the folder as a user who trusts the key."""
        return signing.verify(self.folder, self.trust())

    def statement(self) -> dict[str, Any]:
        """Return what was signed."""
        bundle = json.loads(self.signature.read_bytes())
        data: dict[str, Any] = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        return data

    def change(self, how: Callable[[dict[str, Any]], None]) -> None:
        """Change the bundle and leave its signature as it is."""
        bundle = json.loads(self.signature.read_bytes())
        how(bundle)
        self.signature.write_text(json.dumps(bundle))

    def state(
        self,
        payload: Mapping[str, Any] | bytes,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        material: Mapping[str, Any] | None = None,
    ) -> None:
        """Sign another payload, with the same key and form unless others are given."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signer = signing.KeySigner(private_pem(key or self.key))
        shown = signer.material() if material is None else material
        self.signature.write_bytes(write_bundle(data, signer.sign(encoded(data)), shown))


@dataclass
class Certified:
    """A key and a certificate for it, and who issued that."""

    key: Any
    certificate: x509.Certificate
    issuer: Certified | None = None

    @property
    def pem(self) -> bytes:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def signer(self, *between: Certified) -> signing.CertificateSigner:
        """Return a signer with this certificate and those in `between`."""
        return signing.CertificateSigner(
            private_pem(self.key), self.pem, [one.pem for one in between]
        )


def certify(
    name: str,
    issuer: Certified | None = None,
    *,
    authority: bool = False,
    key: Any = None,
    days: tuple[int, int] = (-10, 10),
    usage: bool | None = True,
    issues: bool | None = None,
    extended: tuple[x509.ObjectIdentifier, ...] = (),
    path_length: int | None = None,
    critical: x509.ObjectIdentifier | None = None,
    serial: int | None = None,
) -> Certified:
    """Return a certificate as one finds them, or with what an attack needs.

    Args:
        name: the common name.
        issuer: who issues it; itself if None.
        authority: whether it may issue others.
        key: its key; a new one on P-256 if None.
        days: from when to when it is valid, from now.
        usage: whether its key usage is signing (certificates, for an authority), something else
            (False), or not stated (None).
        issues: whether its key usage is signing certificates, if not as `authority` says.
        extended: its extended key usage; none is stated if empty.
        path_length: how many authorities may be below it.
        critical: an extension that nobody knows, marked as critical.
        serial: its serial number; a random one if None.
    """
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        above = issuer.key.public_key()
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False
        )
    if usage is not None:
        builder = builder.add_extension(
            _key_usage(authority if issues is None else issues, usage), critical=True
        )
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if critical is not None:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(critical, b"\x05\x00"), critical=True
        )
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Certified(key, certificate, issuer)


def material_of(*chain: Certified) -> dict[str, Any]:
    """Return what a bundle says of a chain, also of one that no signer of ours would sign with."""
    raw = [one.certificate.public_bytes(Encoding.DER) for one in chain]
    listed = [{"rawBytes": base64.b64encode(one).decode()} for one in raw]
    return {"x509CertificateChain": {"certificates": listed}}


def _key_usage(authority: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not authority,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs and authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def signed_entry(
    stage: Stage,
    name: str,
    content: bytes,
    key: ec.EllipticCurvePrivateKey,
    *,
    signed: bytes | None = None,
    **changes: Any,
) -> Path:
    """Write an index entry with weights and their signature.

    Args:
        stage: where.
        name: the name of the model.
        content: the bytes of the weight file.
        key: who signs, and whose key the entry has.
        signed: what is signed in place of `content`.
        changes: as for `Stage.entry`.

    Returns:
        The folder of the entry.
    """
    file = "weights.safetensors"
    bundle = signing.sign_document(
        content if signed is None else signed, signing.KeySigner(private_pem(key)), name=file
    )
    files = [
        _file(file, "weights", "safetensors", content),
        _file("model.sig", "signature", "other", bundle),
    ]
    changes = {"signature": {"file": "model.sig", "key": public_pem(key).decode()}, **changes}
    folder = stage.entry(name, content, files=files, **changes)
    (folder / "model.sig").write_bytes(bundle)
    return folder


def _file(name: str, role: str, form: str, content: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "format": form,
        "size": len(content),
        "sha256": sha256(content),
        "sources": [f"file:{name}"],
    }
