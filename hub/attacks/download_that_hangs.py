"""A host that promises the file, sends a little and goes silent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler

import weft_hub
from hub.attacks.stage import Stage, line_weights
from hub.attacks.web import send, serve, settings

WHAT = "a download that goes silent before its end"
REFUSED_BY = weft_hub.UnreachableError
SAYS = "given up after 1 attempt"


def attack(stage: Stage) -> None:
    """Load from it, with a short patience; without one this would hang for ever."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"", Content_Length=str(len(line_weights())))
        over.wait(30)
        handler.close_connection = True

    with serve(answer) as url, settings(WEFT_HUB_STALL_TIMEOUT="0.2"):
        stage.entry("a/line", line_weights(), sources=[f"{url}/w"])
        try:
            stage.hub().load("a/line")
        finally:
            over.set()
