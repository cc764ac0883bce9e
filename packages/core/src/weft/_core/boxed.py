"""Boxed values: what a tensor holds in place of an array while a function transform runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from weft._core.modes import here


class Boxed:
    """Base of the transforms' values. Each has a ``level``; the innermost transform's is highest.

    A subclass offers ``shape``, ``dtype``, ``ndim`` and ``size`` of the value as the transformed
    function sees it, and ``process``, which runs one op on tensors some of which hold its kind.
    """

    __slots__ = ("level",)

    level: int
    inner: Any  # the tensor inside
    shape: Any
    dtype: Any
    ndim: Any
    size: Any

    @staticmethod
    def process(level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run ``op`` for the transform at ``level``; return the data of its result or results."""
        raise NotImplementedError

    @staticmethod
    def store(level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write ``value`` into ``target``, one of which is boxed at ``level``.

        Args:
            level: the transform's.
            target: the tensor to write to.
            value: what to write, of its shape and dtype.
            others: the tensors that share its memory.
            writer: the name of the in-place op, for messages.
        """
        raise NotImplementedError

    def mapped(self, function: Callable[[Any], Any]) -> Boxed:
        """Return a box of the same kind with ``function`` applied to every tensor in it."""
        raise NotImplementedError

    def detached(self) -> Boxed:
        """Return the same values without what any graph or transform knows of their slopes."""
        raise NotImplementedError


@contextlib.contextmanager
def new_level() -> Iterator[int]:
    """Enter one transform more in this thread and give its level."""
    here.level += 1
    try:
        yield here.level
    finally:
        here.level -= 1
