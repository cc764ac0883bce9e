"""A package that unpacks to a thousand times its size before the member comes."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import registry, tarball

WHAT = "an npm tarball that unpacks to a thousand times its size"
REFUSED_BY = weft_hub.SourceError
SAYS = "it is a bomb"


def attack(stage: Stage) -> None:
    """Load the member behind 160 MB of zeros; the entry pins the tarball's digest."""
    package = tarball({"package/zeros": bytes(160_000_000), "package/line.bin": line_weights()})
    with registry(stage.root, package) as source:
        stage.entry("a/line", line_weights(), sources=[source.format(member="package/line.bin")])
        stage.hub().load("a/line")
