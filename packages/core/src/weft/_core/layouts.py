"""Layouts and memory formats: PyTorch's names for how a tensor lies in memory."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np


class layout:
    """How elements are kept; ``weft.strided``, the only one, keeps them all."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"weft.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format:
    """An order of dims in memory, such as ``weft.channels_last``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"weft.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}


def check_layout(name: str, given: Any) -> None:
    """Raise unless a layout is the one there is, or None."""
    if given is not None and given is not strided:
        raise ValueError(
            f"{name}: layout must be weft.strided, got {given!r}; weft has no sparse tensors"
        )


def check_format(name: str, given: Any, ndim: int) -> memory_format:
    """Return a memory format; None preserves.

    Raises:
        TypeError: it is no memory format.
        ValueError: it is for another number of dims.
    """
    if given is None:
        return preserve_format
    if not isinstance(given, memory_format):
        raise TypeError(
            f"{name}: memory_format must be one such as weft.contiguous_format, got {given!r}"
        )
    wanted = _CHANNELS_LAST.get(given)
    if wanted is not None and ndim != wanted:
        raise ValueError(f"{name}: {given} needs a tensor of {wanted} dims, got {ndim}")
    return given


def order_of(given: memory_format, ndim: int) -> tuple[int, ...]:
    """Return a tensor's dims from the slowest to the fastest in a memory format."""
    if given in _CHANNELS_LAST:
        return (0, *range(2, ndim), 1)
    return tuple(range(ndim))


def empty_in_order(shape: tuple[int, ...], dtype: Any, order: tuple[int, ...]) -> Any:
    """Return an uninitialised array whose dims lie in memory in an order, slowest first."""
    memory = np.empty(tuple(shape[d] for d in order), dtype)
    return memory.transpose(sorted(range(len(order)), key=order.__getitem__))


def nameable(xp: Any, data: Any) -> Any:
    """Return an array, as bytes if it is of float8_e5m2.

    NumPy takes a dtype apart into letters to make views by strides, and knows none for that one.
    """
    return data.view(xp.uint8) if data.dtype.kind == "f" and data.dtype.itemsize == 1 else data


def strided_array(xp: Any, data: Any, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Return a view of an array with any lengths, and strides counted in bytes."""
    view = xp.lib.stride_tricks.as_strided(nameable(xp, data), shape, steps)
    return view.view(data.dtype)


def fits_without_copy(
    lengths: tuple[int, ...], steps: tuple[int, ...], wanted: tuple[int, ...]
) -> bool:
    """Whether some strides give memory of these lengths and strides another shape.

    Dims that follow one another in memory without a gap form a block; each block has to be
    divided into wanted lengths for itself.
    """
    if 0 in lengths or not lengths:
        return True
    left = [n for n in reversed(wanted) if n != 1]
    block = 1
    inner = None  # the stride of the innermost dim of the block
    dims = [(n, step) for n, step in zip(lengths, steps, strict=True) if n != 1]
    for n, step in reversed(dims):
        if inner is not None and step != inner * block:
            if not _take(left, block):
                return False
            block, inner = 1, None
        inner = step if inner is None else inner
        block *= n
    return _take(left, block)


def _take(left: list[int], block: int) -> bool:
    """Take from the lengths wanted those that fill a block; return whether they do."""
    while block > 1 and left and block % left[0] == 0:
        block //= left.pop(0)
    return block == 1


def kept_order(x: Any) -> str:
    """Return the order in which a copy of an array keeps its strides: ``"K"``, or ``"C"``.

    An expanded array has elements that coincide, so its strides say no order.
    """
    expanded = any(step == 0 and n > 1 for n, step in zip(x.shape, x.strides, strict=True))
    return "C" if expanded else "K"


def empty_strided(shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> Any:
    """Return an uninitialised array with strides counted in elements; they may overlap."""
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    memory = np.empty(0 if math.prod(shape) == 0 else last + 1, dtype)
    steps = tuple(step * memory.itemsize for step in strides)
    return strided_array(np, memory, shape, steps)


def is_in_format(data: Any, given: memory_format) -> bool:
    """Whether an array lies in memory as a format says: dims of length 1 lie in any way."""
    steps = data.itemsize
    for d in reversed(order_of(given, data.ndim)):
        if data.shape[d] != 1 and data.strides[d] != steps and data.size:
            return False
        steps *= max(data.shape[d], 1)
    return True
