"""A key whose certificate has expired, taken from an old machine, signs today."""

from __future__ import annotations

from hub.attacks.signer import Signed, certify, material_of
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a folder is signed with the key of a certificate that has expired"
REFUSED_BY = signing.CertificateError
SAYS = "is valid from"


def attack(stage: Stage) -> None:
    """Verify a signature by a certificate of last year."""
    signed = Signed.on(stage)
    root = certify("root", authority=True, days=(-900, 900))
    old = certify("signer", root, days=(-400, -35))
    signed.state(signed.statement(), key=old.key, material=material_of(old))
    signing.verify(signed.folder, signing.CertificateTrust(root.pem))
