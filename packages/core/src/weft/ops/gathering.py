"""Picking and placing elements by number along one dim."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.cpu.launching import Launcher
from weft._backend.libraries import on_host
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, ShapeError
from weft._core.kernels import prefer
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes, canonical_dim
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.families.batching import all_batched
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear
from weft.ops.indexing import getitem
from weft.ops.memory import contiguous

_gathering = Launcher("gathering")


def plain_data(x: Tensor) -> Any:
    """Return a tensor's values as a NumPy array, also inside transforms; None on the meta device.

    From another device they are copied, for which it waits: an index out of range is an error there
    too.
    """
    data = x._data
    while isinstance(data, Boxed):
        data = data.inner._data
    return None if isinstance(data, Aval) else on_host(data)


def check_places(name: str, index: Any, length: int, dim: int | None = None) -> None:
    """Raise an IndexError if an index array leaves a dim of some length, or is negative."""
    if index.size >= 8192 and type(index) is ndarray and _gathering.all_inside(index, length):
        return
    if index.size and (index.min() < 0 or index.max() >= length):
        bad = index[(index < 0) | (index >= length)].flat[0]
        where = "a dim" if dim is None else f"dim {dim}"
        raise IndexError(
            f"{name}: index {bad} is out of range for {where} of length {length}; expected 0 to "
            f"{length - 1}"
        )


def _gather_shape(x: Any, index: Any, *, dim: int) -> Aval:
    if x.ndim != index.ndim:
        raise ShapeError(
            f"gather: index must have as many dims as input; got {index.shape} for {x.shape}"
        )
    for d, (have, want) in enumerate(zip(x.shape, index.shape, strict=True)):
        if d != dim and want > have:
            raise ShapeError(
                f"gather: index of shape {index.shape} exceeds input of shape {x.shape} in dim {d}"
            )
    return Aval(index.shape, x.dtype)


def _gather_canonical(input: Any, index: Any, dim: int) -> dict[str, Any]:
    return {"dim": canonical_dim("gather", dim, input.ndim)}


def _region(shape: tuple[int, ...], dim: int) -> tuple[slice, ...]:
    return tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(shape))


def _along(name: str) -> Any:
    """Return the batching rule of an op of an array and an index along a dim."""

    def batch(size: int, batched: Any, /, *args: Any, **params: Any) -> Any:
        x, index = all_batched(size, batched, args)
        moved = {**params, "dim": params["dim"] + 1}
        single = x.ndim == 1  # a 0-d example counts as having one dim
        if "shape" in params:
            moved["shape"] = (size, 1) if single else (size, *params["shape"])
        if not single:
            return apply(catalogue.ops[name], (x, index), moved)
        moved["dim"] = 1
        return apply(catalogue.ops[name], (x.unsqueeze(-1), index.unsqueeze(-1)), moved).squeeze(-1)

    return batch


@linear(
    batch=_along("picked"),
    shape=_gather_shape,
    transpose=lambda g, x, index, *, dim: scatter_into_zeros(
        g, index, dim=dim, length=x.shape[dim] if x.shape else 1, shape=tuple(x.shape)
    ),
    samples=(Sample(array(3, 4), integers(3, 2, low=0, high=4), dim=1),),
    canonical=_gather_canonical,
    errors=(
        ErrorSample(
            array(3), integers(2, low=3, high=9), dim=0, error=IndexError, match="out of range"
        ),
        ErrorSample(array(3), integers(2, 2), dim=0, error=ShapeError, match="as many dims"),
    ),
    namespaces=(),
    methods=(),
)
def picked(xp: Any, x: Any, index: Any, *, dim: int) -> Any:
    """Pick one element along a dim for each place of an index.

    Args:
        input: (...).
        index: int64, with as many dims; lengths at most input's but in ``dim``.
        dim: the dim.

    Returns:
        Tensor: of index's shape.
    """
    if not x.ndim:
        check_places("gather", index, 1)
        return x.copy()
    check_places("gather", index, x.shape[dim], dim)
    return xp.take_along_axis(x[_region(index.shape, dim)], index, axis=dim)


@linear(
    batch=_along("scatter_into_zeros"),
    shape=lambda x, index, *, dim, length, shape: Aval(shape, x.dtype),
    transpose=lambda g, x, index, *, dim, length, shape: picked(g, index, dim=dim),
    widen=True,
    samples=(Sample(array(3, 2), integers(3, 2, low=0, high=4), dim=1, length=4, shape=(3, 4)),),
    namespaces=(),
    methods=(),
)
def scatter_into_zeros(
    xp: Any, x: Any, index: Any, *, dim: int, length: int, shape: tuple[int, ...]
) -> Any:
    """Add each element into zeros at the place an index names along a dim.

    Args:
        input: (...).
        index: int64, of input's shape.
        dim: the dim.
        length: the dim's length in the result.
        shape: the result's shape.

    Returns:
        Tensor: (*shape).
    """
    out = xp.zeros(shape, x.dtype)
    if not x.ndim:
        return out + x
    check_places("scatter_add", index, length, dim)
    where = [
        xp.arange(n).reshape((n,) + (1,) * (index.ndim - 1 - at))
        for at, n in enumerate(index.shape)
    ]
    where[dim] = index
    xp.add.at(out, tuple(where), x)
    return out


def _picked_fast(x: Any, index: Any, *, dim: int) -> Any:
    if index.size < 256:
        return None
    return _gathering.picked(x, index, dim=dim)


def _scattered_fast(x: Any, index: Any, *, dim: int, length: int, shape: Any) -> Any:
    if index.size < 512:
        return None
    return _gathering.scatter_into_zeros(x, index, dim=dim, length=length, shape=shape)


prefer(catalogue.ops["picked"], _picked_fast)
prefer(catalogue.ops["scatter_into_zeros"], _scattered_fast)


@composite(
    samples=(
        Sample(array(3, 4), 1, integers(3, 2, low=0, high=4)),
        Sample(array(3, 4), 0, integers(2, 4, low=0, high=3)),
    ),
    errors=(
        ErrorSample(
            array(2, 3), 1, integers(1, 1, low=3, high=9), error=IndexError,
            match=r"gather: index \d is out of range for dim 1 of length 3",
        ),
        ErrorSample(array(3), 0, array(3), error=DTypeError, match="int64 or int32"),
    ),
    out=True,
)  # fmt: skip
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Pick one element along a dim for each place of an index.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, with as many dims; lengths at most input's but in ``dim``.
        sparse_grad: taken for PyTorch's callers; the gradient is dense.

    Returns:
        Tensor: of index's shape.

    Raises:
        IndexError: an index is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: index is not integer.
    """
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"gather: index must be int64 or int32, got {index.dtype}")
    return picked(input, index, dim=dim)


@composite(
    samples=(
        Sample(array(3, 4), integers(3, 1, low=0, high=4), 1),
        Sample(array(3, 4), integers(1, 2, low=-4, high=4), 1),
        Sample(array(3, 4), integers(2, 2, low=0, high=12)),
    ),
    out=True,
)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Pick along a dim by indices that broadcast with the other dims.

    Args:
        input: (...).
        indices: int64; with a dim, negative ones count from its end.
        dim: the dim; None picks from the flattened tensor.

    Returns:
        Tensor: of indices' shape, broadcast.

    Raises:
        IndexError: an index is beyond the dim.
    """
    if dim is None:
        return picked(input.reshape(-1), indices.reshape(-1), dim=0)
    at = canonical_dim("take_along_dim", dim, input.ndim)
    own, wanted = list(input.shape), list(indices.shape)
    own[at], wanted[at] = 1, 1
    common = list(broadcast_shapes("take_along_dim", tuple(own), tuple(wanted)))
    x_shape, i_shape = list(common), list(common)
    x_shape[at], i_shape[at] = input.shape[at], indices.shape[at]
    data = plain_data(indices)
    if data is not None and data.size and data.min() < 0:
        indices = indices + (indices < 0).to(indices.dtype) * input.shape[at]
    return picked(
        broadcast_to(input, tuple(x_shape)), broadcast_to(indices, tuple(i_shape)), dim=at
    )


@composite(
    samples=(
        Sample(array(3, 4), 1, integers(5, low=0, high=4)),
        Sample(array(3, 4), 0, integers(low=0, high=3)),
        Sample(array(), 0, integers(1, high=1)),
    ),
    errors=(
        ErrorSample(
            array(3, 4), 1, integers(2, low=4), error=IndexError,
            match=r"index_select: index \d is out of range for dim 1 of length 4",
        ),
        ErrorSample(array(3), 0, array(3), error=DTypeError, match="int64 or int32"),
        ErrorSample(array(3), 0, integers(1, 2), error=ShapeError, match="one dim"),
    ),
    out=True,
)  # fmt: skip
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Take entries of a dim by number.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, (n,).

    Returns:
        Tensor: with length n in that dim.

    Raises:
        IndexError: a number is negative or beyond the dim.
        ShapeError: index has more than one dim.
        DTypeError: index is not integer.
    """
    from weft.ops.index_writes import checked_index

    at, places = checked_index("index_select", input, dim, index)
    if not input.ndim:
        if places.numel() != 1:
            raise ShapeError(f"index_select: a 0-d tensor takes one index, got {places.numel()}")
        return input.clone()
    return contiguous(getitem(input, (slice(None),) * at + (places,)))


@composite(samples=(Sample(array(3, 4), 1, 2), Sample(array(3, 4), -2, -1)))
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """View one entry of a dim.

    Args:
        input: (...).
        dim: the dim, which goes away.
        index: which entry; negative counts from the end.

    Returns:
        Tensor: a view.

    Raises:
        IndexError: the entry is beyond the dim.
    """
    at = canonical_dim("select", dim, input.ndim)
    return getitem(input, (slice(None),) * at + (index,))
