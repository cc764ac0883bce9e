"""A bundle with two envelopes: one reader takes the first, another the last."""

from __future__ import annotations

import json

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a bundle has a key twice, so that two readers see different statements"
REFUSED_BY = signing.MalformedSignatureError
SAYS = "has the key 'dsseEnvelope' twice in one object"


def attack(stage: Stage) -> None:
    """Verify a bundle with an empty envelope in front of the good one."""
    signed = Signed.on(stage)
    text = signed.signature.read_text()
    other = json.dumps({"payload": "", "payloadType": "", "signatures": []})
    signed.signature.write_text(text.replace("{", f'{{"dsseEnvelope": {other},', 1))
    signed.verify()
