"""Hooks of optimizers: around each step, and around saving and loading the state."""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft._core.hooks import RemovableHandle, enter

if TYPE_CHECKING:
    from weft.optim.optimizer import Optimizer

#: Hooks of every optimizer, by number.
before_all: OrderedDict[int, Any] = OrderedDict()
after_all: OrderedDict[int, Any] = OrderedDict()


class Hooks:
    """The hooks of one optimizer, by when they run."""

    __slots__ = (
        "after_load",
        "after_save",
        "after_step",
        "before_load",
        "before_save",
        "before_step",
        "running",
    )

    def __init__(self) -> None:
        self.before_step: OrderedDict[int, Any] = OrderedDict()
        self.after_step: OrderedDict[int, Any] = OrderedDict()
        self.before_save: OrderedDict[int, Any] = OrderedDict()
        self.after_save: OrderedDict[int, Any] = OrderedDict()
        self.before_load: OrderedDict[int, Any] = OrderedDict()
        self.after_load: OrderedDict[int, Any] = OrderedDict()
        self.running = False  # whether a step is under way: one that calls another's is one step


def add(hooks: OrderedDict[int, Any], hook: Any, *, first: bool = False) -> RemovableHandle:
    """Put a hook behind the others, or before them, and return its handle."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}: {hook!r}")
    handle = enter(hooks, hook)
    if first:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(
    hook: Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], Any],
) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before each step of every optimizer.

    Returning ``(args, kwargs)`` replaces what ``step`` is called with; the first of args is the
    optimizer.
    """
    return add(before_all, hook)


def register_optimizer_step_post_hook(
    hook: Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], None],
) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after each step of every optimizer."""
    return add(after_all, hook)


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a class's ``step`` with the hooks run around it."""

    @functools.wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        recording = sys.modules.get("weft.profiler._recording")
        if recording is not None and recording.active is not None:
            with recording.record_function(f"Optimizer.step#{type(self).__name__}.step"):
                return within(self, *args, **kwargs)
        return within(self, *args, **kwargs)

    def within(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True  # of which schedulers ask
        hooks = getattr(self, "_hooks", None)  # none around another optimizer, as accelerate has it
        if (
            hooks is None
            or hooks.running
            or not (before_all or after_all or hooks.before_step or hooks.after_step)
        ):
            return step(self, *args, **kwargs)
        hooks.running = True
        try:
            whole: tuple[Any, ...] = (self, *args)
            for hook in (*before_all.values(), *hooks.before_step.values()):
                changed = hook(self, whole, kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"{type(self).__name__}.step: a pre-hook must return None or a pair of "
                        f"new args and kwargs, {hook!r} returned {changed!r:.80}"
                    )
                whole, kwargs = changed
            out = step(*whole, **kwargs)
            for hook in (*hooks.after_step.values(), *after_all.values()):
                hook(self, whole, kwargs)
            return out
        finally:
            hooks.running = False

    run.hooked = True  # type: ignore[attr-defined]  # as PyTorch marks it
    return run
