"""Run the cases of a module: one process for each library, only one of them running at a time.

A library's idle threads may spin for a while after a call and so slow whoever runs next. Here the
processes that are not at their turn are stopped by a signal, where the system has one for that.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.measure import Row, asked, row_of
from benchmarks.rivals.case import Case, cases_of, library_of
from benchmarks.rivals.results import Compared, disagreement, stored
from benchmarks.tables import seconds_text

#: The table of the same rows in processes to which no allocator was named and no threads.
SHIPPED = "As shipped"
BASELINE = "torch"
#: How long all turns of one rival in one row last, about; a single call may take longer.
ROW_S = 0.22
FEWEST, MOST = 5, 9
#: How long a process may take to answer: the first call of a compiled network takes some seconds.
PATIENCE_S = 180.0


class Stopped(RuntimeError):
    """A rival's process could not do what it was asked."""


class Process:
    """A worker's process from the outside. It runs only while it is being asked something."""

    def __init__(self, library: str, module: str, *, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.rivals.worker", library, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Send an order and return the answer.

        Raises:
            Stopped: the process ended, or answered with an error.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._signal("SIGCONT")
        line = ""
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
            if select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
                line = self._process.stdout.readline()
            else:
                self._process.kill()
        except BrokenPipeError:
            pass  # it has ended: there is no line
        if not line:
            raise Stopped(f"the process ended with status {self._process.wait()}")
        self._signal("SIGSTOP")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Stopped(answer["error"])
        return answer

    def ended(self) -> bool:
        """Return whether the process is no more."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Let the process end."""
        self._signal("SIGCONT")
        self._process.communicate()

    def _signal(self, name: str) -> None:
        if hasattr(signal, name) and self._process.poll() is None:
            os.kill(self._process.pid, getattr(signal, name))


def measured(
    module: str,
    *,
    shipped: bool = True,
    rounds: int | None = None,
    containing: str = "",
    clock: str = "seconds",
) -> Iterator[Row]:
    """Yield the rows of a module's cases.

    Args:
        module: its import name; its ``cases()`` lists them.
        shipped: measure weft and PyTorch a second time in processes without any settings.
        rounds: how many turns each rival gets; by default as many as fit into :data:`ROW_S`.
        containing: only the cases whose names contain this.
        clock: which of the times of a turn is taken, ``"seconds"`` or ``"processor_s"``.
    """
    with Rivals(module, clock) as rivals:
        for case in cases_of(module).values():
            if containing in case.what:
                yield from rivals.rows(case, shipped=shipped, rounds=rounds)


class Rivals:
    """The processes of a module's rivals, started when a case first needs them."""

    def __init__(self, module: str, clock: str = "seconds") -> None:
        self._module, self.clock = module, clock
        self._processes: dict[tuple[str, bool], Process] = {}

    def __enter__(self) -> Rivals:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.close()

    def rows(self, case: Case, *, shipped: bool, rounds: int | None = None) -> Iterator[Row]:
        """Yield the row of a case, and that of the same as shipped."""
        sides = [(rival, False) for rival in case.makers]
        if shipped:
            sides += [(rival, True) for rival in case.makers if rival in ("weft", BASELINE)]
        failed: dict[tuple[str, bool], str] = {}
        ready: dict[tuple[str, bool], tuple[list[Compared], float]] = {}
        for side in sides:
            try:
                ready[side] = self.prepared(case, side)
            except Stopped as reason:
                failed[side] = str(reason)
        failed |= _disagreements(case, {side: result for side, (result, _) in ready.items()})
        running = [side for side in ready if side not in failed]
        samples: dict[tuple[str, bool], list[float]] = {side: [] for side in running}
        slowest = max((seconds for _, seconds in ready.values()), default=0.0)
        for _ in range(rounds or _rounds_for(slowest)):
            for side in running:
                if side not in failed:
                    try:
                        samples[side].append(self._ask(side, "turn", rival=side[0])[self.clock])
                    except Stopped as reason:
                        failed[side] = str(reason)
        for process in self._processes.values():
            process.ask("drop")
        for table in (False, True)[: 1 + shipped]:
            rows = {
                rival: samples[rival, of]
                for rival, of in running
                if of is table and (rival, of) not in failed
            }
            notes = {rival: reason for (rival, of), reason in failed.items() if of is table}
            if rows or notes:
                row = row_of(case.what, rows, baseline=BASELINE)
                yield replace(row, table=SHIPPED if table else case.table, failed=notes)

    def prepared(self, case: Case, side: tuple[str, bool]) -> tuple[list[Compared], float]:
        """Return a rival's first results, and how long a later call takes.

        Raises:
            Stopped: it could not run the case.
        """
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.npz"
            said = self._ask(
                side,
                "prepare",
                what=case.what,
                rival=side[0],
                round_s=ROW_S / MOST,
                results=str(results),
            )
            return stored(results), float(said["call_s"])

    def _ask(self, side: tuple[str, bool], do: str, **order: Any) -> dict[str, Any]:
        process = self._process(side)
        try:
            return process.ask(do, **order)
        finally:
            if process.ended():  # the next case gets a new one
                del self._processes[library_of(side[0]), side[1]]
                process.close()

    def _process(self, side: tuple[str, bool]) -> Process:
        rival, shipped = side
        key = (library_of(rival), shipped)
        if key not in self._processes:
            self._processes[key] = Process(
                key[0], self._module, environment=machine.shipped() if shipped else {**os.environ}
            )
        return self._processes[key]


def _rounds_for(call_s: float) -> int:
    return max(FEWEST, round(ROW_S / max(call_s, ROW_S / MOST)))


def _disagreements(case: Case, results: dict[tuple[str, bool], Any]) -> dict[tuple[str, bool], str]:
    """Return how each rival's results differ from PyTorch's, where they do."""
    found = {}
    for side, result in results.items():
        wanted = results.get((BASELINE, side[1]))
        if wanted is not None:
            reason = disagreement(result, wanted, tolerance=case.tolerance)
            if reason:
                found[side] = reason
    return found


def measured_as_asked(module: str, *, shipped: bool = True) -> Iterator[Row]:
    """Yield the rows that the command line asks for, and show each on standard error as it comes.

    After a median stand its ratio to the baseline's and, for a busy machine, that of the fastest
    turns.
    """
    options = asked()
    rows = measured(
        module,
        shipped=shipped and not options.quick,
        rounds=FEWEST if options.quick else None,
        containing=options.rows,
        clock="processor_s" if options.processor_time else "seconds",
    )
    for row in rows:
        base = row.baseline
        shown = ", ".join(
            f"{name} {seconds_text(value)}"
            + (
                f" ({value / row.seconds[base]:.2f}, {row.fastest[name] / row.fastest[base]:.2f})"
                if name != base and base in row.seconds
                else ""
            )
            for name, value in row.seconds.items()
        )
        failed = "".join(f"; {name} FAILED: {why}" for name, why in row.failed.items())
        print(f"{time.strftime('%H:%M:%S')} {row.what}: {shown}{failed}", file=sys.stderr)
        yield row
