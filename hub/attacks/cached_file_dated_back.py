"""A verified file in the cache, overwritten, with its old time of change given back."""

from __future__ import annotations

import os
import time

from hub.attacks.stage import Stage, line_weights, sha256

WHAT = "a cached file that was verified, then overwritten and given its old time back"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load the model after its cached weights were changed: the right ones come again."""
    stage.entry("a/line", line_weights())
    stage.hub().load("a/line")
    time.sleep(3.5)  # so that the next load takes note of the file
    stage.hub().load("a/line")
    assert list((stage.root / "verified").iterdir())
    blob = stage.cache / "blobs" / sha256(line_weights())
    before = blob.stat()
    blob.chmod(0o644)
    blob.write_bytes(line_weights(bias=9.0))
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    blob.chmod(before.st_mode)
    assert stage.hub().load("a/line").bias.item() == 0.0
