"""A bundle that is small on the disk and millions of objects in memory."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a bundle of four million empty objects, hundreds of megabytes once it is parsed"
REFUSED_BY = signing.MalformedSignatureError
SAYS = "must have at most 10000 objects and arrays"


def attack(stage: Stage) -> None:
    """Verify with a bundle that would fill the memory."""
    signed = Signed.on(stage)
    signed.signature.write_text("[" + "{}," * 4_000_000 + "{}]")
    signed.verify()
