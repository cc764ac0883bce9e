"""The k-th smallest element, medians and modes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weft._backend import ndarray
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.kernels import prefer
from weft._core.modes import here
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.bounds import clamp
from weft.ops.broadcasting import broadcast_to
from weft.ops.comparison import eq, ne, where
from weft.ops.creation import arange
from weft.ops.cumulative import cummax
from weft.ops.extremes import amax, argmax
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import real_only
from weft.ops.gathering import picked
from weft.ops.joining import cat
from weft.ops.logic import logical_not
from weft.ops.reductions import sum
from weft.ops.sorting import argsort
from weft.ops.truths import any


class Chosen(NamedTuple):
    """Elements chosen along a dim, and their places."""

    values: Tensor
    indices: Tensor


def _is_nan(x: Tensor) -> Tensor:
    return ne(x, x)


def _chosen(input: Tensor, places: Tensor, dim: int, keepdim: bool) -> Chosen:
    """Return the elements at places that have length 1 in a dim."""
    values = picked(input, places, dim=dim)
    if keepdim or not input.ndim:
        return Chosen(values, places)
    return Chosen(values.squeeze(dim), places.squeeze(dim))


def _checked(name: str, input: Tensor, dim: Any) -> int:
    """Return the dim as a number, along which there must be elements."""
    real_only(name, input)
    at = canonical_dim(name, dim, input.ndim)
    if input.ndim and not input.shape[at]:
        raise IndexError(
            f"{name}: dim {at} of input has length 0 (input.shape == {tuple(input.shape)}), and "
            f"of nothing there is none; reduce a dim that has elements"
        )
    return at


# --- the k-th, the middle ----------------------------------------------------------------------


@custom(
    shape=lambda x, *, dim, k: x.like(
        shape=(*x.shape[:dim], 1, *x.shape[dim + 1 :]), dtype=dtypes.int64.numpy
    ),
    vjp=not_differentiable("it finds places, which are whole numbers"),
    jvp=not_differentiable("it finds places, which are whole numbers"),
    batch=along_dim("kth_place"),
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 5, distinct=True), dim=1, k=1),
        Sample(integers(9, 2, high=3), dim=0, k=4),
    ),
)
def kth_place(xp: Any, x: Any, *, dim: int, k: int) -> Any:
    """Place of the k-th smallest element, counted from 0, along a dim.

    Args:
        input: (...), real, of at least one dim.
        dim: the dim.
        k: which one.

    Returns:
        Tensor: int64, with length 1 in that dim; of equal elements, in the order of their places.
    """
    order = xp.argsort(x, axis=dim, kind="stable")
    return xp.ascontiguousarray(order[(slice(None),) * dim + (slice(k, k + 1),)])


_sorting = Launcher("sorting")


def _kth_fast(x: Any, **params: Any) -> Any:
    if x.size < 256:
        return None
    return _sorting.kth_place(x, **params)


prefer(catalogue.ops["kth_place"], _kth_fast)

_ALONG = (
    Sample(array(2, 5, distinct=True), dim=1),
    Sample(array(4, 2, distinct=True), dim=-2, keepdim=True),
    Sample(array(0, 3), dim=1),
    Sample(array(), dim=0),
)
_ERRORS = (
    ErrorSample(array(2), dim=1, error=IndexError, match="dim 1 is out of range"),
    ErrorSample(array(2, 0), dim=1, error=IndexError, match="dim 1 of input has length 0"),
)


@composite(
    samples=(
        Sample(array(2, 5, distinct=True), 2),
        Sample(array(4, 2, distinct=True), 4, dim=0, keepdim=True),
        Sample(integers(2, 5, low=-50, high=50), 3),
        Sample(array(), 1),
    ),
    errors=(
        ErrorSample(array(3), 4, error=ValueError, match="k must be from 1 to 3"),
        ErrorSample(array(3), 0, error=ValueError, match="k must be from 1 to 3"),
        ErrorSample(array(2, 0), 1, error=IndexError, match="dim 1 of input has length 0"),
        ErrorSample(array(2), 1, dim=1, error=IndexError, match="dim 1 is out of range"),
    ),
    out=True,
)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Chosen:
    """The k-th smallest element along a dim, and its place.

    Args:
        input: (...), real.
        k: which one, counted from 1.
        dim: the dim.
        keepdim: whether the dim stays, with length 1.

    Returns:
        named tuple (values, indices): without that dim. NaN counts as the largest; the place of
        equal elements is that of the k-th in a stable order.

    Raises:
        ValueError: there is no k-th.
        IndexError: the dim is out of range or empty.
        DTypeError: input is complex.
    """
    at = _checked("kthvalue", input, dim)
    length = input.shape[at] if input.ndim else 1
    if not 1 <= k <= length:
        raise ValueError(f"kthvalue: k must be from 1 to {length}, the length of dim {at}; got {k}")
    place = kth_place(input, dim=at, k=k - 1) if input.ndim else argsort(input, at)
    return _chosen(input, place, at, keepdim)


def _has_no_nan(input: Tensor) -> bool:
    """Whether a plain array is seen to hold no NaN; inside transforms it is not looked at."""
    data = input._data
    return type(data) is ndarray and not bool((data != data).any())


def _recorded(input: Tensor) -> bool:
    return type(input._data) is not ndarray or (input.requires_grad and here.grad)


def _middle_places(input: Tensor, dim: int, skip_nan: bool) -> Any:
    """Return the place of the lower of the two middle elements, with length 1 in the dim."""
    if not input.ndim:
        return argsort(input, dim)
    whole = input.dtype.category < 2
    if whole or _has_no_nan(input):
        return kth_place(input, dim=dim, k=(input.shape[dim] - 1) // 2)
    nan = _is_nan(input)
    if not skip_nan:
        middle = kth_place(input, dim=dim, k=(input.shape[dim] - 1) // 2)
        return where(any(nan, dim, True), argmax(nan, dim, True), middle)
    order = argsort(input, dim)
    count = sum(logical_not(nan), dim, True)
    return picked(order, clamp(count - 1, min=0) // 2, dim=dim)


def _median(name: str, input: Tensor, dim: Any, keepdim: bool, skip_nan: bool) -> Any:
    real_only(name, input)
    if dim is not None:
        at = _checked(name, input, dim)
        return _chosen(input, _middle_places(input, at, skip_nan), at, keepdim)
    flat = input.reshape(-1)
    if not flat.shape[0]:
        if input.dtype.category < 2:
            raise IndexError(
                f"{name}: input of shape {tuple(input.shape)} and {input.dtype} has no element, "
                f"and NaN, which stands for that, is no integer"
            )
        nothing: Tensor = sum(flat) * math.nan  # in input's graph
        return nothing
    middle = picked(flat, _middle_places(flat, 0, skip_nan), dim=0)
    if input.dtype.category < 2 or not _recorded(input):
        return middle.squeeze(0)
    # all elements equal to the median share its gradient, as all that are largest share amax's
    number = amax(where(eq(flat, middle), flat, -math.inf))
    nan = _is_nan(flat)
    shared = sum(where(nan, flat, 0.0)) / clamp(sum(nan), min=1)
    return where(_is_nan(middle.squeeze(0)), shared, number)


@composite(
    samples=(
        Sample(array(3, 5, distinct=True)),
        Sample(array(4, distinct=True)),
        *_ALONG,
        Sample(integers(7, low=-50, high=50)),
        Sample(array(0, fixed=True)),
    ),
    errors=_ERRORS,
    out=True,
)
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Median of all elements; or along a dim, with its place.

    Of an even number of elements it is the lower of the two middle ones.

    Args:
        input: (...), real.
        dim: the dim; None for the median of all.
        keepdim: whether the dim stays, with length 1.

    Returns:
        Tensor, or with a dim a named tuple (values, indices). NaN if an element is NaN, or if
        there is none. Along a dim one element gets the gradient; without, equal ones share it.

    Raises:
        IndexError: the dim is out of range or empty.
        DTypeError: input is complex.
    """
    return _median("median", input, dim, keepdim, False)


@composite(
    samples=(
        Sample(array(3, 5, distinct=True)),
        *_ALONG,
        Sample(integers(7, low=-50, high=50)),
    ),
    errors=_ERRORS,
    out=True,
)
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Median of the elements that are not NaN; or along a dim, with its place.

    Args:
        input: (...), real.
        dim: the dim; None for the median of all.
        keepdim: whether the dim stays, with length 1.

    Returns:
        Tensor, or with a dim a named tuple (values, indices). NaN where all elements are NaN.

    Raises:
        IndexError: the dim is out of range or empty.
        DTypeError: input is complex.
    """
    return _median("nanmedian", input, dim, keepdim, True)


@composite(
    samples=(
        Sample(array(2, 5, distinct=True)),
        Sample(array(4, 2, distinct=True), 0, True),
        Sample(integers(4, 9, high=4)),
        Sample(integers(9, 4, high=3), 0, keepdim=True),
        Sample(array()),
        Sample(array(0, 3)),
    ),
    errors=_ERRORS,
    out=True,
)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Chosen:
    """The value that occurs most often along a dim, and its last place.

    Args:
        input: (...), real.
        dim: the dim.
        keepdim: whether the dim stays, with length 1.

    Returns:
        named tuple (values, indices): without that dim. Of values that occur equally often the
        smallest. Each NaN counts for itself, as it equals nothing.

    Raises:
        IndexError: the dim is out of range or empty.
        DTypeError: input is complex.
    """
    at = _checked("mode", input, dim)
    order = argsort(input, at)
    if not input.ndim:
        return _chosen(input, order, at, keepdim)
    length = input.shape[at]
    ordered = picked(input, order, dim=at)
    numbers = arange(length, device=input.device)
    numbers = numbers.reshape((length, *(1,) * (input.ndim - 1 - at)))
    rises = ne(ordered.narrow(at, 1, length - 1), ordered.narrow(at, 0, length - 1))
    # the number of the first of each run of equal elements; the running maximum repeats it
    first = broadcast_to(numbers[:1], tuple(ordered.narrow(at, 0, 1).shape))
    starts = cummax(cat([first, where(rises, numbers[1:], 0)], at), at).values
    runs = numbers - starts
    return _chosen(input, picked(order, argmax(runs, at, True), dim=at), at, keepdim)
