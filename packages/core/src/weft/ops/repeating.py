"""Repeating and rotating elements, and coordinates on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._core.boxed import Boxed
from weft._core.dtypes import int64
from weft._core.errors import ShapeError
from weft._core.layouts import contiguous_format
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dims, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.creation import tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import plain_data
from weft.ops.indexing import getitem
from weft.ops.joining import cat, narrow
from weft.ops.memory import clone, contiguous
from weft.ops.ranges import arange
from weft.ops.shape import reshape


@composite(
    samples=(Sample(array(2, 3), 2, 2), Sample(array(3), (2, 1, 2)), Sample(array(2), 0)),
    errors=(
        ErrorSample(array(2, 3), 2, error=ShapeError, match="at least 2 repeats"),
        ErrorSample(array(2), -1, error=ShapeError, match="negative"),
    ),
    namespaces=(),
    methods=("repeat",),
)
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Put copies of the whole tensor side by side.

    Args:
        input: (...).
        repeats: how often along each dim, as ints or one tuple; more of them add leading dims.

    Returns:
        Tensor: each dim longer by its factor.

    Raises:
        ShapeError: there are fewer repeats than dims, or one is negative.
    """
    counts = shape_tuple("repeat", repeats[0] if len(repeats) == 1 else repeats)
    own = tuple(input.shape)
    if len(counts) < len(own):
        raise ShapeError(
            f"repeat: input.shape == {own} needs at least {len(own)} repeats, got {counts}"
        )
    if min(counts, default=0) < 0:
        raise ShapeError(f"repeat: a number of repeats cannot be negative, got {counts}")
    own = (1,) * (len(counts) - len(own)) + own
    pairs = tuple(n for k, n in zip(counts, own, strict=True) for n in (1, n))
    wide = tuple(n for k, n in zip(counts, own, strict=True) for n in (k, n))
    joined = tuple(k * n for k, n in zip(counts, own, strict=True))
    apart = broadcast_to(reshape(input, pairs), wide)
    # never a view, as in PyTorch
    return reshape(apart.clone(memory_format=contiguous_format), joined)


@composite(samples=(Sample(array(2, 3), (2,)), Sample(array(3), (2, 2))))
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Put copies of the whole tensor side by side; missing repeats count as 1.

    Args:
        input: (...).
        dims: how often along each of the last dims, as ints or one tuple.

    Returns:
        Tensor: each dim longer by its factor.

    Raises:
        ShapeError: one is negative.
    """
    counts = shape_tuple("tile", dims[0] if len(dims) == 1 else dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@composite(
    samples=(
        Sample(array(2, 3), 1, 1),
        Sample(array(2, 3), (1, -2), (0, 1)),
        Sample(array(2, 3), 4),
        Sample(array(0, 2), 1, 0),
    ),
    errors=(ErrorSample(array(2, 3), (1, 2), 0, error=ValueError, match="as many"),),
    out=True,
)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Move elements along dims; what leaves one end comes in at the other.

    Args:
        input: (...).
        shifts: by how many places, for each dim.
        dims: the dims; None rolls the flattened tensor.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: shifts and dims are not as many.
    """
    if dims is None:
        return reshape(roll(reshape(input, -1), shifts, 0), tuple(input.shape))
    places = canonical_dims("roll", dims, input.ndim)
    steps = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    if len(steps) != len(places):
        raise ValueError(f"roll: shifts {steps} and dims {places} must be as many")
    out = input
    for step, dim in zip(steps, places, strict=True):
        length = out.shape[dim]
        cut = -step % length if length else 0
        if cut:
            ends = narrow(out, dim, cut, length - cut), narrow(out, dim, 0, cut)
            out = cat(ends, dim)
    return out if out is not input else clone(input)


@composite(
    samples=(
        Sample(array(2, 3), 2),
        Sample(array(2, 3), 2, dim=1),
        Sample(array(), 3),
        Sample(array(3, 2), integers(3, low=0, high=3), dim=0),
        Sample(array(2, 3), integers(1, low=2, high=3), 1),
        Sample(integers(4, low=0, high=3)),
    ),
    errors=(
        ErrorSample(array(3), -1, error=ValueError, match="negative"),
        ErrorSample(array(3), integers(2), error=ValueError, match="expected 3 numbers"),
        ErrorSample(array(3), 2, output_size=5, error=ValueError, match="output_size is 5"),
    ),
)
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element next to itself.

    Args:
        input: (...); called alone, (n,) int64 numbers of repeats, whose places are repeated.
        repeats: how often; an int, or an int64 tensor with one for each entry of the dim.
        dim: the dim; None takes the flattened tensor.
        output_size: the length that dim will have, if the caller knows it.

    Returns:
        Tensor: with that dim longer.

    Raises:
        ValueError: a number is negative, there are not as many as entries, or they do not add up
            to output_size.
    """
    if repeats is None:
        places = arange(input.shape[0], device=input.device)
        return repeat_interleave(places, input, 0, output_size=output_size)
    if dim is None:
        return repeat_interleave(reshape(input, -1), repeats, 0, output_size=output_size)
    (at,) = canonical_dims("repeat_interleave", dim, input.ndim)
    length = input.shape[at] if input.ndim else 1
    if isinstance(repeats, int):
        _check_total(length * repeats, output_size, repeats)
        shape = tuple(input.shape) if input.ndim else (1,)
        apart = reshape(input, (*shape[: at + 1], 1, *shape[at + 1 :]))
        wide = apart.expand((*shape[: at + 1], repeats, *shape[at + 1 :]))
        own = wide.clone(memory_format=contiguous_format)  # never a view, as in PyTorch
        return reshape(own, (*shape[:at], length * repeats, *shape[at + 1 :]))
    held = repeats._data
    counts = held.read("repeat_interleave") if isinstance(held, Boxed) else plain_data(repeats)
    if counts is None:
        return _repeated_unseen(input, at, output_size)
    counts = counts.reshape(-1)
    if counts.size == 1:
        counts = counts.repeat(length)
    if counts.size != length:
        raise ValueError(
            f"repeat_interleave: expected {length} numbers of repeats, one for each entry of dim "
            f"{at}, got {counts.size}"
        )
    _check_total(int(counts.sum()), output_size, int(counts.min(initial=0)))
    numbers = tensor(np.arange(length).repeat(counts), dtype=int64, device=input.device)
    return contiguous(getitem(input, (slice(None),) * at + (numbers,)))


def _repeated_unseen(input: Tensor, at: int, output_size: int | None) -> Tensor:
    """Repeat by numbers that a meta tensor does not have: the caller says what they add up to."""
    if output_size is None:
        raise RuntimeError(
            "repeat_interleave: repeats is a tensor on the meta device, whose numbers are not "
            "known; pass output_size="
        )
    numbers = tensor(np.zeros(output_size, np.int64), device="meta")
    return contiguous(getitem(input, (slice(None),) * at + (numbers,)))


def _check_total(total: int, output_size: int | None, least: int) -> None:
    if least < 0:
        raise ValueError(f"repeat_interleave: repeats must not be negative, got {least}")
    if output_size is not None and output_size != total:
        raise ValueError(
            f"repeat_interleave: output_size is {output_size}, but the repeats add up to {total}"
        )


@composite(
    samples=(Sample(array(2), array(3)), Sample(array(2), array(3), indexing="xy")),
    errors=(ErrorSample(array(2), indexing="yx", error=ValueError, match="'ij' or 'xy'"),),
    methods=(),
)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of every point of a grid, given those along its axes.

    Args:
        tensors: (n,), (m,), ... or one list of them.
        indexing: ``"ij"``: dims come in the tensors' order; ``"xy"``: the first two are swapped.

    Returns:
        tuple of Tensor: (n, m, ...) each.

    Raises:
        ValueError: another indexing.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    given: Sequence[Tensor] = tensors
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        given = tensors[0]
    swapped = indexing == "xy" and len(given) > 1
    axes = [given[1], given[0], *given[2:]] if swapped else list(given)
    shape = tuple(x.numel() for x in axes)
    grids = []
    for i, x in enumerate(axes):
        along = (1,) * i + (shape[i],) + (1,) * (len(axes) - i - 1)
        grids.append(broadcast_to(reshape(x, along), shape))
    if swapped:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)
