"""The user's lines with the time spent in each, as programs that draw flame graphs read them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from weft.io._atomic import written_atomically

#: What the format keeps for itself.
_RESERVED = str.maketrans(" ;\t\n", "____")


def write_stacks(events: Sequence[Any], path: str | os.PathLike[str], metric: str) -> None:
    """Write one line for each stack: the lines of code from the outermost in, and the time.

    Raises:
        ValueError: no event has a stack.
    """
    totals: Counter[str] = Counter()
    for event in events:
        if event.stack:
            stack = ";".join(line.translate(_RESERVED) for line in reversed(event.stack))
            totals[stack] += getattr(event, metric)
    if not totals:
        raise ValueError("export_stacks: the events have no stacks; profile with with_stack=True")
    text = "".join(f"{stack} {int(time)}\n" for stack, time in totals.items() if int(time) > 0)
    with written_atomically(path) as file:
        file.write(text.encode())
