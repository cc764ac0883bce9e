"""A file put into a signed folder: code that a loader might pick up."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a file with code is added to a signed folder"
REFUSED_BY = signing.SignedFilesError
SAYS = "1 there but not signed ('code/modeling.py')"


def attack(stage: Stage) -> None:
    """Verify a folder with one file more."""
    signed = Signed.on(stage)
    (signed.folder / "code").mkdir()
    (signed.folder / "code" / "modeling.py").write_text("import os")
    signed.verify()
