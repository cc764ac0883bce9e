"""A zip checkpoint whose pickle calls os.system."""

from __future__ import annotations

import os
import pickle

import weft_hub
from hub.attacks.stage import Stage, checkpoint

WHAT = "a checkpoint whose pickle runs a shell command"
REFUSED_BY = weft_hub.UnsafeWeightsError
SAYS = f"{os.system.__module__}.system"


class Command:
    """An object that is pickled as a call of os.system."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        """Return the call that unpickling makes."""
        return os.system, (self.command,)


def attack(stage: Stage) -> None:
    """Load it."""
    pickled = pickle.dumps({"weight": Command(f"echo > {stage.harm}")}, protocol=2)
    stage.entry("a/line", checkpoint(pickled), format="pytorch")
    stage.hub().load("a/line")
