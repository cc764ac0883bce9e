"""A repository whose config.json was exchanged, which no list of files gives a SHA-256 of."""

from __future__ import annotations

from hub.attacks.repository import FILES, Pinned
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed repository gets another config.json and keeps its signature"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 changed since ('config.json')"


def attack(stage: Stage) -> None:
    """Load it with the signer's key pinned."""
    user = Pinned(stage)
    other = {**FILES, "config.json": b'{"model_type": "bert", "vocab_size": 3}'}
    user.load({**other, "model.sig": user.signature(FILES)})
