"""A checkpoint archive of a hundred kilobytes that unpacks to a hundred megabytes."""

from __future__ import annotations

import io
import zipfile

import weft_hub
from hub.attacks.stage import Stage

WHAT = "a checkpoint archive that unpacks to a thousand times its size"
REFUSED_BY = weft_hub.UnsafeWeightsError
SAYS = "inflates"


def attack(stage: Stage) -> None:
    """Load it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 50_000_000 + b"}.")
        archive.writestr("archive/version", b"3\n")
    stage.entry("a/line", buffer.getvalue(), format="pytorch")
    stage.hub().load("a/line")
