"""A package with members whose names climb out of any folder they are unpacked into."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import registry, tarball

WHAT = "an npm tarball with ../ names, absolute names and a linked folder: one member is read"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load it: nothing is unpacked but the bytes of one member, so nothing can climb."""
    members: dict[str, bytes | str] = {f"{'../' * depth}harm": b"harm" for depth in range(1, 8)}
    members |= {"package/out": str(stage.root), "package/out/harm": b"harm"}
    members |= {str(stage.harm): b"harm", "package/line.bin": line_weights()}
    with registry(stage.root, tarball(members)) as source:
        stage.entry("a/line", line_weights(), sources=[source.format(member="package/line.bin")])
        model = stage.hub().load("a/line")
    assert isinstance(model.card, weft_hub.Card)
