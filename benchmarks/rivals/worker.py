"""The process of one rival: makes the calls of its cases, and runs one for a turn when told.

    python -m benchmarks.rivals.worker LIBRARY MODULE

It reads one JSON object a line and answers each with one. What a library prints goes to standard
error, so that nothing but answers is on the way back.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks import machine
from benchmarks.rivals.case import cases_of, load
from benchmarks.rivals.repeats import repeats_for
from benchmarks.rivals.results import store


class Worker:
    """The calls that are ready, by rival, each with how often a turn repeats it."""

    def __init__(self, library: str, module: str) -> None:
        if library == "jax.jit":
            _keep_to_threads()
        self._library = load(library)
        self._cases = cases_of(module)
        others = {"weft", "torch", "jax", "onnxruntime"} - {library.partition(".")[0]}
        if others & set(sys.modules):
            raise RuntimeError(f"{library}'s process has loaded {others & set(sys.modules)} too")
        self._ready: dict[str, tuple[Callable[[], Any], int]] = {}

    def prepare(self, what: str, rival: str, round_s: float, results: str) -> dict[str, Any]:
        """Make a call, keep its first results in a file, and find how often it fills a turn."""
        case = self._cases[what]
        call = case.makers[rival](self._library)
        store(results, case.result(call))
        count, seconds = repeats_for(call, round_s)
        self._ready[rival] = (call, count)
        return {"call_s": seconds, "count": count}

    def turn(self, rival: str) -> dict[str, Any]:
        """Run a call as often as fills a turn; return the seconds of one, also of the processor."""
        call, count = self._ready[rival]
        if count > 1:
            call()  # its code and data come back into the caches, its threads wake up
        start, used = time.perf_counter(), time.process_time()
        for _ in range(count):
            call()
        seconds, used = time.perf_counter() - start, time.process_time() - used
        return {"seconds": seconds / count, "processor_s": used / count}

    def drop(self) -> dict[str, Any]:
        """Forget the calls and free what they hold."""
        self._ready.clear()
        gc.collect()
        return {}


def _keep_to_threads() -> None:
    """Keep this process to as many processors as there are to be threads; JAX has no setting."""
    threads = int(os.environ.get("OMP_NUM_THREADS") or machine.default_threads())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main(library: str, module: str) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()  # no rival pays for a collection that another's objects brought about
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            order = json.loads(line)
            if worker is None:
                worker = Worker(library, module)
            answer = getattr(worker, order.pop("do"))(**order)
        except Exception as error:  # any rival's failure is the row's, and the others go on
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
