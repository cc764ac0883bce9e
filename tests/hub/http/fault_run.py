"""Seeded cases of all that breaks a download: `python -m tests.hub.http.fault_run --cases 500`.

In each case processes of their own download one file, or twelve small ones, from a server on
loopback that misbehaves as the seed says; some are killed, some find the disk full, some share the
cache with seven others.
After each case every blob in the cache must be the right one, each process must have ended with the
whole file or with one typed error of one line, and a last download from the server as it should be
must give the file. The figures are printed as Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hub.attacks.stage import Stage
from tests.hub.http.fault_client import client
from tests.hub.http.faults import KINDS, Fault, certificates, serving

WAYS = ("faults", "faults", "faults", "kill", "disk full", "eight clients", "many files")
_MANY_WAYS = ("faults", "faults", "kill", "disk full", "eight clients")
HANG_S = 180.0
PRELOAD = ["tests.hub.http.fault_client", "weft_hub", "requests", "urllib3"]


@dataclass
class Case:
    """What came of one case.

    Attributes:
        seed: makes the same case again.
        way: one of `WAYS`.
        met: the kinds of faults that were met.
        outcomes: `whole`, `killed` or the name of the error, for each process.
        broken: what was not as it must be; empty when all was well.
        seconds: how long it took.
    """

    seed: int
    way: str
    met: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run_case(seed: int, root: Path, way: str | None = None) -> Case:
    """Run the case of `seed` in the folder `root`, which must be empty."""
    rng = random.Random(seed)
    case = Case(seed, way or WAYS[seed % len(WAYS)])
    began = time.monotonic()
    way = case.way
    if way == "many files":
        way = rng.choice(_MANY_WAYS)
        sizes = [rng.choice([1, 700, 10_000, 65_536, 70_000]) for _ in range(12)]
    else:
        sizes = [rng.choice([1, 700, 30_000, 120_000, 400_000])]
    files = {f"{n:02}.bin": rng.randbytes(size) for n, size in enumerate(sizes)}
    largest = max(sizes)
    tls = certificates() if rng.random() < 0.5 else None
    stage = Stage(root)
    paths = {f"/{place}/{name}": files[name] for place in ("w", "mirror") for name in files}
    with serving(paths, tls=tls) as server:
        server.etag = rng.choice([True, True, False])
        server.pause_s = rng.choice([0.0, 0.0, 0.01])
        places = ["w", "mirror"][: rng.choice([1, 1, 2])]
        _enter(stage, files, [f"{server.url}/{place}" for place in places])
        faults = [
            Fault(
                rng.choice(KINDS),
                rng.randrange(largest),
                status=rng.choice([429, 500, 502, 503, 404]),
                retry_after=rng.choice([None, "0", "1", "999999", "soon"]),
            )
            for _ in range(rng.choice([0, 1, 1, 2, 4, 8]) + (way == "faults"))
        ]
        server.script(*faults)
        settings = {
            "WEFT_HUB_STALL_TIMEOUT": "0.2",
            "WEFT_HUB_CONNECT_TIMEOUT": "0.3",
            "WEFT_HUB_CONNECTIONS": str(rng.choice([1, 2, 4])),
            "WEFT_HUB_RETRIES": str(rng.choice([0, 2, 5])),
            "WEFT_HUB_TOKENS": str(root / "tokens.json"),
            "REQUESTS_CA_BUNDLE": str(certificates().authority),
        }
        running = _Clients(case, settings, stage, b"".join(files.values()))
        if way == "kill":
            server.pause_s = 0.02
            running.one(kill_after_s=rng.uniform(0.0, 0.4))
        elif way == "disk full":
            running.one(most_bytes=rng.randrange(largest))
        elif way == "eight clients":
            running.several(8)
        else:
            running.one()
        case.met = [fault.kind for fault in faults[: len(faults) - server.left]]
        server.script()
        server.pause_s = 0.0
        # Nothing fails any more, so nothing but a busy machine could make a client give up.
        running.settings |= {
            "WEFT_HUB_STALL_TIMEOUT": "60",
            "WEFT_HUB_CONNECT_TIMEOUT": "60",
            "WEFT_HUB_RETRIES": "5",
        }
        healed = running.one(counts=False)
        if healed != "whole":
            case.broken.append(f"a last download without faults ended with {healed}")
    case.seconds = time.monotonic() - began
    return case


def _enter(stage: Stage, files: Mapping[str, bytes], places: list[str]) -> None:
    """Write the entry `a/line` of these files, each with a source at each of `places`."""
    tables = [
        {
            "name": name,
            "role": "extra" if n else "weights",
            "format": "other" if n else "pytorch",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "sources": [f"{place}/{name}" for place in places],
        }
        for n, (name, content) in enumerate(files.items())
    ]
    stage.entry("a/line", b"", files=tables)


class _Clients:
    """Starts clients, and looks at what they left."""

    def __init__(
        self, case: Case, settings: Mapping[str, str], stage: Stage, content: bytes
    ) -> None:
        self._case = case
        self.settings = dict(settings)
        self._stage = stage
        self._content = content
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    def one(
        self,
        *,
        kill_after_s: float | None = None,
        most_bytes: int | None = None,
        counts: bool = True,
    ) -> str:
        process, said = self._start(most_bytes)
        if kill_after_s is not None:
            process.join(kill_after_s)
            process.kill()
        return self._end(process, said, killed=kill_after_s is not None, counts=counts)

    def several(self, count: int) -> None:
        started = [self._start(None) for _ in range(count)]
        for process, said in started:
            self._end(process, said)

    def _start(self, most_bytes: int | None) -> tuple[Any, Connection]:
        said, told = self._context.Pipe(duplex=False)
        cache, index = str(self._stage.cache), str(self._stage.index)
        process = self._context.Process(
            target=client, args=(self.settings, cache, index, most_bytes, told), daemon=True
        )
        process.start()
        told.close()
        return process, said

    def _end(
        self, process: Any, said: Connection, *, killed: bool = False, counts: bool = True
    ) -> str:
        outcome, text = "killed", ""
        with said, contextlib.suppress(EOFError):
            if said.poll(HANG_S):
                outcome, text = said.recv()
            else:
                outcome = "hang"
        process.join(HANG_S if outcome != "hang" else 0)
        if process.is_alive():
            process.kill()
            process.join()
        broken = self._case.broken
        if outcome in ("crash", "hang") or (outcome == "killed" and not killed):
            broken.append(f"{outcome}: {text}")
        if outcome == "whole" and text != hashlib.sha256(self._content).hexdigest():
            broken.append("another file was given")
        if outcome not in ("whole", "killed") and ("\n" in text or not text):
            broken.append(f"a message that is not one line: {text!r}")
        self._look_into_the_cache()
        if counts:
            self._case.outcomes.append(outcome)
        return str(outcome)

    def _look_into_the_cache(self) -> None:
        for path in self._stage.cache.glob("blobs/*"):
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
                self._case.broken.append(f"a wrong file in the cache: {path.name}")


def table(cases: list[Case]) -> str:
    """Return the figures of `cases` as a Markdown table."""
    rows = ["| way | cases | whole file | typed error | killed | broken | longest |"]
    rows.append("|---|---|---|---|---|---|---|")
    for way in dict.fromkeys(WAYS):
        of = [case for case in cases if case.way == way]
        if not of:
            continue
        ends = Counter(outcome for case in of for outcome in case.outcomes)
        errors = sum(ends.values()) - ends["whole"] - ends["killed"]
        broken = sum(bool(case.broken) for case in of)
        longest = max(case.seconds for case in of)
        rows.append(
            f"| {way} | {len(of)} | {ends['whole']} | {errors} | {ends['killed']} | {broken} | "
            f"{longest:.1f} s |"
        )
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the cases and print the figures; the exit code is 1 if one is broken."""
    parser = argparse.ArgumentParser(prog="fault_run", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args(arguments)
    cases = []
    for seed in range(options.first, options.first + options.cases):
        with tempfile.TemporaryDirectory(prefix="weft-hub-faults-") as folder:
            cases.append(run_case(seed, Path(folder)))
        if cases[-1].broken:
            print(f"seed {seed}: {cases[-1]}", flush=True)
        elif seed % 25 == 24:
            print(f"... {len(cases)} cases", file=sys.stderr, flush=True)
    print(table(cases))
    errors = Counter(outcome for case in cases for outcome in case.outcomes)
    print("\noutcomes:", ", ".join(f"{name} {count}" for name, count in errors.most_common()))
    met = Counter(kind for case in cases for kind in case.met)
    print("faults met:", ", ".join(f"{name} {count}" for name, count in met.most_common()))
    return 1 if any(case.broken for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
