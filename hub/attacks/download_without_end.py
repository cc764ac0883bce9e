"""A host that sends the right file, and goes on sending until the disk is full."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import serve, settings

WHAT = "a download that never ends"
REFUSED_BY = weft_hub.SizeMismatchError
SAYS = "at least"


def attack(stage: Stage) -> None:
    """Load from it: one byte too many is read, and no more."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(line_weights())
        for _ in range(10_000):
            handler.wfile.write(bytes(1 << 16))
        stage.harm.write_text("655 MB were taken")

    with serve(answer) as url, settings():
        stage.entry("a/line", line_weights(), sources=[f"{url}/w"])
        stage.hub().load("a/line")
