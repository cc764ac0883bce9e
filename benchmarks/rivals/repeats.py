"""How often a turn of measuring repeats a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def repeats_for(call: Callable[[], Any], round_s: float) -> tuple[int, float]:
    """Return how many calls fill a turn, and how long one takes; it has been called before."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - start
        if taken >= round_s / 4 or count >= 1_000_000:
            one = taken / count
            return max(1, round(round_s / max(one, 1e-9))), one
        count *= 4
