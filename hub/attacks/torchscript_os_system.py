"""A TorchScript archive whose pickle calls os.system among its inert classes."""

from __future__ import annotations

import pickle

import weft_hub
from hub.attacks.pickle_os_system import SAYS, Command
from hub.attacks.stage import Stage, checkpoint

WHAT = "a TorchScript archive whose pickle runs a shell command"
REFUSED_BY = weft_hub.UnsafeWeightsError
__all__ = ["REFUSED_BY", "SAYS", "WHAT", "attack"]


def attack(stage: Stage) -> None:
    """Load it; its code folder tries the same, and is never looked at."""
    pickled = pickle.dumps({"weight": Command(f"echo > {stage.harm}")}, protocol=2)
    code = {"archive/code/__torch__.py": b"import os\n", "archive/constants.pkl": pickled}
    content = checkpoint(pickled, code)
    source = ["file:weights.pth"]
    stage.entry("a/line", content, format="torchscript", sources=source)
    stage.hub().load("a/line")
