"""An entry whose file is named so that the snapshot would be written elsewhere."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "an index entry with a file called ../../../../harm"
REFUSED_BY = weft_hub.RegistryError
SAYS = "files[0].name: must match"


def attack(stage: Stage) -> None:
    """Download it."""
    folder = stage.entry("a/line", line_weights())
    path = folder / "model.toml"
    text = path.read_text("utf-8").replace('"weights.safetensors"', '"../../../../../harm"')
    path.write_text(text, "utf-8")
    stage.hub().download("a/line")
