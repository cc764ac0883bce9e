"""Boxed values: what a tensor holds in place of an array while a function transform runs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from weft._core.errors import GradError

#: Numbers levels in the order they are entered, in all threads: no two transforms share one, so a
#: value that outlives its transform is never taken for another's.
_next_level = itertools.count(1).__next__
#: The levels that are entered now, in all threads, with what they are.
live: dict[int, str] = {}


class Boxed:
    """Base of the transforms' values. Each has a ``level``; the innermost transform's is highest.

    A subclass offers ``process``, which runs one op on tensors some of which hold its kind, and
    ``shape`` and ``size`` of the value where the transformed function sees others than inside.
    """

    __slots__ = ("level",)

    #: The transform's name, for messages.
    transform = "a function transform"
    label = "boxed"  # in the place of numbers, when a tensor is printed
    #: Whether nothing of it may be kept when the transform has ended.
    confined = True
    #: Whether it stands for an array alone, and not for its slopes or its like in a batch.
    stands_for_array = False

    level: int
    inner: Any  # the tensor inside

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the transformed function sees."""
        return tuple(self.inner._data.shape)

    @property
    def dtype(self) -> Any:
        """The array's dtype."""
        return self.inner._data.dtype

    @property
    def ndim(self) -> int:
        """How many dims the transformed function sees."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements the transformed function sees."""
        return int(self.inner.numel())

    @staticmethod
    def process(level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run ``op`` for the transform at ``level``; return the data of its result or results."""
        raise NotImplementedError(f"{op.name}: the transform at level {level} runs no ops")

    def mapped(self, function: Callable[[Any], Any]) -> Boxed:
        """Return a box of the same kind with ``function`` applied to every tensor in it."""
        raise self._lacks("mapped")

    def detached(self) -> Boxed:
        """Return the same values without what any graph or transform knows of their slopes."""
        raise self._lacks("detached")

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write ``value`` into ``target``, one of which is boxed at ``level``.

        Args:
            level: the transform's.
            target: the tensor to write to.
            value: what to write, of its shape and dtype.
            others: the tensors that share its memory.
            writer: the name of the in-place op, for messages.
        """
        raise NotImplementedError(
            f"{writer}: {cls.transform} at level {level} has no way to write a value of shape "
            f"{tuple(value.shape)} into a tensor of shape {tuple(target.shape)}"
        )

    def read(self, asked: str) -> Any:
        """Return the array under the value, or raise saying that ``asked`` cannot read one."""
        raise self._lacks("read", f" for {asked}")

    def notes(self) -> list[str]:
        """Return what stands beside the values when a tensor whose box is read is printed."""
        return []

    def spread(self, plain: Any) -> Any:
        """Return a new tensor, which a function called on this value made, for each example."""
        raise self._lacks("spread")

    def _lacks(self, method: str, why: str = "") -> NotImplementedError:
        return NotImplementedError(
            f"{type(self).__name__}.{method} is asked{why}, of a value of shape {self.shape} in "
            f"{self.transform}, and not there: a kind of boxed value that meets it defines it"
        )


@contextlib.contextmanager
def new_level(transform: str) -> Iterator[int]:
    """Enter one transform more and give its level."""
    level = start_level(transform)
    try:
        yield level
    finally:
        leave_level(level)


def start_level(transform: str) -> int:
    """Enter one transform more and return its level, to be left by :func:`leave_level`."""
    level = _next_level()
    live[level] = transform
    return level


def leave_level(level: int) -> None:
    """Leave a transform: its values are told from now on, or settle into what they stood for."""
    del live[level]


def check_live(box: Boxed, asked: str) -> None:
    """Raise if a value has outlived the transform that it belongs to."""
    if box.confined and box.level not in live:
        raise GradError(
            f"{asked}: this tensor escaped from the function that {box.transform} transformed, "
            f"which has ended, so that what it stands for is gone; return it from that function "
            f"(has_aux=True of a derivative returns more than is differentiated)"
        )
