"""An index entry with other weights, signed by the attacker, whose key the entry now has."""

from __future__ import annotations

import weft_hub
from hub.attacks.signer import new_key, public_pem, signed_entry
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "whoever can change the index replaces weights, digests, signature and key at once"
REFUSED_BY = signing.SignatureKeyError
SAYS = "but WEFT_HUB_KEYS has only"


def attack(stage: Stage) -> None:
    """Load a model that somebody else signed, with a key pinned."""
    pinned = stage.root / "pinned.pem"
    pinned.write_bytes(public_pem(new_key()))
    signed_entry(stage, "a/line", line_weights(bias=1.0), new_key())
    weft_hub.Hub(cache=stage.cache, index=stage.index, keys=[pinned]).load("a/line")
