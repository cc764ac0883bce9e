"""``python -m benchmarks.page [--check]``: write, or compare, the guide's page of the results.

The page and its picture are made from benchmarks/results/, so neither says what was not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import chart, tables

FOLDER = Path(__file__).parent
GUIDE = FOLDER.parent / "docs" / "guide"
PAGE, PICTURE = GUIDE / "benchmarks.md", GUIDE / "assets" / "benchmarks.svg"
#: The benchmarks on the page, in its order, each with the heading of its rows.
SECTIONS = {
    "networks": "Whole networks",
    "cpu_convolution": "Convolutions",
    "cpu_matmul": "Matrix products and linear layers",
    "cpu_elementwise": "Elementwise functions",
    "cpu_fused": "Softmax, norms, losses, attention, cells",
    "cpu_moving": "Pooling, lookups, sorting, resizing",
    "cpu_linalg": "Inverses, systems, factors",
    "cpu_random": "Random numbers",
    "cpu_optimizers": "Optimizers",
    "cpu_threading": "Threads",
    "tiny_ops": "Calls with little to compute",
    "tape": "Recording and the backward pass",
    "data_loading": "Loading data",
    "checkpoints": "Checkpoints",
    "hub_transfer": "Files of the hub",
    "peak_memory": "Peak memory of networks",
    "checkpoint_memory": "Memory of checkpointed training",
    "first_call": "First calls",
    "import_time": "Import",
}
#: Benchmarks that say how long a call takes beside PyTorch; the picture shows these.
PICTURED = tuple(SECTIONS)[:14]

HEAD = """\
<!-- written by python -m benchmarks.page from benchmarks/results; edits here are lost -->
# Benchmarks

`nox -s bench` measures weft beside PyTorch, JAX and onnxruntime and writes `benchmarks/results/`,
from which this page is made. Every library runs in a process of its own, which is stopped while
another has its turn; all get the same threads and the same settings of the allocator; and what they
compute is compared before any time is taken. Times are medians, and a ratio below 1 means that weft
is faster.
"""


def load(folder: Path = FOLDER / "results") -> dict[str, dict[str, Any]]:
    """Return the results by benchmark."""
    found = {path.stem: path for path in folder.glob("*.json")}
    unknown = set(found) - set(SECTIONS)
    if unknown:
        raise ValueError(f"benchmarks.page has no section for {', '.join(sorted(unknown))}")
    return {
        name: json.loads(found[name].read_text(encoding="utf-8"))
        for name in SECTIONS
        if name in found
    }


def ratios(
    results: dict[str, dict[str, Any]], names: tuple[str, ...]
) -> dict[str, list[chart.Bar]]:
    """Return the ratios of weft to PyTorch under equal settings, by section."""
    groups = {}
    for name in names:
        rows = results[name]["rows"] if name in results else []
        bars = [
            chart.Bar(row["what"], value)
            for row in rows
            if row.get("unit", "s") == "s" and row.get("table") != "As shipped"
            if (value := tables.ratio(row, "weft", "torch")) is not None
        ]
        if bars:
            groups[SECTIONS[name]] = bars
    return groups


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page."""
    groups = ratios(results, PICTURED)
    lines = [HEAD]
    lines += ["![Time of weft divided by that of PyTorch, row by row](assets/benchmarks.svg)", ""]
    lines += ["## In short", "", *_overview(groups), ""]
    slower = [bar for bars in groups.values() for bar in bars if bar.ratio > 1]
    lines += ["### Where PyTorch is faster", ""]
    if slower:
        lines += [
            f"- {bar.label}: {bar.ratio:.2f}"
            for bar in sorted(slower, key=lambda bar: bar.ratio, reverse=True)
        ]
    else:
        lines += ["In no row."]
    for name, result in results.items():
        lines += ["", f"## {SECTIONS[name]}"]
        for heading, rows in tables.by_table(result["rows"]).items():
            lines += ["", f'??? note "{heading or "The same settings for all"}"', ""]
            lines += [f"    {line}" for line in tables.table(rows, quartiles=False)]
        lines += ["", _where(result)]
    return "\n".join(lines) + "\n"


def _overview(groups: dict[str, list[chart.Bar]]) -> list[str]:
    lines = ["| what | rows | geometric mean of the ratios | rows above 1 |", "|---|---|---|---|"]
    for heading, bars in groups.items():
        lines.append(f"| {heading} | {_summary(bars)} |")
    every = [bar for bars in groups.values() for bar in bars]
    return [*lines, f"| **all** | {_summary(every)} |"]


def _summary(bars: list[chart.Bar]) -> str:
    above = sum(bar.ratio > 1 for bar in bars)
    return f"{len(bars)} | {tables.mean_of([bar.ratio for bar in bars]):.2f} | {above}"


def _where(result: dict[str, Any]) -> str:
    on = result["machine"]
    libraries = ", ".join(
        f"{name} {on[name]}"
        for name in ("weft", "torch", "jax", "onnxruntime")
        if on.get(name, "not installed") != "not installed"
    )
    return (
        f"Measured {result['measured'][:10]} on {on['processor']}, {on['processors usable']} "
        f"processors, {result['settings']['OMP_NUM_THREADS']} threads; {libraries}."
    )


def written(results: dict[str, dict[str, Any]]) -> dict[Path, str]:
    """Return what belongs into the page and the picture."""
    picture = chart.drawn(
        ratios(results, PICTURED), title="Time of weft divided by that of PyTorch, row by row"
    )
    return {PAGE: page(results), PICTURE: picture}


def main() -> int:
    """Write the page and the picture; with ``--check`` only say which differ, and exit 1 then."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    stale = 0
    for path, text in written(load()).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += 1
            print(f"{'out of date' if check else 'written'}: {path}")
            if not check:
                path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
