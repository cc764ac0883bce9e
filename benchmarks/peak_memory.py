"""The most memory that is resident while a network runs, each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks import machine
from benchmarks.measure import Row, asked, main, row_of
from benchmarks.networks import GRADIENTS, INFERENCE, gradients_case, inference_case, training_case
from benchmarks.rivals.case import Case
from benchmarks.rivals.turns import SHIPPED

ROUNDS = 2
_BLOCK = "GPT-2-small block, 256 tokens"
#: What is measured, by its heading.
WHAT = {
    "process": "The whole process, with the libraries that it has loaded",
    "run": "Above what was resident when the network and its inputs had been made",
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
    """Yield for each run the peak of its process and what the run added; then both as shipped."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("peak_memory: the peak of resident memory is read from Linux's /proc")
    options = asked()
    measured = []
    for shipped in (False,) if options.quick else (False, True):
        for case in cases():
            if options.rows in case.what:
                measured += _measured(case, shipped=shipped, rounds=1 if options.quick else ROUNDS)
    yield from sorted(measured, key=lambda row: list(_headings()).index(row.table))


def _headings() -> Iterator[str]:
    for suffix in ("", f". {SHIPPED}"):
        for heading in WHAT.values():
            yield heading + suffix


def _measured(case: Case, *, shipped: bool, rounds: int) -> list[Row]:
    samples: dict[str, dict[str, list[float]]] = {kind: {} for kind in WHAT}
    environment = machine.shipped() if shipped else {**os.environ}
    for _ in range(rounds):
        for rival in case.makers:
            command = ["-m", "benchmarks.rivals.peak", rival, "benchmarks.peak_memory", case.what]
            done = subprocess.run(
                [sys.executable, *command],
                env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            said: dict[str, Any] = json.loads(done.stdout)
            for kind, bytes_ in said.items():
                samples[kind].setdefault(rival, []).append(bytes_)
    suffix = f". {SHIPPED}" if shipped else ""
    return [
        replace(
            row_of(case.what, samples[kind], baseline="torch", unit="B"), table=heading + suffix
        )
        for kind, heading in WHAT.items()
    ]


if __name__ == "__main__":
    main(rows)
