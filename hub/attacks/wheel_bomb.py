"""A wheel whose member states the right size and unpacks to far more."""

from __future__ import annotations

import struct

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "a wheel with a member that unpacks to more than it states"
REFUSED_BY = weft_hub.SourceError
SAYS = "cannot be unpacked"


def attack(stage: Stage) -> None:
    """Load it; the entry pins the digest of the faulty wheel."""
    right = line_weights()
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.bin": right + bytes(50_000_000)})
    data = bytearray(wheel.read_bytes())
    stated = struct.pack("<I", len(right))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(mark) + offset
        data[start : start + 4] = stated
    wheel.write_bytes(data)
    stage.entry("a/line", right, sources=[stage.pip_uri(wheel, "w/line.bin")])
    stage.hub().load("a/line")
