"""Watching: functions that see each op of a thread after it has run.

While nobody watches, nothing is asked: the plain path of an op has no check for it. The first
watcher of any thread turns that path aside, and the last one to go puts it back:

- The short paths of the op families are diverted, so that every call goes through
  :mod:`weft._core.dispatch`. They compare dtypes with two names of their module; a module names
  them with :func:`short_path`, and they are None meanwhile.
- Around ``finish`` and ``_finish_several``, in which each dispatched call ends, the function below
  tells this thread's watchers (:mod:`weft._core.joints`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from weft._core import dispatch
from weft._core.joints import Joint
from weft._core.modes import here
from weft._core.node import Node, Pick
from weft._core.op import Op
from weft._core.tensor import Tensor

#: ``watcher(op, args, params, result)``, where the result is a tensor or a tuple of them.
Watcher = Callable[[Op, tuple[Any, ...], dict[str, Any], Any], None]

_lock = threading.Lock()
_closers = 0  # those who want the short paths closed, in all threads
#: Modules' globals, each with the names that are None while the short path is closed.
_paths: list[tuple[dict[str, Any], dict[str, Any]]] = []
_ENDS = (Joint(vars(dispatch), "finish"), Joint(vars(dispatch), "_finish_several"))


def short_path(scope: dict[str, Any], *names: str) -> None:
    """Say what closes a module's short path.

    Args:
        scope: the module's ``globals()``.
        names: its global names with which the path compares dtypes; None closes it.
    """
    with _lock:
        open_values = {name: scope[name] for name in names}
        _paths.append((scope, open_values))
        if _closers:
            scope.update(dict.fromkeys(open_values))


def close_short_paths() -> None:
    """Make every op of every thread go through dispatch, until :func:`open_short_paths`."""
    global _closers
    with _lock:
        _closers += 1
        if _closers == 1:
            for scope, open_values in _paths:
                scope.update(dict.fromkeys(open_values))


def open_short_paths() -> None:
    """Undo one :func:`close_short_paths`."""
    global _closers
    with _lock:
        _closers -= 1
        if _closers == 0:
            for scope, open_values in _paths:
                scope.update(open_values)


def watch(watcher: Watcher) -> None:
    """Call ``watcher`` after each op of this thread, before earlier ones, until :func:`unwatch`.

    Ops that a watcher runs itself are not watched.
    """
    here.watchers = (watcher, *here.watchers)
    close_short_paths()
    for end in _ENDS:
        end.enter(_finish)


def unwatch(watcher: Watcher) -> None:
    """Call ``watcher`` no more; the latest entry of it, if it was given several times."""
    held = list(here.watchers)
    held.remove(watcher)
    here.watchers = tuple(held)
    for end in _ENDS:
        end.leave(_finish)
    open_short_paths()


def node_of(result: Any) -> Node | None:
    """Return the node that a call left behind, of its result or results; None if it left none."""
    for out in (result,) if isinstance(result, Tensor) else result:
        if out._node is not None:
            made = out._node
            return made.node if isinstance(made, Pick) else made
    return None


def _finish(
    finish: Any, op: Op, args: tuple[Any, ...], params: dict[str, Any], data: Any, record: bool
) -> Any:
    result = finish(op, args, params, data, record)
    if here.watchers:
        tell(op, args, params, result)
    return result


def tell(op: Op, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
    """Tell this thread's watchers of a call; for calls that do not end in dispatch."""
    watchers = here.watchers
    here.watchers = ()  # what a watcher computes is its own affair
    try:
        for watcher in watchers:
            watcher(op, args, params, result)
    finally:
        here.watchers = watchers
