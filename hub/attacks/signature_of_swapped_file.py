"""A file of a signed folder replaced by one of the same size."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage, line_weights
from weft_hub import signing

WHAT = "the weights in a signed folder are replaced by others of the same size"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 changed since ('weights.safetensors')"


def attack(stage: Stage) -> None:
    """Verify a folder with other weights."""
    signed = Signed.on(stage)
    (signed.folder / "weights.safetensors").write_bytes(line_weights(bias=1.0))
    signed.verify()
