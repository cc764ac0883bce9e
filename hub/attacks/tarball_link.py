"""A package whose member is a link to a file of the machine that unpacks it."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import registry, tarball

WHAT = "an npm tarball whose member is a symbolic link to a file of the user"
REFUSED_BY = weft_hub.SourceError
SAYS = "is a symbolic link"


def attack(stage: Stage) -> None:
    """Load it; the linked file even has the right bytes."""
    secret = stage.root / "secret"
    secret.write_bytes(line_weights())
    package = tarball({"package/line.bin": str(secret)})
    with registry(stage.root, package) as source:
        stage.entry("a/line", line_weights(), sources=[source.format(member="package/line.bin")])
        stage.hub().load("a/line")
