"""An index entry without a signature, to a user who takes only what a pinned key signed."""

from __future__ import annotations

import weft_hub
from hub.attacks.signer import new_key, public_pem
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "an entry of the index drops its signature"
REFUSED_BY = signing.MissingSignatureError
SAYS = "has no signature in the index"


def attack(stage: Stage) -> None:
    """Load an unsigned model with a key pinned."""
    pinned = stage.root / "pinned.pem"
    pinned.write_bytes(public_pem(new_key()))
    stage.entry("a/line", line_weights())
    weft_hub.Hub(cache=stage.cache, index=stage.index, keys=[pinned]).load("a/line")
