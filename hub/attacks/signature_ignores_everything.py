"""A signed statement whose list of ignored paths has the whole folder."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed statement says that everything in the folder may be ignored"
REFUSED_BY = signing.SignedNamesError
SAYS = "a path to ignore: '.' must be a plain path below the folder"


def attack(stage: Stage) -> None:
    """Verify a folder with more files than were signed."""
    signed = Signed.on(stage)
    statement = signed.statement()
    statement["predicate"]["serialization"]["ignore_paths"] = ["."]
    signed.state(statement)
    (signed.folder / "modeling.py").write_text("import os")
    signed.verify()
