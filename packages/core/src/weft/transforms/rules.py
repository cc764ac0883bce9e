"""Watching backward rules: functions that run around each rule that the tape applies in a thread.

As with :mod:`weft._core.watching`, nothing is asked while nobody watches: the tape's functions that
apply a rule, and that add to a gradient in place, are exchanged when the first watcher comes and
put back when the last one goes.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import add_into
from weft._core.modes import here
from weft._core.node import Node
from weft.transforms import leaves, walk

#: ``around(run, node, g, wanted)``, which returns ``run(node, g, wanted)`` or what stands for it.
Around = Callable[..., Sequence[Any]]
#: ``summed(before, value, after)``, arrays.
Summed = Callable[[Any, Any, Any], None]

_lock = threading.Lock()
_watching = 0
_plain = walk._cotangents
_plain_add = add_into


def watch_rules(around: Around, summed: Summed | None = None) -> None:
    """Run each backward rule of this thread within ``around``, until :func:`unwatch_rules`.

    Args:
        around: runs a rule.
        summed: told of each addition to a ``.grad`` in place.
    """
    global _watching
    here.rule_watchers = (*here.rule_watchers, (around, summed))
    with _lock:
        _watching += 1
        if _watching == 1:
            _exchange(_watched, _watched_add)


def unwatch_rules(around: Around, summed: Summed | None = None) -> None:
    """Undo the latest :func:`watch_rules` of the same functions."""
    global _watching
    held = list(reversed(here.rule_watchers))
    held.remove((around, summed))
    here.rule_watchers = tuple(reversed(held))
    with _lock:
        _watching -= 1
        if _watching == 0:
            _exchange(_plain, _plain_add)


def _exchange(cotangents: Any, add: Any) -> None:
    vars(walk)["_cotangents"] = cotangents
    vars(leaves)["add_into"] = add


def _watched_add(target: Any, value: Any) -> None:
    watchers = [summed for _, summed in here.rule_watchers if summed is not None]
    before = target.copy() if watchers else None
    _plain_add(target, value)
    for summed in watchers:
        summed(before, value, target)


def _watched(node: Node, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    run: Any = _plain
    for around, _ in here.rule_watchers:
        run = functools.partial(around, run)
    result: Sequence[Any] = run(node, g, wanted)
    return result
