"""A bundle whose chain has a root of its own, with the name of the trusted one."""

from __future__ import annotations

from hub.attacks.signer import Signed, certify
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a bundle brings a root of its own, named like the trusted one"
REFUSED_BY = signing.CertificateError
SAYS = "does not lead to a trusted root"


def attack(stage: Stage) -> None:
    """Verify a signature whose chain is good in itself."""
    signed = Signed.on(stage)
    trusted = certify("root", authority=True)
    theirs = certify("root", authority=True)
    signing.sign(signed.folder, certify("signer", theirs).signer(theirs), replace=True)
    signing.verify(signed.folder, signing.CertificateTrust(trusted.pem))
