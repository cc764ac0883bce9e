"""Modes: what changes how every op of a thread runs, behind one check on the plain path.

``flags.any`` counts the modes entered in all threads together. While it is 0, which is the plain
path, an op reads nothing else; otherwise it asks ``here`` for its own thread's settings.
"""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, TypeVar

_Self = TypeVar("_Self", bound="GradMode")


class Flags:
    """The process-wide count of modes that are entered."""

    __slots__ = ("any",)

    def __init__(self) -> None:
        self.any = 0


class Here(threading.local):
    """The modes of the current thread. Class attributes are the plain settings."""

    grad: bool = True
    inference: bool = False
    level: int = 0  # how many function transforms are entered


flags = Flags()
here = Here()
_lock = threading.Lock()


def enter() -> None:
    """Count one more mode; the caller sets its own fields of ``here``."""
    with _lock:
        flags.any += 1


def leave() -> None:
    """Count one mode less."""
    with _lock:
        flags.any -= 1


class GradMode(ContextDecorator):
    """Base of the context managers that switch recording on or off in the current thread."""

    _grad: bool
    _inference: bool | None = None

    def __init__(self) -> None:
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self: _Self) -> _Self:
        enter()
        self._before.append((here.grad, here.inference))
        here.grad = self._grad
        if self._inference is not None:
            here.inference = self._inference
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here.grad, here.inference = self._before.pop()
        leave()

    def _recreate_cm(self) -> GradMode:
        # A decorated function enters a manager of its own at each call, in whichever thread.
        return type(self)()


class no_grad(GradMode):
    """Ops inside record no graph, so their results need no gradient. Also a decorator."""

    _grad = False


class enable_grad(GradMode):
    """Ops inside record a graph again, within an outer ``no_grad``. Also a decorator."""

    _grad = True


class inference_mode(GradMode):
    """``no_grad`` for code that never differentiates its results. Also a decorator.

    Args:
        mode: ``False`` makes it do nothing, so that a flag can decide.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def __enter__(self) -> inference_mode:
        self._grad = here.grad and not self._mode
        self._inference = here.inference or self._mode
        return super().__enter__()

    def _recreate_cm(self) -> inference_mode:
        return inference_mode(self._mode)


class set_grad_enabled(GradMode):
    """Switch recording on or off: at once when called, until exit when used in ``with``."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._mode = mode
        self._at_call = here.grad
        self._set(mode)

    def _set(self, mode: bool) -> None:
        # A call that outlives no `with` keeps the count up while recording is off in the thread.
        if here.grad and not mode:
            enter()
        elif mode and not here.grad:
            leave()
        here.grad = mode

    def __enter__(self) -> set_grad_enabled:
        return self

    def __exit__(self, *_: Any) -> None:
        self._set(self._at_call)

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self._mode)

    def __call__(self, function: Any) -> Any:
        self._set(self._at_call)  # decorating a function must not switch anything by itself
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether ops of this thread record a graph."""
    return here.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return here.inference
