"""A bundle that pretends to be one of Sigstore's, with a certificate of the attacker's making."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.serialization import Encoding

from hub.attacks.signer import Signed, certify
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a home-made certificate pretends to be one that Sigstore issued"
REFUSED_BY = signing.UnsupportedSignatureError
SAYS = "signed without a key of its own (Sigstore keyless)"


def attack(stage: Stage) -> None:
    """Verify a bundle with a single certificate."""
    signed = Signed.on(stage)
    theirs = certify("sigstore")
    raw = base64.b64encode(theirs.certificate.public_bytes(Encoding.DER)).decode()
    material = {"certificate": {"rawBytes": raw}}
    signed.state(signed.statement(), key=theirs.key, material=material)
    signed.verify()
