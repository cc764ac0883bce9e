"""A host that redirects for ever."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import send, serve, settings

WHAT = "redirects without end"
REFUSED_BY = weft_hub.UnsafeRedirectError
SAYS = "redirects more than 10 times"


def attack(stage: Stage) -> None:
    """Load from it."""
    with serve(lambda handler: send(handler, b"", Location=f"{handler.path}w")) as url, settings():
        stage.entry("a/line", line_weights(), sources=[f"{url}/w"])
        stage.hub().load("a/line")
