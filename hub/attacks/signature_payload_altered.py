"""The statement in a bundle replaced by one that fits the attacker's file."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a file and its digest in the signed statement are both replaced"
REFUSED_BY = signing.BadSignatureError
SAYS = "does not fit what it signs"


def attack(stage: Stage) -> None:
    """Verify a folder with another file that the altered statement agrees with."""
    signed = Signed.on(stage)
    (signed.folder / "config.json").write_text('{"evil": true}')
    statement = signed.statement()
    resources = statement["predicate"]["resources"]
    resources[0]["digest"] = hashlib.sha256(b'{"evil": true}').hexdigest()
    together = b"".join(bytes.fromhex(one["digest"]) for one in resources)
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(together).hexdigest()

    def replace(bundle: dict[str, Any]) -> None:
        payload = json.dumps(statement).encode()
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()

    signed.change(replace)
    signed.verify()
