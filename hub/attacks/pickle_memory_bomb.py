"""A pickle of a few hundred bytes that builds ten lists of ten lists of ten lists..."""

from __future__ import annotations

import pickle

import weft_hub
from hub.attacks.stage import Stage, checkpoint

WHAT = "a pickle of a kilobyte that doubles a list a hundred times"
REFUSED_BY = weft_hub.UnsafeWeightsError
SAYS = "unfold to more than"


def attack(stage: Stage) -> None:
    """Load it: each list holds the one before it twice, which is 2**100 elements if walked."""
    value: list[object] = []
    for _ in range(100):
        value = [value, value]
    stage.entry("a/line", checkpoint(pickle.dumps(value, protocol=2)), format="pytorch")
    stage.hub().load("a/line")
