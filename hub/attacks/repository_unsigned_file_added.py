"""A repository that got files more: weights, and an index by which they are preferred."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "a signed repository gets weights that were not signed, and are preferred to those that were"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 there but not signed ('model.safetensors.index.json')"


def attack(stage: Stage) -> None:
    """Load it with the signer's key pinned."""
    user = Pinned(stage)
    index = b'{"weight_map": {"weight": "other.safetensors"}}'
    signed = {"config.json": FILES["config.json"], "weights.safetensors": line_weights()}
    added = {"model.safetensors.index.json": index, "other.safetensors": line_weights((9.0, 9.0))}
    user.load({**signed, **added, "model.sig": user.signature(signed)})
