"""Run the benchmark modules and write what they measured into benchmarks/results/.

    python -m benchmarks [NAME ...] [--threads N] [--output FOLDER] [--list] [--quick] [--rows TEXT]

With --quick, --rows or --processor-time the table is printed and no result written. Otherwise the
guide's page of the results is made anew.

Every module runs in a process of its own, with the same number of threads and the same settings of
the allocator for all libraries, because either alone can change a ratio by a factor.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import machine, page, tables
from benchmarks.measure import add_part_options

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
# What runs a benchmark rather than being one.
HARNESS = {"__init__", "__main__", "chart", "machine", "measure", "page", "profiles", "tables"}


def benchmark_names() -> list[str]:
    """Return the names of the benchmark modules, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in HARNESS)


def modules_with_cases() -> list[str]:
    """Return the import names of the benchmarks whose rivals have a process each."""
    return [
        f"benchmarks.{name}"
        for name in benchmark_names()
        if "def cases()" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    ]


def main() -> int:
    """Run what was asked for and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = benchmark_names()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--threads", type=int, default=machine.default_threads())
    parser.add_argument("--output", type=Path, default=RESULTS)
    add_part_options(parser)
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    options = parser.parse_args()
    if options.list:
        print("\n".join(names))
        return 0
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(names)}")
    options.output.mkdir(parents=True, exist_ok=True)
    failed = [name for name in options.names or names if not run_one(name, options)]
    if options.output == RESULTS and not (options.quick or options.rows or options.processor_time):
        for path, text in page.written(page.load()).items():
            path.write_text(text, encoding="utf-8")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run_one(name: str, options: argparse.Namespace) -> bool:
    """Run one module in its own process, print its table and write its results."""
    settings = machine.settings(options.threads)
    part = ["--quick"] * options.quick + ["--processor-time"] * options.processor_time
    part += ["--rows", options.rows] * bool(options.rows)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "rows.json"
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", str(raw), *part],
            env=machine.environment(settings),
            check=False,
        )
        if done.returncode != 0 or not raw.exists():
            return False
        rows = json.loads(raw.read_text(encoding="utf-8"))
    result = {
        "benchmark": name,
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "settings": settings,
        "rows": rows,
    }
    text = tables.markdown(result)
    if not part:
        path = options.output / f"{name}.json"
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    return not any(row["failed"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
