"""A repository that lost a signed file: what is left is signed, but makes another model."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed repository loses one of its files"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 signed but not there ('vocab.txt')"


def attack(stage: Stage) -> None:
    """Load it with the signer's key pinned."""
    user = Pinned(stage)
    left = {name: content for name, content in FILES.items() if name != "vocab.txt"}
    user.load({**left, "model.sig": user.signature(FILES)})
