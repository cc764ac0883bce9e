"""A signed statement that lists one name with two digests."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed statement lists one file with two digests"
REFUSED_BY = signing.SignedNamesError
SAYS = "lists 'config.json' twice"


def attack(stage: Stage) -> None:
    """Verify a folder whose statement gives a choice."""
    signed = Signed.on(stage)
    statement = signed.statement()
    resources = statement["predicate"]["resources"]
    resources.append({**resources[0], "digest": "0" * 64})
    signed.state(statement)
    signed.verify()
