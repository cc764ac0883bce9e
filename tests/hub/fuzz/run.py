"""Runs seeded cases of one reader in this process, and says what was not as it must be."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.hub.fuzz.reader import ACCEPTED, Reader
from tests.hub.fuzz.watch import Watch
from weft.io._checksums import crc32


@dataclass
class Figures:
    """What came of some cases.

    Attributes:
        reader: its name.
        cases: how many.
        outcomes: `ACCEPTED` or the name of the typed error, and how often.
        broken: each seed whose case was not as it must be, and why.
        seconds: how long they took.
        slowest_s: the longest case, in the processor's time.
    """

    reader: str
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    slowest_s: float = 0.0

    @property
    def accepted(self) -> int:
        """How many inputs were taken."""
        return self.outcomes[ACCEPTED]

    @property
    def refused(self) -> int:
        """How many were refused by a typed error."""
        return self.outcomes.total() - self.accepted


def chance(reader: Reader, seed: int) -> random.Random:
    """Return where the chance of a case comes from."""
    return random.Random(f"{reader.name} {seed}")


def run_cases(
    reader: Reader,
    seeds: Iterable[int],
    watch: Watch,
    *,
    before: Callable[[int], None] = lambda seed: None,
) -> Figures:
    """Run cases.

    Args:
        reader: what reads.
        seeds: each makes one case, always the same.
        watch: sees what a case does.
        before: called with each seed before its case.
    """
    crc32(memoryview(bytes(1 << 16)))  # its kernel is loaded by the first that is so large
    figures = Figures(reader.name)
    began = time.perf_counter()
    for seed in seeds:
        before(seed)
        draw = chance(reader, seed)
        read = reader.ready(reader.make(draw), draw)
        at = time.process_time()
        outcome = "broken"
        with watch.case() as broken:
            try:
                outcome = read()
            except Exception as error:
                broken.append(_told(error))
        figures.slowest_s = max(figures.slowest_s, time.process_time() - at)
        figures.cases += 1
        if broken:
            figures.broken.append((seed, "; ".join(broken)))
        else:
            figures.outcomes[outcome] += 1
    figures.seconds = time.perf_counter() - began
    return figures


def _told(error: BaseException) -> str:
    """Return what an exception says, and where in the repository it came from."""
    lines = traceback.extract_tb(error.__traceback__)
    here = [line for line in lines if "site-packages" not in line.filename][-3:]
    at = " < ".join(f"{Path(line.filename).name}:{line.lineno}" for line in reversed(here))
    return f"{type(error).__name__}: {' '.join(str(error).split())[:600]} ({at})"
