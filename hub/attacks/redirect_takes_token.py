"""A host that redirects to another one, to see the user's token there."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import send, serve, settings
from weft_hub._http import tokens

WHAT = "a redirect to another host, which would like the token: it gets none, and serves the file"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load from a host with a token; harm is done if the other host sees it."""
    seen = []

    def thief(handler: BaseHTTPRequestHandler) -> None:
        if any("s3cret" in value for value in handler.headers.values()) or "s3cret" in handler.path:
            stage.harm.write_text("the token was sent to another host")
        send(handler, line_weights())

    with serve(thief) as elsewhere:

        def first(handler: BaseHTTPRequestHandler) -> None:
            seen.append(handler.headers.get("Authorization"))
            send(handler, b"", Location=f"{elsewhere}/w")

        kept = stage.root / "tokens.json"
        with serve(first) as url, settings(WEFT_HUB_TOKENS=str(kept)):
            tokens.set_token(kept, url.partition("://")[2], "s3cret")
            stage.entry("a/line", line_weights(), sources=[f"{url}/w"])
            model = stage.hub().load("a/line")
    assert isinstance(model.card, weft_hub.Card)
    assert seen == ["Bearer s3cret"]  # or there was nothing to take
