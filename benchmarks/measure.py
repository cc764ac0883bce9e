"""Measure: rounds that interleave the rivals, medians, and the rows that a benchmark hands over.

A benchmark is a module with `rows() -> list[Row]` that ends with `main(rows)`:

    def rows():
        x = weft.randn(1000)
        y = torch.from_numpy(x.numpy())
        yield compare("exp, 1000 elements", weft=lambda: x.exp(), torch=lambda: y.exp())

    if __name__ == "__main__":
        main(rows)
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.rivals.repeats import repeats_for


@dataclass(frozen=True)
class Row:
    """One thing measured: for each rival the median and the middle half's edges.

    ``seconds`` are bytes where ``unit`` says so. ``table`` is the heading under which it stands.
    ``failed`` has the rivals that were to be measured and could not, each with the reason.
    """

    what: str
    seconds: dict[str, float]
    quartiles: dict[str, tuple[float, float]]
    samples: int
    baseline: str = "torch"
    #: The least of each rival's samples, which a busy machine disturbs least. No table shows it.
    fastest: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    unit: str = "s"
    table: str = ""
    failed: dict[str, str] = field(default_factory=dict)


def compare(
    what: str,
    *,
    baseline: str = "torch",
    rounds: int = 15,
    round_s: float = 0.02,
    **rivals: Callable[[], object],
) -> Row:
    """Time rivals in turns within this process and return their medians for one call.

    Args:
        what: the name of the row.
        baseline: the rival that the others' ratios are taken to.
        rounds: how often each rival gets its turn.
        round_s: about how long one turn lasts; a call is repeated to fill it.
        rivals: what to call, by the rival's name.
    """
    for call in rivals.values():
        call()  # what it compiles and caches at first is no part of a turn
    repeats = {name: repeats_for(call, round_s)[0] for name, call in rivals.items()}
    samples: dict[str, list[float]] = {name: [] for name in rivals}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            # In turns, so that a change of clock or of load meets every rival alike.
            for name, call in rivals.items():
                count = repeats[name]
                start = time.perf_counter()
                for _ in range(count):
                    call()
                samples[name].append((time.perf_counter() - start) / count)
    finally:
        if collecting:
            gc.enable()
    return row_of(what, samples, baseline=baseline)


def compare_processes(
    what: str, *, baseline: str, rounds: int = 15, unit: str = "s", **programs: str
) -> Row:
    """Measure in fresh Python processes, each running one program that prints one number.

    Args:
        what: the name of the row.
        baseline: the rival that the others' ratios are taken to.
        rounds: how often each program runs.
        unit: what they print: ``"s"``, seconds, or ``"B"``, bytes.
        programs: the source of each, by the rival's name.
    """
    samples: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, program in programs.items():
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            )
            if turn:  # the first turn warms the disk's cache and writes byte code
                samples[name].append(float(done.stdout))
    return row_of(what, samples, baseline=baseline, unit=unit)


def row_of(what: str, samples: dict[str, list[float]], *, baseline: str, unit: str = "s") -> Row:
    """Return the row of medians and quartiles of these samples."""
    edges = {}
    for name, values in samples.items():
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
        edges[name] = (low, high)
    return Row(
        what=what,
        seconds={name: statistics.median(values) for name, values in samples.items()},
        quartiles=edges,
        samples=min(map(len, samples.values()), default=0),
        baseline=baseline,
        fastest={name: min(values) for name, values in samples.items()},
        unit=unit,
    )


def main(rows: Callable[[], Iterable[Row]]) -> None:
    """Measure and write the rows where the harness asked for them, or print them."""
    measured = [asdict(row) for row in rows()]
    text = json.dumps(measured, indent=1)
    path = asked().path
    if path is not None:
        path.write_text(text, encoding="utf-8")
    else:
        print(text)


def asked() -> argparse.Namespace:
    """Return what the command line of a benchmark's process asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path, nargs="?", help="where the rows are written")
    add_part_options(parser)
    return parser.parse_args()


def add_part_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that measure a part only."""
    parser.add_argument("--rows", metavar="TEXT", default="", help="only rows with this text")
    parser.add_argument(
        "--quick", action="store_true", help="a few turns, and none as shipped: to look, not to say"
    )
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="processor time of all threads, not the clock's: with --threads 1 on a busy machine",
    )
