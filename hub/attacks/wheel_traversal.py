"""A wheel with members whose names climb out of any folder they are unpacked into."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "a wheel with ../ and absolute names: only the member that the index names is ever read"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load it: nothing is unpacked but the bytes of one member, so nothing can climb."""
    members = {f"{'../' * depth}harm": b"harm" for depth in range(1, 8)}
    members |= {str(stage.harm): b"harm", "w/line.bin": line_weights()}
    wheel = stage.wheel("stage-weights", "1.0", members)
    stage.entry("a/line", line_weights(), sources=[stage.pip_uri(wheel, "w/line.bin")])
    model = stage.hub().load("a/line")
    assert isinstance(model.card, weft_hub.Card)
