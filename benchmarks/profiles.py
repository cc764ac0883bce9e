"""Profile the networks: which ops take weft's time, and how much is Python.

    python -m benchmarks.profiles [WORD ...] [--threads N] [--processor-time] [--output FOLDER]
        [--pictures FOLDER]

Each network whose name has one of the words runs in a process of its own, with the settings that
the benchmarks use. A run of all of them writes benchmarks/results/profiles/networks.json and .md,
and the table and the picture of the guide's page on profiling. With --pictures a flame graph and a
Chrome trace of each network go to that folder.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.rivals.case import cases_of, load

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "profiles"
PAGE = FOLDER.parent / "docs" / "guide" / "profiling.md"
#: Of which network the guide shows a flame graph.
SHOWN = "GPT-2-small block, 256 tokens, forward and backward"
_BEGIN, _END = "<!-- written by benchmarks.profiles -->", "<!-- end -->"
MODULE = "benchmarks.networks"
#: What becomes of the kinds of events in the tables.
GROUPS = {
    "op": "ops",
    "write": "ops",
    "backward": "rules",
    "tape": "tape",
    "function": "functions",
    "gc": "garbage",
}
COLUMNS = (*dict.fromkeys(GROUPS.values()), "between")
#: Rows of a network's table.
ROWS = 12
_SECONDS = 1.0  # about how long each network is timed


def main() -> int:
    """Profile what was asked for and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="parts of the networks' names")
    parser.add_argument("--threads", type=int, default=machine.default_threads())
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="the time of one thread on its processor: where others use the machine too",
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # in the process of one network
    parser.add_argument("--raw", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        if options.processor_time:
            _take_processor_time()
        options.raw.write_text(json.dumps(profiled(options.one, options.pictures)))
        return 0
    names = [
        name
        for name in cases_of(MODULE)
        if not options.words or any(word in name for word in options.words)
    ]
    if not names:
        parser.error(f"no network's name has {' or '.join(options.words)}")
    threads = 1 if options.processor_time else options.threads
    settings = machine.settings(threads)
    more = ["--processor-time"] if options.processor_time else []
    with tempfile.TemporaryDirectory() as scratch:
        pictures = options.pictures or Path(scratch)
        pictures.mkdir(parents=True, exist_ok=True)
        made = [_in_a_process(name, pictures.resolve(), settings, more) for name in names]
        found = [one for one in made if one is not None]
        result = {
            "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "settings": settings,
            "clock": "processor time" if options.processor_time else "clock time",
            "networks": found,
        }
        print(markdown(result))
        if len(found) < len(names):
            return 1
        if not options.words:  # a part of them would take the others' place
            _write(result, options.output, pictures / f"{_stem(SHOWN)}.svg")
    return 0


def _write(result: dict[str, Any], output: Path, picture: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "networks.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (output / "networks.md").write_text(markdown(result), encoding="utf-8")
    if output == RESULTS:
        PAGE.write_text(on_page(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
        shutil.copyfile(picture, PAGE.parent / "assets" / "profile.svg")


def _in_a_process(
    name: str, pictures: Path, settings: dict[str, str], more: list[str]
) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "profile.json"
        command = [sys.executable, "-m", "benchmarks.profiles", "--one", name, "--raw", str(raw)]
        command += ["--pictures", str(pictures), *more]
        done = subprocess.run(command, env=machine.environment(settings), check=False)
        if done.returncode:
            print(f"profiles: {name} failed", file=sys.stderr)
            return None
        found: dict[str, Any] = json.loads(raw.read_text())
        return found


def _take_processor_time() -> None:
    """Have profiles read the thread's own clock, which stands still while others have its turn."""
    from weft.profiler import _recording

    vars(_recording)["clock"] = time.thread_time_ns
    vars(time)["perf_counter"] = time.thread_time


def profiled(name: str, pictures: Path | None = None, seconds: float = _SECONDS) -> dict[str, Any]:
    """Return what a network's time is made of, per call."""
    weft = load("weft")
    call = cases_of(MODULE)[name].makers["weft"](weft)
    for _ in range(3):  # shapes come up, rules are lowered, kernels are compiled
        call()
    one = _seconds(call, 1)
    count = max(3, min(200, round(seconds / one)))
    plain = _seconds(call, count)
    with weft.profiler.profile(with_flops=True) as prof:
        times = []
        for _ in range(count):
            with weft.profiler.record_function("call"):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
    events = prof.events()
    calls = sum(event.cpu_time_total for event in events if event.name == "call")
    groups: Counter[str] = Counter()
    for event in events:
        is_step = event.name.startswith("Optimizer.step")
        group = "ops" if is_step else GROUPS.get(event.kind, "between")
        groups[group] += event.self_cpu_time_total
    rows = sorted(
        (row for row in prof.key_averages() if row.kind in GROUPS),
        key=lambda row: -row.self_cpu_time_total,
    )
    if pictures is not None:
        _draw(weft, name, call, pictures)
    return {
        "what": name,
        "plain_s": plain,
        "profiled_s": statistics.median(times),
        "events": sum(1 for event in events if event.kind in GROUPS) / count,
        "shares": {group: groups[group] / calls for group in COLUMNS},
        "rows": [
            {
                "name": row.key,
                "kind": row.kind,
                "share": row.self_cpu_time_total / calls,
                "self_s": row.self_cpu_time_total / count / 1e6,
                "count": row.count / count,
                "flops": row.flops / count,
            }
            for row in rows[:ROWS]
        ],
    }


def _seconds(call: Callable[[], Any], count: int) -> float:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _draw(weft: Any, name: str, call: Callable[[], Any], folder: Path) -> None:
    with weft.profiler.profile(record_shapes=True, profile_memory=True, with_modules=True) as prof:
        call()
    prof.export_flame_graph(folder / f"{_stem(name)}.svg", title=name)
    prof.export_chrome_trace(folder / f"{_stem(name)}.json.gz")


def _stem(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def on_page(page: str, result: dict[str, Any]) -> str:
    """Return the guide's page with the table of a result in its place."""
    lines = [
        "| network | a call | ops | rules | Python | the most of it |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for one in result["networks"]:
        ops, rules = one["shares"]["ops"], one["shares"]["rules"]
        first = ", ".join(f"`{row['name']}` {row['share']:.0%}" for row in one["rows"][:3])
        lines.append(
            f"| {one['what']} | {_time(one['plain_s'])} | {ops:.0%} | {rules:.0%} | "
            f"{1 - ops - rules:.0%} | {first} |"
        )
    lines += ["", f"Measured {result['measured'][:10]} on {result['machine']['processor']}, "]
    lines[-1] += f"threads: {result['settings']['OMP_NUM_THREADS']}, {result['clock']}."
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "\n".join([f"{before}{_BEGIN}", *lines, f"{_END}{after}"])


def markdown(result: dict[str, Any]) -> str:
    """Return the profiles as tables: all networks, then the largest rows of each."""
    found = result["networks"]
    lines = [
        "# profiles",
        "",
        "Where weft's time goes in each network of the benchmarks. *ops* and *rules* are forward",
        "ops and backward rules, with their kernels; *functions* the Python of functions that are",
        "made of ops; *tape* that of the backward pass; *between* that of modules and of the",
        "network's own code. An event costs some microseconds, most of which falls on what is",
        "around it: where the second time is far above the first, the shares of Python are too",
        "large.",
        "",
        f"| network | a call | with the profile | events | {' | '.join(COLUMNS)} |",
        f"|---|--:|--:|--:|{'--:|' * len(COLUMNS)}",
    ]
    for one in found:
        shares = " | ".join(_percent(share) for share in one["shares"].values())
        lines.append(
            f"| {one['what']} | {_time(one['plain_s'])} | {_time(one['profiled_s'])} | "
            f"{one['events']:.0f} | {shares} |"
        )
    for one in found:
        lines += [
            "",
            f"## {one['what']}",
            "",
            "| name | kind | share | self time | calls | GFLOP/s |",
            "|---|---|--:|--:|--:|--:|",
        ]
        for row in one["rows"]:
            rate = f"{row['flops'] / row['self_s'] / 1e9:.0f}" if row["flops"] else ""
            lines.append(
                f"| `{row['name']}` | {row['kind']} | {_percent(row['share'])} | "
                f"{_time(row['self_s'])} | {row['count']:g} | {rate} |"
            )
    lines += ["", f"Measured {result['measured']} by `python -m benchmarks.profiles`,"]
    lines += [f"{result['clock']}.", ""]
    lines += [f"- {key}: {value}" for key, value in result["machine"].items()]
    lines += ["", *(f"- `{key}={value}`" for key, value in result["settings"].items())]
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} us"


if __name__ == "__main__":
    sys.exit(main())
