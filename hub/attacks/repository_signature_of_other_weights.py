"""A repository whose weights were exchanged; the signature is the signer's own."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "a signed repository gets other weights and keeps its signature"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 changed since ('model.safetensors')"


def attack(stage: Stage) -> None:
    """Load it with the signer's key pinned."""
    user = Pinned(stage)
    other = {**FILES, "model.safetensors": line_weights((9.0, 9.0))}
    user.load({**other, "model.sig": user.signature(FILES)})
