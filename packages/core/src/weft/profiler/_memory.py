"""The memory of tensors while a profile runs: what each op allocates, what is alive, the most."""

from __future__ import annotations

import time
import weakref
from collections import deque
from typing import Any

from weft._backend.libraries import is_array
from weft._core.tensor import Tensor


class _Held(weakref.ref[Any]):
    """A weak reference to an array that knows its size after it has gone."""

    __slots__ = ("nbytes", "place")

    nbytes: int
    place: int


class Memory:
    """Counts the bytes of results from when an op gives them until they are freed.

    What a kernel needs for itself meanwhile is not seen, nor are tensors of before the profile.

    Attributes:
        changes: ``(time_ns, bytes)`` for each array, negative where it was freed. Its append is
            atomic: arrays are freed in any thread, in the middle of anything.
    """

    def __init__(self) -> None:
        self.changes: deque[tuple[int, int]] = deque()
        self._held: dict[int, _Held] = {}

    def made(self, data: Any, args: Any) -> int:
        """Return how many bytes an array has that are new, and follow them until they are freed.

        Args:
            data: the array of a result.
            args: the call's arguments, whose memory is not new.
        """
        own = _owner(data)
        place = id(own)
        if place in self._held or any(own is one for one in _owners(args)):
            return 0
        try:
            held = _Held(own, self._freed)
        except TypeError:  # an array library whose arrays cannot be followed
            return int(own.nbytes)
        held.nbytes, held.place = int(own.nbytes), place
        self._held[place] = held
        self.changes.append((time.perf_counter_ns(), held.nbytes))
        return held.nbytes

    def stop(self) -> None:
        """Follow nothing any more."""
        self._held.clear()

    def levels(self) -> list[tuple[int, int]]:
        """Return how many bytes were alive after each change, with its time."""
        out = []
        total = 0
        for at, change in sorted(self.changes, key=lambda pair: pair[0]):
            total += change
            out.append((at, total))
        return out

    @property
    def peak(self) -> int:
        """The most bytes that were alive at once."""
        return max((level for _, level in self.levels()), default=0)

    def _freed(self, held: _Held) -> None:
        if self._held.pop(held.place, None) is not None:
            self.changes.append((time.perf_counter_ns(), -held.nbytes))


def _owner(data: Any) -> Any:
    """Return the array whose memory an array shows."""
    while (base := getattr(data, "base", None)) is not None and is_array(base):
        data = base
    return data


def _owners(args: Any) -> Any:
    for a in args:
        if isinstance(a, Tensor):
            if is_array(a._data):
                yield _owner(a._data)
        elif isinstance(a, (list, tuple)):
            yield from _owners(a)
        elif is_array(a):
            yield _owner(a)
