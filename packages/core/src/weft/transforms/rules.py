"""Watching backward rules: functions that run around each rule that the tape applies in a thread.

As with :mod:`weft._core.watching`, nothing is asked while nobody watches: watchers are around the
tape's functions that apply a rule and that add to a gradient in place (:mod:`weft._core.joints`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.joints import Joint
from weft._core.modes import here
from weft._core.node import Node
from weft.transforms import leaves, walk

#: ``around(run, node, g, wanted)``, which returns ``run(node, g, wanted)`` or what stands for it.
Around = Callable[..., Sequence[Any]]
#: ``summed(before, value, after)``, arrays.
Summed = Callable[[Any, Any, Any], None]

#: Where the tape applies a rule; where it adds to a gradient in place.
RULE = Joint(vars(walk), "_cotangents")
_SUM = Joint(vars(leaves), "add_into")
_plain = walk._cotangents


def watch_rules(around: Around, summed: Summed | None = None) -> None:
    """Run each backward rule of this thread within ``around``, until :func:`unwatch_rules`.

    Args:
        around: runs a rule.
        summed: told of each addition to a ``.grad`` in place.
    """
    here.rule_watchers = (*here.rule_watchers, (around, summed))
    RULE.enter(_watched)
    _SUM.enter(_watched_sum)


def unwatch_rules(around: Around, summed: Summed | None = None) -> None:
    """Undo the latest :func:`watch_rules` of the same functions."""
    held = list(reversed(here.rule_watchers))
    held.remove((around, summed))
    here.rule_watchers = tuple(reversed(held))
    RULE.leave(_watched)
    _SUM.leave(_watched_sum)


def _watched_sum(add: Any, target: Any, value: Any) -> None:
    watchers = [summed for _, summed in here.rule_watchers if summed is not None]
    before = target.copy() if watchers else None
    add(target, value)
    for summed in watchers:
        summed(before, value, target)


def _watched(run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    for around, _ in here.rule_watchers:
        run = functools.partial(around, run)
    result: Sequence[Any] = run(node, g, wanted)
    return result
