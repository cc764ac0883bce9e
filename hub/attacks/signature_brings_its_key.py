"""A bundle that carries the public key to verify it with, as bundles before version 1.1 did."""

from __future__ import annotations

import base64

from hub.attacks.signer import Signed, new_key, public_pem
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "the bundle brings the attacker's public key along to be verified with"
REFUSED_BY = signing.BadSignatureError
SAYS = "made with another key"


def attack(stage: Stage) -> None:
    """Verify a bundle with a key of its own and no hint."""
    signed = Signed.on(stage)
    theirs = new_key()
    raw = base64.b64encode(public_pem(theirs)).decode()
    material = {"publicKey": {"rawBytes": raw, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}}
    signed.state(signed.statement(), key=theirs, material=material)
    signed.verify()
