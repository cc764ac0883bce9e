"""A checkpoint that makes an object of a class that is no tensor and no plain container."""

from __future__ import annotations

import pickle
from pathlib import PurePosixPath

import weft_hub
from hub.attacks.stage import Stage, checkpoint

WHAT = "a checkpoint that imports a class that is on no list, however harmless it looks"
REFUSED_BY = weft_hub.UnsafeWeightsError
SAYS = "PurePosixPath"


def attack(stage: Stage) -> None:
    """Load it."""
    pickled = pickle.dumps({"weight": PurePosixPath("a")}, protocol=2)
    stage.entry("a/line", checkpoint(pickled), format="pytorch")
    stage.hub().load("a/line")
