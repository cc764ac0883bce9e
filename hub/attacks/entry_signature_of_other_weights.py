"""An index entry with new weights and digests, beside the signature of the old ones."""

from __future__ import annotations

from hub.attacks.signer import new_key, signed_entry
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "an entry gets other weights and digests, and keeps the author's key and signature"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 changed since ('weights.safetensors')"


def attack(stage: Stage) -> None:
    """Load a model whose weights are not those that its author signed."""
    signed_entry(stage, "a/line", line_weights(bias=1.0), new_key(), signed=line_weights())
    stage.hub().load("a/line")
