"""A signed statement that names a file outside of the folder."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed statement names a file outside of the folder"
REFUSED_BY = signing.SignedNamesError
SAYS = "must be a plain path below the folder"


def attack(stage: Stage) -> None:
    """Verify a folder whose statement climbs out of it."""
    signed = Signed.on(stage)
    statement = signed.statement()
    statement["predicate"]["resources"][0]["name"] = "../../etc/passwd"
    signed.state(statement)
    signed.verify()
