"""A folder signed with the attacker's key, in a bundle that names the trusted one."""

from __future__ import annotations

import json

from hub.attacks.signer import Signed, new_key
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "the attacker signs, and the bundle names the trusted key as the signer"
REFUSED_BY = signing.BadSignatureError
SAYS = "made with another key"


def attack(stage: Stage) -> None:
    """Verify a bundle whose hint lies."""
    signed = Signed.on(stage)
    payload = json.dumps(signed.statement()).encode()
    signed.state(payload, key=new_key(), material=signed.signer().material())
    signed.verify()
