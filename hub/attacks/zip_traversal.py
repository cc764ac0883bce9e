"""A checkpoint archive with a member whose name climbs out of any folder it is unpacked into."""

from __future__ import annotations

import os
import pickle

import weft_hub
from hub.attacks.stage import Stage, checkpoint

WHAT = "a checkpoint archive with ../ names"
REFUSED_BY = weft_hub.UnsafeWeightsError
SAYS = "../harm"


def attack(stage: Stage) -> None:
    """Load it; from the blob, and from the current folder, the name leads to `stage.harm`."""
    names = {"archive/../../harm": b"harm", "../harm": b"harm", "../../harm": b"harm"}
    content = checkpoint(pickle.dumps({}, protocol=2), names)
    stage.entry("a/line", content, format="pytorch")
    before = os.getcwd()
    os.chdir(stage.index)
    try:
        stage.hub().load("a/line")
    finally:
        os.chdir(before)
