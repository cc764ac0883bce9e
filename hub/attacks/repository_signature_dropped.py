"""A repository without a signature, to a user who takes only what a pinned key signed."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed repository drops its signature"
REFUSED_BY = signing.MissingSignatureError
SAYS = "has no signature (model.sig)"


def attack(stage: Stage) -> None:
    """Load it with a key pinned."""
    Pinned(stage).load(FILES)
