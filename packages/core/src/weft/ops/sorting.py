"""Sorting along a dim."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, booleans, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import real_only
from weft.ops.gathering import picked

_PLACES = not_differentiable("it finds places, which are whole numbers")
_DIM = (ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),)


class Sorted(NamedTuple):
    """Elements in order along a dim, and where they were."""

    values: Tensor
    indices: Tensor


def _canonical(input: Any, dim: int, descending: bool, stable: bool) -> dict[str, Any]:
    real_only("argsort", input)
    at = canonical_dim("argsort", dim, input.ndim)
    return {"dim": at, "descending": bool(descending), "stable": True}


@custom(
    shape=lambda x, *, dim, descending, stable: x.like(dtype=dtypes.int64.numpy),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=along_dim("argsort"),
    canonical=_canonical,
    samples=(
        Sample(array(2, 5, distinct=True)),
        Sample(array(4, 2, distinct=True), 0, True),
        Sample(integers(9, high=3), stable=True),
        Sample(integers(9, high=3), descending=True, stable=True),
        Sample(array()),
        Sample(array(2, 0)),
    ),
    errors=_DIM,
    keyword_only=("stable",),
)
def argsort(
    xp: Any, x: Any, *, dim: int = -1, descending: bool = False, stable: bool = False
) -> Any:
    """Places of the elements in rising order; equal ones keep their order, NaN comes last.

    Args:
        input: (...), real.
        dim: the dim to sort along.
        descending: whether the order falls; NaN then comes first.
        stable: whether equal elements must keep their order; they do in any case.

    Returns:
        Tensor: int64, (...).

    Raises:
        IndexError: the dim is out of range.
        DTypeError: input is complex.
    """
    if not x.ndim:
        return xp.zeros((), "int64")
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    # reversing twice keeps equal elements in their order
    places = xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)
    return x.shape[dim] - 1 - places


@custom(
    shape=lambda x, *, dim, k, largest: x.like(
        shape=(*x.shape[:dim], k, *x.shape[dim + 1 :]), dtype=dtypes.int64.numpy
    ),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=along_dim("top_places"),
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 5, distinct=True), dim=1, k=2, largest=True),
        Sample(array(4, 2, distinct=True), dim=0, k=3, largest=False),
        Sample(integers(9, high=3), dim=0, k=4, largest=True),
    ),
)
def top_places(xp: Any, x: Any, *, dim: int, k: int, largest: bool) -> Any:
    """Places of the k largest or smallest elements along a dim, best first.

    Args:
        input: (...), real, of at least one dim.
        dim: the dim.
        k: how many.
        largest: whether the largest are wanted.

    Returns:
        Tensor: int64, with length k in that dim.
    """
    order = catalogue.ops["argsort"].kernel(xp, x, dim=dim, descending=largest, stable=True)
    return xp.ascontiguousarray(order[(slice(None),) * dim + (slice(0, k),)])


_sorting = Launcher("sorting")


def _argsort_fast(x: Any, **params: Any) -> Any:
    if x.size < 256:
        return None
    return _sorting.argsort(x, **params)


def _top_fast(x: Any, **params: Any) -> Any:
    if x.size < 256:
        return None
    return _sorting.top_places(x, **params)


prefer(catalogue.ops["argsort"], _argsort_fast)
prefer(catalogue.ops["top_places"], _top_fast)


@composite(
    samples=(
        Sample(array(2, 5, distinct=True)),
        Sample(array(4, 2, distinct=True), 0, True),
        Sample(integers(9, high=3), stable=True),
        Sample(booleans(5), descending=True, stable=True),
        Sample(array()),
        Sample(array(2, 0)),
    ),
    errors=_DIM,
    out=True,
)
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Sorted:
    """Sort along a dim; equal elements keep their order, NaN counts as the largest.

    Args:
        input: (...), real.
        dim: the dim.
        descending: whether the order falls.
        stable: whether equal elements must keep their order; they do in any case.

    Returns:
        named tuple (values, indices): both (...).

    Raises:
        IndexError: the dim is out of range.
        DTypeError: input is complex.
    """
    real_only("sort", input)
    at = canonical_dim("sort", dim, input.ndim)
    places = argsort(input, at, descending)
    return Sorted(picked(input, places, dim=at), places)


@composite(
    samples=(
        Sample(array(4, 3, distinct=True)),
        Sample(array(5, distinct=True)),
        Sample(integers(3, 2, 2)),
        Sample(array()),
    ),
    out=True,
)
def msort(input: Tensor) -> Tensor:
    """Sort along the first dim; NaN comes last.

    Args:
        input: (n, ...), real.

    Returns:
        Tensor: (n, ...).

    Raises:
        DTypeError: input is complex.
    """
    real_only("msort", input)
    return sort(input, 0).values


@composite(
    samples=(
        Sample(array(2, 5, distinct=True), 2),
        Sample(array(5, 2, distinct=True), 3, 0, False),
        Sample(array(2, 3), 0),
        Sample(array(), 1),
    ),
    errors=(
        ErrorSample(array(3), 4, error=IndexError, match="k must be from 0 to 3"),
        ErrorSample(array(3), -1, error=IndexError, match="k must be from 0 to 3"),
        ErrorSample(array(3), 1, 2, error=IndexError, match="dim 2 is out of range"),
    ),
    out=True,
)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """The k largest or smallest elements along a dim.

    Args:
        input: (...), real.
        k: how many.
        dim: the dim.
        largest: whether the largest are wanted.
        sorted: whether they must come in order; they do in any case.

    Returns:
        named tuple (values, indices): with length k in that dim, best first; of a 0-d tensor
        itself. NaN counts as the largest; of equal elements the first come first.

    Raises:
        IndexError: k exceeds the dim's length, or the dim is out of range.
        DTypeError: input is complex.
    """
    real_only("topk", input)
    at = canonical_dim("topk", dim, input.ndim)
    length = input.shape[at] if input.ndim else 1
    if not 0 <= k <= length:
        raise IndexError(f"topk: k must be from 0 to {length}, the length of dim {at}; got {k}")
    if not input.ndim:
        values, places = sort(input, at, largest)
        return Sorted(values, places)
    places = top_places(input, dim=at, k=k, largest=bool(largest))
    return Sorted(picked(input, places, dim=at), places)
