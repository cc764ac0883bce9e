"""Which tensors of one save share memory, and what of that memory a file needs to hold.

A tensor that lies apart from the others is written by itself, without what lies between its
elements: a row of a table does not bring the table. Tensors whose memory overlaps are windows on
one span, which is written once, so that they share memory again when they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weft._backend import ndarray
from weft._backend.libraries import on_host
from weft._core import dtypes
from weft._core.storage import address_of
from weft._tensor.access import array_of

from ._memory import gathered, in_memory_order
from ._torch_storage import MAX_REPEATED_BYTES
from .errors import WeightsError

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["Span", "Window", "windows_of"]


@dataclass(eq=False, slots=True)
class Span:
    """A run of memory that one tensor is, or that several tensors share."""

    dtype: str
    device: str
    count: int  # elements
    alone: bool  # one tensor, each element of which lies in one place
    windows: list[Window] = field(default_factory=list)

    @property
    def covering(self) -> Window | None:
        """A tensor that is the whole span in row-major order, if there is one."""
        for window in self.windows:
            if window.is_row_major and window.numel == self.count:
                return window
        return None

    def data(self) -> memoryview:
        """Return the span's bytes, little-endian; what no tensor shows is zero."""
        whole = self.covering
        if whole is not None:
            return whole.values()
        if self.alone:
            return in_memory_order(on_host(self.windows[0].array), self.windows[0].order)
        parts = [(on_host(w.array), w.offset, w.stride) for w in self.windows]
        return gathered(self.count, parts)


@dataclass(eq=False, slots=True)
class Window:
    """One tensor's place in a span, counted in elements."""

    span: Span
    array: Any
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    order: tuple[int, ...]  # dims from the outermost in memory to the innermost

    @property
    def numel(self) -> int:
        """The number of elements that are shown."""
        return math.prod(self.size)

    def values(self) -> memoryview:
        """Return the elements in row-major order as little-endian bytes."""
        return in_memory_order(on_host(self.array), tuple(range(len(self.size))))

    @property
    def is_row_major(self) -> bool:
        """Whether elements follow one another in the order of the indices."""
        step = 1
        for length, stride in zip(reversed(self.size), reversed(self.stride), strict=True):
            if length > 1 and stride != step:
                return False
            step *= length
        return True


def windows_of(tensors: Sequence[Tensor], origin: str) -> list[Window]:
    """Return each tensor's window; those that share memory have one span.

    Tensors of different dtypes are apart, even where one is a view of the other.

    Raises:
        RuntimeError: one has no data (meta device, or inside a transform).
        WeightsError: one repeats its memory so often that no reader would take it.
    """
    found: list[Window | None] = [None] * len(tensors)
    arrays = [array_of(tensor, "save") for tensor in tensors]
    kinds = [_kind(tensor, array) for tensor, array in zip(tensors, arrays, strict=True)]
    places: list[tuple[tuple[object, ...], int, int, int]] = []  # key, first byte, end, which
    for index, array in enumerate(arrays):
        shown = extent = array.nbytes
        if not shown:
            found[index] = _alone(kinds[index], array)
            continue
        if not array.flags.c_contiguous:
            if min(array.strides) < 0:
                found[index] = _alone(kinds[index], array)
                continue
            pairs = zip(array.shape, array.strides, strict=True)
            extent = sum((n - 1) * step for n, step in pairs) + array.itemsize
            if shown > max(extent, MAX_REPEATED_BYTES):
                raise WeightsError(
                    f"{origin}: a tensor of shape {list(array.shape)} shows {extent} bytes again "
                    f"and again as {shown}; save it contiguous, or save what it was expanded from"
                )
        first = address_of(array)
        key = (*kinds[index], first % array.itemsize)
        places.append((key, first, first + extent, index))
    places.sort(key=lambda place: place[:2])
    for group in _overlapping(places):
        _, first, _, index = group[0]
        array, (dtype, device) = arrays[index], kinds[index]
        end = max(place[2] for place in group)
        if len(group) == 1 and array.nbytes <= end - first:
            found[index] = _alone(kinds[index], array)
            continue
        itemsize = array.itemsize
        span = Span(dtype, device, (end - first) // itemsize, alone=False)
        for _, start, _, index in group:
            array = arrays[index]
            # a dim of length 1 may have any stride
            steps = tuple(max(step, 0) // itemsize for step in array.strides)
            window = Window(span, array, (start - first) // itemsize, array.shape, steps, ())
            span.windows.append(window)
            found[index] = window
    return [window for window in found if window is not None]


def _kind(tensor: Tensor, array: Any) -> tuple[str, str]:
    """Return the names of a tensor's dtype and device."""
    return dtypes.of(array.dtype).name, "cpu" if type(array) is ndarray else str(tensor.device)


def _overlapping(
    places: list[tuple[tuple[object, ...], int, int, int]],
) -> list[list[tuple[tuple[object, ...], int, int, int]]]:
    """Part places, sorted by key and first byte, into groups that reach into one another."""
    groups: list[list[tuple[tuple[object, ...], int, int, int]]] = []
    key: tuple[object, ...] = ()
    end = 0
    for place in places:
        if groups and place[0] == key and place[1] < end:
            groups[-1].append(place)
            end = max(end, place[2])
        else:
            groups.append([place])
            key, end = place[0], place[2]
    return groups


def _alone(kind: tuple[str, str], array: Any) -> Window:
    """Return a tensor as the only one of a span without gaps, its dims in the same order."""
    size: tuple[int, ...] = array.shape
    order = tuple(range(len(size)))
    if not array.flags.c_contiguous:
        pairs = zip(size, array.strides, strict=True)
        steps = [abs(step) if n > 1 else math.inf for n, step in pairs]
        order = tuple(sorted(order, key=lambda dim: -steps[dim]))
    strides, step = [0] * len(size), 1
    for dim in reversed(order):
        strides[dim] = step
        step *= size[dim] or 1
    span = Span(*kind, array.size, alone=True)
    window = Window(span, array, 0, size, tuple(strides), order)
    span.windows.append(window)
    return window
