"""Run a program on weft and on PyTorch from the same weights and in the same order; show both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiment.plots import Curve, curves

LIBRARIES = {"weft": [], "torch": ["--torch"]}


def compare(program: Path, given: list[str], output: Path) -> int:
    """Run ``program`` with the words ``given`` on both libraries, then print and plot.

    ``comparison.json`` and ``comparison.svg`` go to the output folder. A run that was stopped goes
    on when ``--resume`` is among the words.
    """
    output.mkdir(parents=True, exist_ok=True)
    start = output / "start.npz"
    if "--resume" not in given:
        start.unlink(missing_ok=True)
    found: dict[str, Any] = {}
    for name, words in LIBRARIES.items():
        folder = output / name
        own = [*given, *words, "--output", str(folder), "--start", str(start)]
        status = subprocess.run([sys.executable, str(program), *own]).returncode
        if status:
            return status
        found[name] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    text = json.dumps(found, indent=1) + "\n"
    (output / "comparison.json").write_text(text, encoding="utf-8")
    draw(found, output / "comparison.svg", program.stem)
    for line in table(found):
        print(line)
    return 0


def draw(found: dict[str, Any], path: Path, title: str) -> None:
    """Plot the losses of both, and below what was measured after each epoch."""
    below: dict[str, list[Curve]] = {}
    for name, summary in found.items():
        for measured in summary["epochs"][0] if summary["epochs"] else {}:
            if measured not in ("epoch", "after_step"):
                steps = [line["after_step"] for line in summary["epochs"]]
                values = [line[measured] for line in summary["epochs"]]
                below.setdefault(measured, []).append(Curve(name, steps, values))
    losses = [
        Curve(name, summary["loss"]["step"], summary["loss"]["mean"])
        for name, summary in found.items()
    ]
    curves(path, {"loss": losses, **below}, title=title)


def table(found: dict[str, Any]) -> list[str]:
    """Return the lines of a table: what was reached, and how long a step took."""
    measured = [name for name in found["weft"]["epochs"][-1] if name not in ("epoch", "after_step")]
    columns = [*measured, "ms a step", "processor ms a step"]
    lines = ["".join([f"{'':8}", *(f"{column.replace('_', ' '):>22}" for column in columns)])]
    for name, summary in found.items():
        values = [summary["epochs"][-1][one] for one in measured]
        values += [summary["median_step_ms"], summary["median_step_processor_ms"]]
        lines.append("".join([f"{name:8}", *(f"{value:22.4g}" for value in values)]))
    return lines
