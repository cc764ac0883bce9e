"""The most memory that is resident while a network runs, each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.measure import Row, asked, main, row_of
from benchmarks.networks import GRADIENTS, INFERENCE, gradients_case, inference_case, training_case
from benchmarks.rivals.case import Case
from benchmarks.rivals.turns import SHIPPED

ROOT = Path(__file__).parents[1]
#: How many processes each number is the median of; as shipped it is one.
ROUNDS = 2
_BLOCK = "GPT-2-small block, 256 tokens"
#: What is measured, by its heading.
WHAT = {
    "process": "The whole process, with the libraries that it has loaded",
    "first": "The whole process, the first on its machine: it compiles what it needs",
    "above": "What the run takes: above what was resident when the libraries had been loaded and "
    "the network and its inputs made",
}


def cases() -> Iterator[Case]:
    """Yield the runs, weft and PyTorch alone."""
    for case in (
        *(
            inference_case(f"ResNet-50, batch {n}", INFERENCE[f"ResNet-50, batch {n}"])
            for n in (1, 8)
        ),
        training_case("ResNet-50, batch 8", INFERENCE["ResNet-50, batch 8"]),
        inference_case(_BLOCK, INFERENCE[_BLOCK]),
        gradients_case(_BLOCK, GRADIENTS[_BLOCK]),
    ):
        yield replace(case, makers={name: case.makers[name] for name in ("weft", "torch")})


def rows() -> Iterator[Row]:
    """Yield for each run what is listed in :data:`WHAT`; then all of it as shipped."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("peak_memory: the peak of resident memory is read from Linux's /proc")
    options = asked()
    measured = []
    for shipped in (False,) if options.quick else (False, True):
        for case in cases():
            if options.rows in case.what:
                rounds = 1 if shipped or options.quick else ROUNDS
                measured += _measured(case, shipped=shipped, rounds=rounds)
    yield from sorted(measured, key=lambda row: list(_headings()).index(row.table))


def _headings() -> Iterator[str]:
    for suffix in ("", f". {SHIPPED}"):
        for heading in WHAT.values():
            yield heading + suffix


def _measured(case: Case, *, shipped: bool, rounds: int) -> list[Row]:
    samples: dict[str, dict[str, list[float]]] = {kind: {} for kind in WHAT}
    settings = machine.shipped() if shipped else {**os.environ}
    for rival in case.makers:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**settings, "WEFT_CACHE_DIR": folder}
            for kind in ("first", *("process", "above") * rounds):
                bytes_ = peak_of(rival, __spec__.name, case.what, kind == "above", environment)
                samples[kind].setdefault(rival, []).append(bytes_)
    suffix = f". {SHIPPED}" if shipped else ""
    return [
        replace(
            row_of(case.what, samples[kind], baseline="torch", unit="B"), table=heading + suffix
        )
        for kind, heading in WHAT.items()
    ]


def peak_of(
    rival: str, module: str, what: str, above: bool, environment: dict[str, str] | None = None
) -> int:
    """Return the bytes that a case takes in a process of its own; see ``rivals/peak.py``."""
    command = [sys.executable, "-m", "benchmarks.rivals.peak", rival, module, what]
    command += ["above"] * above
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout))


if __name__ == "__main__":
    main(rows)
