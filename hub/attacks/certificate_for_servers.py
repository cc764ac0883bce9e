"""A web server's certificate, from an authority that is trusted, signs a model."""

from __future__ import annotations

from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.attacks.signer import Signed, certify, material_of
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "the certificate of a web server is used to sign a model"
REFUSED_BY = signing.CertificateError
SAYS = "is not for code signing"


def attack(stage: Stage) -> None:
    """Verify a signature by a certificate for another use."""
    signed = Signed.on(stage)
    root = certify("root", authority=True)
    server = certify("www", root, extended=(ExtendedKeyUsageOID.SERVER_AUTH,))
    signed.state(signed.statement(), key=server.key, material=material_of(server))
    signing.verify(signed.folder, signing.CertificateTrust(root.pem))
