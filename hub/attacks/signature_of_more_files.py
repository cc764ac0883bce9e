"""A file taken out of a signed folder: the list of forbidden words, say."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a file is taken out of a signed folder"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 signed but not there ('config.json')"


def attack(stage: Stage) -> None:
    """Verify a folder with one file less."""
    signed = Signed.on(stage)
    (signed.folder / "config.json").unlink()
    signed.verify()
