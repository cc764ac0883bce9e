"""Modes: what changes how every op of a thread runs, behind one check on the plain path.

``flags.any`` counts the threads whose settings are not the plain ones. While it is 0, which is the
plain path, an op reads nothing else; otherwise it asks ``here`` for its own thread's settings.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ContextDecorator
from types import TracebackType
from typing import Any, TypeVar

_Self = TypeVar("_Self", bound="GradMode")


class Flags:
    """Counts of the threads whose settings are not the plain ones.

    Attributes:
        any: those that do not record, or are in ``inference_mode``.
        inference: those that are in ``inference_mode``.
        rank: those that guard against broadcasting between different numbers of dims.
    """

    __slots__ = ("any", "inference", "rank")

    def __init__(self) -> None:
        self.any = 0
        self.inference = 0
        self.rank = 0


class Here(threading.local):
    """The modes of the current thread. Class attributes are the plain settings."""

    grad: bool = True  # whether ops record: never in inference_mode, whatever was asked for
    asked: bool = True  # whether they do outside of inference_mode
    inference: bool = False
    differentiating: bool = False  # whether a transform differentiates the function that runs
    # The batches of vmap that a random draw is to respect, the innermost last: `_core/drawn.py`.
    batches: tuple[Any, ...] = ()
    duals: tuple[int, ...] = ()  # the levels of forward mode that are entered by hand
    forward: bool = True  # whether ops compute tangents in those
    rank: str = "allow"  # what broadcasting between different numbers of dims does
    # Where tensors are made that name no device, the innermost `with device` last. The first is
    # what set_default_device set; None is the CPU.
    devices: tuple[Any, ...] = (None,)
    watchers: tuple[Any, ...] = ()  # who sees each op, see _core/watching.py
    nan_allowed: int = 0  # how many blocks are entered that may make NaN
    rule_watchers: tuple[Any, ...] = ()  # who runs around each backward rule
    replaying: tuple[Any, ...] = ()  # second runs of selective checkpoints, the innermost last
    saving: tuple[Any, ...] = ()  # pairs of hooks on what the tape saves, see _core/saving.py
    copying: bool = False  # whether saved tensors are copied, so that they may be written to
    anomaly: bool | None = None  # in anomaly mode, whether backward passes look for NaN
    differentiated: Any = None  # in anomaly mode, the node whose rule is running
    parallel: bool = True  # what set_multithreading_enabled was told
    hooks_refused: str | None = None  # why no more of them may be given


flags = Flags()
here = Here()
#: What makes a block in which a mode of a public package is as it is now: entered where a function
#: is run again that ran before.
carried: list[Callable[[], AbstractContextManager[Any]]] = []
_lock = threading.Lock()


def switch(grad: bool, inference: bool) -> None:
    """Change the settings of this thread, and the count if it joins or leaves the plain ones.

    The count follows the settings and not the context managers, which may be mixed with bare calls
    of :class:`set_grad_enabled` in any order.
    """
    was_recording, was_inference = here.grad, here.inference
    records = grad and not inference
    here.grad, here.asked, here.inference = records, grad, inference
    if was_recording is not records or was_inference is not inference:
        with _lock:
            flags.any += was_recording - records
            flags.inference += inference - was_inference


class GradMode(ContextDecorator):
    """Base of the context managers that switch recording on or off in the current thread."""

    _grad: bool
    _inference: bool | None = None

    def __init__(self) -> None:
        self._before: list[tuple[bool, bool]] = []

    def __new__(cls: type[_Self], function: Any = None, *_: Any, **__: Any) -> Any:
        # `@weft.no_grad` without parentheses decorates, as in PyTorch.
        if callable(function):
            return cls()(function)
        return super().__new__(cls)

    def __enter__(self: _Self) -> _Self:
        self._before.append((here.asked, here.inference))
        switch(self._grad, here.inference if self._inference is None else self._inference)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        switch(*self._before.pop())

    def __call__(self, function: Any) -> Any:
        """Return the function run under the mode; of a generator function, each step of it."""
        if inspect.isgeneratorfunction(function):
            return _stepwise(self._recreate_cm, function)
        return super().__call__(function)

    def _recreate_cm(self) -> GradMode:
        # A decorated function enters a manager of its own at each call, in whichever thread.
        return type(self)()


def _stepwise(mode: Callable[[], GradMode], function: Any) -> Any:
    """Wrap a generator function so that the mode holds while it runs, and not while it waits."""

    @functools.wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, inner)
        try:
            while True:
                try:
                    with mode():
                        value = step()
                except StopIteration as end:
                    return end.value
                try:
                    step = functools.partial(inner.send, (yield value))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = functools.partial(inner.throw, error)
        finally:
            with mode():
                inner.close()

    return steps


class no_grad(GradMode):
    """Ops inside record no graph, so their results need no gradient. Also a decorator."""

    _grad = False


class enable_grad(GradMode):
    """Ops inside record a graph again, within an outer ``no_grad``. Also a decorator.

    Within an outer :class:`inference_mode` they record none, as in PyTorch.
    """

    _grad = True


class differentiating(GradMode):
    """The mode of a function that a transform differentiates: recorded in ``inference_mode`` too.

    What was made in that mode may be saved meanwhile.
    """

    _grad = True
    _inference = False

    def __init__(self) -> None:
        super().__init__()
        self._outer: list[bool] = []

    def __enter__(self) -> differentiating:
        self._outer.append(here.differentiating)
        here.differentiating = True
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        here.differentiating = self._outer.pop()
        super().__exit__(*raised)


class inference_mode(GradMode):
    """``no_grad`` for code that never differentiates its results. Also a decorator.

    Tensors made inside are marked: outside they can neither be written to in place, nor be saved
    for a backward pass, nor be made to require grad, which all raise; ``clone()`` has no mark.
    Views of other tensors stay what those are.

    Args:
        mode: ``False`` leaves the mode again and records, whatever is around it.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def __enter__(self) -> inference_mode:
        self._grad, self._inference = not self._mode, self._mode
        return super().__enter__()

    def _recreate_cm(self) -> inference_mode:
        return inference_mode(self._mode)


class set_grad_enabled(GradMode):
    """Switch recording on or off: at once when called, until exit when used in ``with``."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled: expected a bool, got {type(mode).__name__} {mode!r}"
            )
        super().__init__()
        self._mode = mode
        self._at_call = here.asked
        self._set(mode)

    def _set(self, mode: bool) -> None:
        switch(mode, here.inference)

    def __enter__(self) -> set_grad_enabled:
        return self

    def __exit__(self, *_: Any) -> None:
        self._set(self._at_call)

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self._mode)

    def __call__(self, function: Any) -> Any:
        self._set(self._at_call)  # decorating a function must not switch anything by itself
        return super().__call__(function)


class set_multithreading_enabled(ContextDecorator):
    """Say whether backward passes may use threads: at once when called, until exit in ``with``.

    It is PyTorch's, for programs that call it: a backward pass of weft always runs in the thread
    that asked for it.

    Args:
        mode: whether they may.
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before = here.parallel
        here.parallel = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        here.parallel = self._before

    def _recreate_cm(self) -> set_multithreading_enabled:
        return set_multithreading_enabled(self.mode)


def is_multithreading_enabled() -> bool:
    """Return what :class:`set_multithreading_enabled` was told in this thread; True at first."""
    return here.parallel


def is_grad_enabled() -> bool:
    """Whether ops of this thread record a graph, outside of ``inference_mode``."""
    return here.asked


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return here.inference
