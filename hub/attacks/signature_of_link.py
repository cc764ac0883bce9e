"""A signed file replaced by a link to a copy outside, which changes after it was verified."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed file is replaced by a link to the same bytes elsewhere"
REFUSED_BY = signing.SignedFilesError
SAYS = "'config.json' is a link"


def attack(stage: Stage) -> None:
    """Verify a folder with a link in it."""
    signed = Signed.on(stage)
    outside = stage.root / "config.json"
    (signed.folder / "config.json").rename(outside)
    (signed.folder / "config.json").symlink_to(outside)
    signed.verify()
