"""A certificate that may only sign models issues another one, for the attacker."""

from __future__ import annotations

from hub.attacks.signer import Signed, certify
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a holder of a signing certificate issues one to somebody else"
REFUSED_BY = signing.CertificateError
SAYS = "does not lead to a trusted root"


def attack(stage: Stage) -> None:
    """Verify a signature whose chain has a leaf in its middle."""
    signed = Signed.on(stage)
    root = certify("root", authority=True)
    member = certify("member", root)
    theirs = certify("attacker", member)
    signing.sign(signed.folder, theirs.signer(member), replace=True)
    signing.verify(signed.folder, signing.CertificateTrust(root.pem))
