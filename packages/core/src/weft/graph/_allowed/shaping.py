"""Functions of graphs about shapes: what a shape is, and tensors brought into another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import weft
from weft import Tensor
from weft.graph._function import own

__all__ = ["dims_of", "listed"]


def listed(value: int | Sequence[int]) -> list[int]:
    """Return a setting of integers as a list, a single one too."""
    return [value] if isinstance(value, int) else list(value)


def dims_of(x: Tensor, dims: int | Sequence[int] | None, who: str) -> list[int]:
    """Return dims counted from the first, all of them where none are given.

    Raises:
        IndexError: one is none of the tensor's, or comes twice.
    """
    if dims is None:
        return list(range(x.ndim))
    found = []
    for dim in listed(dims):
        if not -x.ndim <= dim < x.ndim:
            raise IndexError(
                f"{who}: dim must be within {-x.ndim} and {x.ndim - 1}, as the input has "
                f"{x.ndim} dims, but is {dim}"
            )
        found.append(dim % x.ndim)
    if len(set(found)) != len(found):
        raise IndexError(f"{who}: a dim comes twice in {listed(dims)}")
    return found


@own("shape(input; start?: int, end?: int)")
def shape(input: Tensor, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of the dims from `start` to before `end`, as int64."""
    return weft.tensor(list(input.shape)[start:end], dtype=weft.int64, device=input.device)


@own("numel(input)")
def numel(input: Tensor) -> Tensor:
    """The number of elements, as int64."""
    return weft.tensor(math.prod(input.shape), dtype=weft.int64, device=input.device)


@own("size(input; dim: int)")
def size(input: Tensor, dim: int) -> Tensor:
    """The length of one dim, as int64 without dims."""
    return weft.tensor(int(input.shape[dim]), dtype=weft.int64, device=input.device)


@own("row(values*; places: ints, template: ints)")
def row(values: list[Tensor], places: int | Sequence[int], template: int | Sequence[int]) -> Tensor:
    """The integers of `template`, int64, with the values, of one element each, at `places`."""
    numbers, at = listed(template), listed(places)
    if len(at) != len(values):
        raise ValueError(f"row: {len(values)} values need as many places, but there are {at}")
    for place, value in zip(at, values, strict=True):
        numbers[place] = int(value.item())
    return weft.tensor(numbers, dtype=weft.int64, device=values[0].device)


@own("full(like; size: ints, value: float, dtype: dtype)")
def full(like: Tensor, size: int | Sequence[int], value: float, dtype: weft.dtype) -> Tensor:
    """A tensor of `size` that has `value` everywhere, on the device of `like`."""
    return weft.full(tuple(listed(size)), value, dtype=dtype, device=like.device)


@own("full_like(input; value: float, dtype: dtype)")
def full_like(input: Tensor, value: float, dtype: weft.dtype) -> Tensor:
    """A tensor of the input's shape that has `value` everywhere."""
    return weft.full(tuple(input.shape), value, dtype=dtype, device=input.device)


@own("counted(like; start: int, end: int, step: int, dtype: dtype)")
def counted(like: Tensor, start: int, end: int, step: int, dtype: weft.dtype) -> Tensor:
    """Numbers from `start` to before `end`, `step` apart, on the device of `like`."""
    return weft.arange(start, end, step, dtype=dtype, device=like.device)


@own("reshape_keeping(input; shape: ints)")
def reshape_keeping(input: Tensor, shape: int | Sequence[int]) -> Tensor:
    """Reshape; a size of 0 stands for the size that the dim has already."""
    sizes = listed(shape)
    for dim, size in enumerate(sizes):
        if size == 0:
            if dim >= input.ndim:
                raise ValueError(
                    f"reshape_keeping: shape {sizes} keeps dim {dim}, but the input has "
                    f"{input.ndim} dims"
                )
            sizes[dim] = input.shape[dim]
    return input.reshape(sizes)


@own("expand(input; size: ints)")
def expand(input: Tensor, size: int | Sequence[int]) -> Tensor:
    """Broadcast to `size`, where the input may be larger than `size` too."""
    return weft.broadcast_to(input, weft.broadcast_shapes(tuple(input.shape), tuple(listed(size))))


@own("to_matrix(input; dim: int)")
def to_matrix(input: Tensor, dim: int) -> Tensor:
    """Join the dims before `dim` into one, and those from it on into another."""
    dim = dim + input.ndim if dim < 0 else dim
    return input.reshape(math.prod(input.shape[:dim]), math.prod(input.shape[dim:]))


@own("reverse_dims(input)")
def reverse_dims(input: Tensor) -> Tensor:
    """Put the dims in the opposite order."""
    return input.permute(*reversed(range(input.ndim)))


@own("unsqueeze_all(input; dims: ints)")
def unsqueeze_all(input: Tensor, dims: int | Sequence[int]) -> Tensor:
    """Insert dims of size one, counted in the result."""
    rank = input.ndim + len(listed(dims))
    for dim in sorted(dim + rank if dim < 0 else dim for dim in listed(dims)):
        input = input.unsqueeze(dim)
    return input


@own("slice(input; starts: ints, ends: ints, dims?: ints, steps?: ints)")
def slice_(
    input: Tensor,
    starts: int | Sequence[int],
    ends: int | Sequence[int],
    dims: int | Sequence[int] | None = None,
    steps: int | Sequence[int] | None = None,
) -> Tensor:
    """Take `starts:ends:steps` of each of `dims`, as Python slices lists; steps may be negative."""
    first, last = listed(starts), listed(ends)
    chosen = dims_of(input, list(range(len(first))) if dims is None else dims, "slice")
    strides = [1] * len(first) if steps is None else listed(steps)
    if not len(first) == len(last) == len(chosen) == len(strides):
        raise ValueError(
            f"slice: starts, ends, dims and steps must be equally many, but are {len(first)}, "
            f"{len(last)}, {len(chosen)} and {len(strides)}"
        )
    for dim, start, end, step in zip(chosen, first, last, strides, strict=True):
        if step == 0:
            raise ValueError(f"slice: the step along dim {dim} must not be 0")
        size = input.shape[dim]
        places = range(size)[_python_slice(start, end, step, size)]
        if step < 0:
            # Views go forward only: the same elements are taken from the other end.
            input = input.flip(dim)
            places = range(size - 1 - places.start, size - 1 - places.stop, -step)
        key = [slice(None)] * input.ndim
        key[dim] = slice(places.start, max(places.stop, places.start), places.step)
        input = input[tuple(key)]
    return input


def _python_slice(start: int, end: int, step: int, size: int) -> slice:
    # An end before the first element is how a file says "to the front", which Python spells None.
    return slice(start, None if step < 0 and end < -size else end, step)


@own("windows(input; dim: int, size: int, step: int)")
def windows(input: Tensor, dim: int, size: int, step: int) -> Tensor:
    """Windows of `size` along a dim, `step` apart, as a new last dim: `Tensor.unfold`."""
    return input.unfold(dim, size, step)


@own("split_evenly(input; parts: int, dim?: int) -> *")
def split_evenly(input: Tensor, parts: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Split into so many parts of equal size; only the last may be smaller."""
    size = input.shape[dim]
    each = -(-size // parts)
    return input.split([max(0, min(each, size - each * part)) for part in range(parts)], dim)


@own("convert(input; dtype: dtype)")
def convert(input: Tensor, dtype: weft.dtype) -> Tensor:
    """Convert to a dtype."""
    return input.to(dtype)


@own("convert_like(input, other)")
def convert_like(input: Tensor, other: Tensor) -> Tensor:
    """Convert to the dtype of `other`."""
    return input.to(other.dtype)


@own("filled(value; size: ints)")
def filled(value: Tensor, size: int | Sequence[int]) -> Tensor:
    """A tensor of `size` that has the one element of `value` everywhere."""
    return weft.broadcast_to(value.reshape(()), tuple(listed(size))).clone()


@own("range(start, end, step)")
def range_(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """Numbers from `start` to before `end`, `step` apart, in the dtype of `start`."""
    numbers = (one.item() for one in (start, end, step))
    return weft.arange(*numbers, dtype=start.dtype, device=start.device)


@own("depth_to_space(input; block: int, mode?: text)")
def depth_to_space(input: Tensor, block: int, mode: str = "DCR") -> Tensor:
    """Move channels into blocks of places; `mode` says which of them count slowest, D or C."""
    n, channels, height, width = input.shape
    depth = channels // (block * block)
    if mode == "CRD":
        return weft.pixel_shuffle(input, block)
    x = input.reshape(n, block, block, depth, height, width).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, depth, height * block, width * block)


@own("space_to_depth(input; block: int, mode?: text)")
def space_to_depth(input: Tensor, block: int, mode: str = "DCR") -> Tensor:
    """Move blocks of places into channels, as `depth_to_space` moves them back."""
    n, channels, height, width = input.shape
    if mode == "CRD":
        return weft.pixel_unshuffle(input, block)
    x = input.reshape(n, channels, height // block, block, width // block, block)
    x = x.permute(0, 3, 5, 1, 2, 4)
    return x.reshape(n, channels * block * block, height // block, width // block)


@own("pad_dims(input, value?; pads: ints, dims?: ints, mode?: text)")
def pad_dims(
    input: Tensor,
    value: Tensor | None = None,
    *,
    pads: int | Sequence[int],
    dims: int | Sequence[int] | None = None,
    mode: str = "constant",
) -> Tensor:
    """Pad by `pads`, first what comes before each of `dims`, then what comes after each.

    A negative number crops. Modes: `constant` (with `value`, else 0), `reflect`, `edge`, `wrap`.
    """
    amounts = listed(pads)
    chosen = dims_of(input, dims, "pad_dims")
    if len(amounts) != 2 * len(chosen):
        raise ValueError(
            f"pad_dims: pads must be two for each of {len(chosen)} dims, but are {amounts}"
        )
    if mode not in _SOURCES and mode != "constant":
        raise ValueError(f"pad_dims: mode must be one of constant {' '.join(_SOURCES)}: {mode!r}")
    around = list(zip(chosen, amounts[: len(chosen)], amounts[len(chosen) :], strict=True))
    if mode != "constant":
        for dim, before, after in around:
            if before or after:
                places = weft.arange(-before, input.shape[dim] + after, device=input.device)
                source = _SOURCES[mode](places, input.shape[dim])
                input = input.index_select(dim, source)
        return input
    flat = [0] * (2 * input.ndim)
    for dim, before, after in around:
        flat[2 * (input.ndim - 1 - dim)] = before
        flat[2 * (input.ndim - 1 - dim) + 1] = after
    number = 0 if value is None else value.item()
    if input.dtype == weft.bool:
        padded = weft.nn.functional.pad(input.to(weft.uint8), tuple(flat), value=int(number))
        return padded.to(weft.bool)
    return weft.nn.functional.pad(input, tuple(flat), value=number)


def _reflected(places: Tensor, size: int) -> Tensor:
    if size == 1:
        return places * 0
    places = weft.remainder(places, 2 * (size - 1))
    return weft.minimum(places, 2 * (size - 1) - places)


_SOURCES = {
    "reflect": _reflected,
    "edge": lambda places, size: places.clamp(0, size - 1),
    "wrap": lambda places, size: weft.remainder(places, size),
}
