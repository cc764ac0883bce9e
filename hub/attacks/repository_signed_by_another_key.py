"""A repository with changed weights that the attacker signed again, with a key of their own."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.signer import new_key
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a repository is signed by another key than the one that is pinned"
REFUSED_BY = signing.SignatureKeyError
SAYS = "which is not trusted"


def attack(stage: Stage) -> None:
    """Load it with the first signer's key pinned."""
    user = Pinned(stage)
    user.load({**FILES, "model.sig": user.signature(FILES, new_key())})
