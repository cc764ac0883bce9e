"""Functions of graphs that choose elements by index, or write elements at indices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import weft
from weft import Tensor
from weft.graph._allowed.shaping import dims_of
from weft.graph._function import own

__all__: list[str] = []


def _from_first(index: Tensor, size: int) -> Tensor:
    """Return indices counted from the first element, where negative ones count from the last."""
    index = index.to(weft.int64)
    return weft.where(index < 0, index + size, index)


@own("lookup(input, index; dim?: int)")
def lookup(input: Tensor, index: Tensor, dim: int = 0) -> Tensor:
    """The slices of `input` along `dim` at `index`, whose shape takes the place of that dim."""
    (dim,) = dims_of(input, dim, "lookup")
    flat = _from_first(index.reshape(-1), input.shape[dim])
    found = input.index_select(dim, flat)
    if index.ndim == 1:
        return found
    return found.reshape(*input.shape[:dim], *index.shape, *input.shape[dim + 1 :])


@own("gather_elements(input, index; dim?: int)")
def gather_elements(input: Tensor, index: Tensor, dim: int = 0) -> Tensor:
    """At each place of `index`, the element of `input` there, but at that index along `dim`."""
    (dim,) = dims_of(input, dim, "gather_elements")
    return input.gather(dim, _from_first(index, input.shape[dim]))


@own("gather_nd(input, indices; batch_dims?: int)")
def gather_nd(input: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    """The slices of `input` at index tuples, which lie along the last dim of `indices`."""
    batch = tuple(input.shape[:batch_dims])
    count = math.prod(batch)
    width = indices.shape[-1]
    rest = tuple(input.shape[batch_dims:])
    x = input.reshape(count, *rest)
    tuples = indices.reshape(count, -1, width)
    rows = weft.arange(count, device=input.device).reshape(count, 1).expand(*tuples.shape[:2])
    key = [rows, *(_from_first(tuples[..., k], rest[k]) for k in range(width))]
    return x[tuple(key)].reshape(*indices.shape[:-1], *rest[width:])


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@own("scatter_elements(input, index, updates; dim?: int, reduction?: text)")
def scatter_elements(
    input: Tensor, index: Tensor, updates: Tensor, dim: int = 0, reduction: str = "none"
) -> Tensor:
    """Write `updates` at the places that `gather_elements` would read, or join them with these."""
    (dim,) = dims_of(input, dim, "scatter_elements")
    place = _from_first(index, input.shape[dim])
    if reduction == "none":
        return input.scatter(dim, place, updates)
    return input.scatter_reduce(dim, place, updates, _joined(reduction, "scatter_elements"))


def _joined(reduction: str, who: str) -> str:
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"{who}: reduction must be one of none {' '.join(_REDUCTIONS)}, but is {reduction!r}"
        )
    return _REDUCTIONS[reduction]


@own("scatter_nd(input, indices, updates; reduction?: text)")
def scatter_nd(input: Tensor, indices: Tensor, updates: Tensor, reduction: str = "none") -> Tensor:
    """Write slices at index tuples, which lie along the last dim of `indices`."""
    width = indices.shape[-1]
    front, rest = tuple(input.shape[:width]), tuple(input.shape[width:])
    tuples = indices.reshape(-1, width)
    place = weft.zeros(tuples.shape[0], dtype=weft.int64, device=input.device)
    for k in range(width):
        place = place * front[k] + _from_first(tuples[:, k], front[k])
    x = input.reshape(math.prod(front), math.prod(rest))
    values = updates.reshape(tuples.shape[0], math.prod(rest))
    index = place.reshape(-1, 1).expand(*values.shape)
    if reduction == "none":
        written = x.scatter(0, index, values)
    else:
        written = x.scatter_reduce(0, index, values, _joined(reduction, "scatter_nd"))
    return written.reshape(input.shape)


@own("compress(input, condition; dim?: int)")
def compress(input: Tensor, condition: Tensor, dim: int | None = None) -> Tensor:
    """The slices along `dim` (of all elements in a row without one) where `condition` is true."""
    if dim is None:
        input, dim = input.reshape(-1), 0
    return input.index_select(dim, condition.nonzero().reshape(-1))


@own("one_hot_between(indices, values; depth: int, dim?: int)")
def one_hot_between(indices: Tensor, values: Tensor, depth: int, dim: int = -1) -> Tensor:
    """A new dim of size `depth` with `values[1]` at each index and `values[0]` elsewhere."""
    rank = indices.ndim + 1
    dim = dim + rank if dim < 0 else dim
    index = _from_first(indices, depth).unsqueeze(dim)
    shape = [1] * rank
    shape[dim] = depth
    places = weft.arange(depth, device=indices.device).reshape(shape)
    return weft.where(index == places, values[1], values[0])


@own("arg_extreme(input; dim?: int, keepdim?: bool, largest?: bool, last?: bool)")
def arg_extreme(
    input: Tensor, dim: int = 0, keepdim: bool = True, largest: bool = True, last: bool = False
) -> Tensor:
    """The index of the largest or smallest element along `dim`: the first or last of equal ones."""
    find = weft.argmax if largest else weft.argmin
    if not last:
        return find(input, dim, keepdim)
    return input.shape[dim] - 1 - find(input.flip(dim), dim, keepdim)


@own("largest_or_smallest(input; k: ints, dim?: int, largest?: bool) -> 2")
def largest_or_smallest(
    input: Tensor, k: int | Sequence[int], dim: int = -1, largest: bool = True
) -> tuple[Tensor, Tensor]:
    """The `k` largest (or smallest) along `dim` in order, with indices; equal ones as they come."""
    count = k if isinstance(k, int) else k[0]
    values, places = weft.sort(input, dim, descending=largest, stable=True)
    return values.narrow(dim, 0, count), places.narrow(dim, 0, count)


@own("reverse_sequence(input, lengths; time_dim: int, batch_dim: int)")
def reverse_sequence(input: Tensor, lengths: Tensor, time_dim: int, batch_dim: int) -> Tensor:
    """Turn the first `lengths[b]` slices along `time_dim` around, for each `b` of `batch_dim`."""
    time = weft.arange(input.shape[time_dim], device=input.device)
    length = lengths.to(weft.int64).unsqueeze(1)
    places = weft.where(time < length, length - 1 - time, time)  # (batch, time)
    if time_dim < batch_dim:
        places = places.t()
    shape = [1] * input.ndim
    shape[time_dim], shape[batch_dim] = input.shape[time_dim], input.shape[batch_dim]
    return input.gather(time_dim, places.reshape(shape).expand(*input.shape))


@own("eye_like(input; offset?: int, dtype?: dtype)")
def eye_like(input: Tensor, offset: int = 0, dtype: weft.dtype | None = None) -> Tensor:
    """Ones on a diagonal of a matrix of the input's shape."""
    rows = weft.arange(input.shape[0], device=input.device).unsqueeze(1)
    columns = weft.arange(input.shape[1], device=input.device)
    return (columns - rows == offset).to(dtype or input.dtype)


@own("unique(input; dim?: int, sorted?: bool) -> 4")
def unique(
    input: Tensor, dim: int | None = None, sorted: bool = True
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What is there, each once; where it first is; which each element is; how often it is there.

    Sorted, or in the order in which they first come.
    """
    values, inverse, counts = weft.unique(input, return_inverse=True, return_counts=True, dim=dim)
    inverse = inverse.reshape(-1)
    found = counts.shape[0]
    places = weft.arange(inverse.shape[0], device=input.device)
    first = weft.full((found,), inverse.shape[0], dtype=weft.int64, device=input.device)
    first = first.scatter_reduce(0, inverse, places, "amin")
    if not sorted:
        order = first.argsort()
        values = values.index_select(0 if dim is None else dim, order)
        first, counts = first[order], counts[order]
        inverse = order.argsort()[inverse]
    return values, first, inverse, counts
