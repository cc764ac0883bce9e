"""A file with tokens that everyone on the machine can read."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import send, serve, settings
from weft_hub._http import tokens

WHAT = "a file with tokens that others can read"
REFUSED_BY = weft_hub.TokenFileError
SAYS = "others can read"


def attack(stage: Stage) -> None:
    """Load from a host with a token in such a file."""
    kept = stage.root / "tokens.json"
    with (
        serve(lambda handler: send(handler, line_weights())) as url,
        settings(WEFT_HUB_TOKENS=str(kept)),
    ):
        tokens.set_token(kept, url.partition("://")[2], "s3cret")
        kept.chmod(0o644)
        stage.entry("a/line", line_weights(), sources=[f"{url}/w"])
        stage.hub().load("a/line")
