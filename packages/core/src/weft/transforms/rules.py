"""Watching backward rules: functions that run around each rule that the tape applies in a thread.

As with :mod:`weft._core.watching`, nothing is asked while nobody watches: the tape's function that
applies a rule is exchanged when the first watcher comes and put back when the last one goes.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.modes import here
from weft._core.node import Node
from weft.transforms import tape

#: ``around(run, node, g, wanted)``, which returns ``run(node, g, wanted)`` or what stands for it.
Around = Callable[..., Sequence[Any]]

_lock = threading.Lock()
_watching = 0
_plain = tape._cotangents


def watch_rules(around: Around) -> None:
    """Run each backward rule of this thread within ``around``, until :func:`unwatch_rules`."""
    global _watching
    here.rule_watchers = (*here.rule_watchers, around)
    with _lock:
        _watching += 1
        if _watching == 1:
            vars(tape)["_cotangents"] = _watched


def unwatch_rules(around: Around) -> None:
    """Undo the latest :func:`watch_rules` of the same function."""
    global _watching
    held = list(reversed(here.rule_watchers))
    held.remove(around)
    here.rule_watchers = tuple(reversed(held))
    with _lock:
        _watching -= 1
        if _watching == 0:
            vars(tape)["_cotangents"] = _plain


def _watched(node: Node, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    run: Any = _plain
    for around in here.rule_watchers:
        run = functools.partial(around, run)
    result: Sequence[Any] = run(node, g, wanted)
    return result
