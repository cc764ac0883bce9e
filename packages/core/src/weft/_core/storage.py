"""The memory under an array: all of it, and where in it the array starts."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.libraries import by_array


def address_of(data: Any) -> int:
    """Return where an array's first element lies in its device's memory."""
    return int(data.data.ptr if type(data) in by_array else data.ctypes.data)


def memory_of(data: Any) -> Any:
    """Return a 1-d view of the whole memory that an array is a part of.

    It is the array itself, flattened, where the owner of the memory is no array of its dtype, or
    has gaps; and not flattened, where the array itself has some.
    """
    owner = data
    above = data
    while above is not None:
        if isinstance(above, ndarray) and above.dtype == data.dtype:
            owner = above
        # a view by strides has an object in between that only keeps its base
        above = getattr(above, "base", None)
    for whole in (owner, data):
        if whole.flags.forc:
            return whole.ravel(order="K")
        outermost_first = sorted(range(whole.ndim), key=lambda dim: -whole.strides[dim])
        turned = whole.transpose(outermost_first)
        if turned.flags.c_contiguous:  # its dims are permuted: channels last, for one
            return turned.reshape(-1)
    return data


def offset_of(data: Any) -> int:
    """Return the place of an array's first element in its memory; 0 where there is none."""
    if not isinstance(data, ndarray) or not data.size:
        return 0
    memory = memory_of(data)
    return (data.ctypes.data - memory.ctypes.data) // data.itemsize if memory.ndim == 1 else 0
