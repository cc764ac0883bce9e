"""A good bundle whose payload is declared to be something else than a statement."""

from __future__ import annotations

from typing import Any

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "the payload of a good bundle is declared to be of another type"
REFUSED_BY = signing.UnsupportedSignatureError
SAYS = "the payload type must be application/vnd.in-toto+json"


def attack(stage: Stage) -> None:
    """Verify a bundle of another payload type."""
    signed = Signed.on(stage)

    def retype(bundle: dict[str, Any]) -> None:
        bundle["dsseEnvelope"]["payloadType"] = "text/plain"

    signed.change(retype)
    signed.verify()
