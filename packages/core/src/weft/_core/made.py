"""What was made of a tensor's values, kept with the tensor as long as nobody can have changed them.

A layer's weight in the order that a library wants it is worth keeping, but must never be stale. So
what was made is returned only if all of this holds:

- the tensor alone holds its array now: no other tensor, NumPy array, buffer or DLPack capsule does;
- nobody who held it has let go of it since (``numpy()`` and its like count what they hand out);
- weft has not written to the memory since, through this tensor or any that shares it;
- a sample of the values, spread over them, is what it was: a net under the other three.

A tensor of which somebody asked the address, by ``data_ptr()``, is never trusted again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from weakref import ref

from weft._backend import ndarray
from weft._core.node import Writes
from weft._core.tensor import Tensor, extra_of, version_of

_SAMPLED = 61


class _Made:
    """What was made, and how its tensor was then."""

    __slots__ = ("array", "count", "sample", "seen", "things")

    def __init__(self, array: Any, writes: Writes, sample: bytes) -> None:
        self.array = ref(array)
        self.count = writes.so_far()
        self.seen = getattr(writes, "seen", 0)
        self.sample = sample
        self.things: list[Any] = []


def _holders(tensor: Tensor) -> tuple[int, int]:
    """Return how often a tensor's array and the memory's owner are referred to, with the asking.

    Views of a view refer to the owner, in NumPy. The second is 0 where the array is the owner.
    """
    data = tensor._data
    return sys.getrefcount(data), 0 if data.base is None else sys.getrefcount(data.base)


def _holders_of_one(make: Callable[[], Any]) -> tuple[int, int]:
    tensor = Tensor.__new__(Tensor)
    tensor._data = make()  # an argument would be held by the caller too, in some Pythons
    return _holders(tensor)


#: What is counted where a tensor alone holds memory that it owns, or that a hidden array does.
_ALONE = {_holders_of_one(lambda: ndarray(1)), _holders_of_one(lambda: ndarray(1)[:])}


def made_of(tensor: Tensor) -> list[Any] | None:
    """Return the list of what was made of a tensor's values as they are, to be added to.

    None if nothing may be kept: not all of the memory is the tensor's own.
    """
    if type(tensor._data) is not ndarray or _holders(tensor) not in _ALONE:
        return None
    writes = version_of(tensor).writes
    seen = getattr(writes, "seen", 0)
    if seen < 0:
        return None
    array = tensor._data
    owner = array if array.base is None else array.base
    if type(owner) is not ndarray or not owner.flags.owndata:
        return None
    flat = array
    if not array.flags.c_contiguous:
        flat = array.transpose(sorted(range(array.ndim), key=lambda d: -array.strides[d]))
        if not flat.flags.c_contiguous:
            return None
    sample = flat.reshape(-1)[:: array.size // _SAMPLED + 1].tobytes()
    extra = extra_of(tensor)
    made = extra.made
    if (
        made is None
        or made.array() is not array
        or made.count != writes.so_far()
        or made.seen != seen
        or made.sample != sample
    ):
        made = extra.made = _Made(array, writes, sample)
    things: list[Any] = made.things
    return things


def forget(tensor: Tensor) -> None:
    """Let go of what was made of a tensor."""
    if tensor._extra is not None:
        tensor._extra.made = None


def count_holder(tensor: Tensor) -> None:
    """Count that a tensor's memory is handed out, to be written to by anybody who holds it."""
    if tensor._version is not None:  # else nothing was made of it, or of one that shares its memory
        writes = tensor._version.writes
        seen = getattr(writes, "seen", 0)
        if seen >= 0:
            writes.seen = seen + 1


def distrust(tensor: Tensor) -> None:
    """Keep nothing of a tensor any more: who has its address may write without holding it."""
    version_of(tensor).writes.seen = -1
