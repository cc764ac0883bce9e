"""Another wheel of the same name and version, as from a mirror that was taken over."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "a mirror that serves another wheel under the pinned name and version"
REFUSED_BY = weft_hub.DigestMismatchError
SAYS = "stage-weights==1.0"


def attack(stage: Stage) -> None:
    """Load the model after the swap."""
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.bin": line_weights()})
    stage.entry("a/line", line_weights(), sources=[stage.pip_uri(wheel, "w/line.bin")])
    stage.wheel("stage-weights", "1.0", {"w/line.bin": line_weights(bias=9.0)})
    stage.hub().load("a/line")
