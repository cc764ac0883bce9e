"""Seeded damage to everything that the hub reads: `python -m tests.hub.fuzz --cases 1000`.

Each reader's cases run in a process of their own, whose memory is bounded and which is ended when
it is stuck; it is then started anew after the case that ended it. A case is made by its seed alone,
so `--first` goes on where a run stopped, and `--keep` writes the input of each finding. The figures
are printed as Markdown; the exit code is 1 if there was a finding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.hub.fuzz.readers import READERS, SHARES
from tests.hub.fuzz.run import Figures, chance, run_cases
from tests.hub.fuzz.watch import Watch, bound_this_process, expect_an_answer

_BLOCK = 2_000
_WARM = range(10**12, 10**12 + 300)
"""Cases of no run, after which every module that is loaded when first used is there."""
_MEMORY = Path("/dev/shm")  # files are written a hundred times faster there


def run_reader(name: str, first: int, count: int) -> Figures:
    """Run cases of one reader in processes of its own."""
    total = Figures(name)
    at, end = first, first + count
    while at < end:
        command = [sys.executable, "-m", "tests.hub.fuzz", "--worker", name, str(at), str(end)]
        began = at
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                said = json.loads(line)
                _add(total, said)
                at = said["next"]
        if worker.returncode and at < end:
            at = _find_the_end(total, name, at, worker.returncode)
        elif at == began:
            raise RuntimeError(f"the worker of {name} ended without a word")
    return total


def _find_the_end(total: Figures, name: str, at: int, code: int) -> int:
    """Run the cases of a block one by one, each in a process, up to the one that ends it."""
    for seed in range(at, at + _BLOCK):
        command = [
            sys.executable,
            "-m",
            "tests.hub.fuzz",
            "--worker",
            name,
            str(seed),
            str(seed + 1),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            total.cases += 1
            total.broken.append((seed, f"ended the process with {done.returncode}"))
            print(done.stderr[-3000:], file=sys.stderr)
            return seed + 1
        _add(total, json.loads(done.stdout.splitlines()[-1]))
    total.broken.append((at, f"the block ended with {code}, none of its cases alone does"))
    return at + _BLOCK


def _add(total: Figures, said: dict[str, object]) -> None:
    block = Figures(**said["figures"])  # type: ignore[arg-type]  # what a worker wrote
    total.cases += block.cases
    total.outcomes += Counter(block.outcomes)
    total.broken += [(seed, why) for seed, why in block.broken]
    total.seconds += block.seconds
    total.slowest_s = max(total.slowest_s, block.slowest_s)
    for seed, why in block.broken:
        print(f"{total.reader} {seed}: {why[:600]}", flush=True)
    print(f"... {total.reader}: {total.cases} cases", file=sys.stderr, flush=True)


def work(name: str, first: int, end: int) -> None:
    """Run cases in this process, and say after each block what came of it."""
    root = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=root) as folder, Watch.of_this_process() as watch:
        reader = READERS[name](Path(folder))
        run_cases(reader, _WARM, watch)
        bound_this_process()
        for at in range(first, end, _BLOCK):
            seeds = range(at, min(at + _BLOCK, end))
            figures = run_cases(reader, seeds, watch, before=lambda seed: expect_an_answer())
            print(json.dumps({"next": seeds.stop, "figures": vars(figures)}), flush=True)


def table(all_figures: list[Figures]) -> str:
    """Return figures as a Markdown table."""
    rows = ["| reader | cases | refused | accepted | findings | seconds | slowest case |"]
    rows.append("|---|---|---|---|---|---|---|")
    rows += [
        f"| {one.reader} | {one.cases:,} | {one.refused:,} | {one.accepted:,} | "
        f"{len(one.broken)} | {one.seconds:.0f} | {one.slowest_s:.2f} s |"
        for one in all_figures
    ]
    return "\n".join(rows)


def main() -> int:
    """Run cases of the readers that are named and print the figures."""
    parser = argparse.ArgumentParser(prog="tests.hub.fuzz", description=__doc__)
    parser.add_argument("--reader", action="append", choices=list(READERS), help="all by default")
    parser.add_argument("--cases", type=int, help="of each reader; its share of 1.4 million")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--keep", type=Path, help="where to write the input of each finding")
    parser.add_argument("--worker", nargs=3, metavar=("READER", "FIRST", "END"), help="internal")
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], int(options.worker[1]), int(options.worker[2]))
        return 0
    found = []
    for name in options.reader or READERS:
        figures = run_reader(name, options.first, options.cases or SHARES[name])
        found.append(figures)
        if options.keep and figures.broken:
            _keep(name, figures, options.keep)
        print(table([figures]).splitlines()[-1], flush=True)
    print("\n" + table(found))
    for one in found:
        print(f"{one.reader}: " + ", ".join(f"{n} {c}" for n, c in one.outcomes.most_common()))
    print(f"in all: {sum(one.cases for one in found):,} cases")
    return 1 if any(one.broken for one in found) else 0


def _keep(name: str, figures: Figures, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work_folder:
        reader = READERS[name](Path(work_folder))
        for seed, _ in figures.broken[:100]:
            (folder / f"{name}-{seed}").write_bytes(reader.make(chance(reader, seed)))


if __name__ == "__main__":
    sys.exit(main())
