"""Running sums, products and extremes along a dim."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.complex import conj
from weft.ops.creation import ones_like
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.families.promotion import real_only
from weft.ops.gathering import picked
from weft.ops.joining import cat, piece
from weft.ops.recurrence import delayed, recurrence

_DIM = (ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),)


def _canonical(input: Any, dim: Any, **rest: Any) -> dict[str, Any]:
    return {"dim": canonical_dim("cumsum", dim, input.ndim), **rest}


def _summed(own: Any) -> Any:
    return dtypes.int64.numpy if dtypes.of(own).category < 2 else own


# --- sums --------------------------------------------------------------------------------------


@linear(
    shape=lambda x, *, dim, reverse: x.like(dtype=_summed(x.dtype)),
    transpose=lambda g, x, *, dim, reverse: running_sum(g, dim, not reverse) if g.ndim else g,
    batch=along_dim("running_sum"),
    canonical=_canonical,
    widen=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3), 1),
        Sample(array(3), 0),
        Sample(array(), 0),
        Sample(array(4, 2), 0, True),
    ),
)
def running_sum(xp: Any, x: Any, *, dim: int, reverse: bool = False) -> Any:
    """Sum of the elements up to each, along a dim.

    Args:
        input: (...).
        dim: the dim.
        reverse: whether it runs from the last to the first.

    Returns:
        Tensor: (...).
    """
    dtype = _summed(x.dtype)
    if not x.ndim:
        return x.astype(dtype)
    if reverse:
        return xp.flip(xp.cumsum(xp.flip(x, dim), axis=dim, dtype=dtype), dim).copy()
    return xp.cumsum(x, axis=dim, dtype=dtype)


def _converted(out: Tensor, dtype: Any) -> Tensor:
    """The result in the dtype asked for, which for integers is int64 until here."""
    return out if dtype is None else out.to(dtype)


@composite(
    samples=(
        Sample(array(2, 3), 1),
        Sample(array(2, 3), dim=-2),
        Sample(array(2, 0), 1),
        Sample(integers(4), 0),
        Sample(integers(4), 0, dtype=dtypes.float64),
        Sample(integers(4), 0, dtype=dtypes.int32),
    ),
    errors=_DIM,
    inplace=True,
    out=True,
)
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sum of the elements up to each, along a dim.

    .. math:: out_i = \\sum_{j \\le i} x_j

    Args:
        input: (...).
        dim: the dim.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: (...).

    Raises:
        IndexError: the dim is out of range.
    """
    at = canonical_dim("cumsum", dim, input.ndim)
    return _converted(running_sum(input if dtype is None else input.to(dtype), at), dtype)


# --- products ----------------------------------------------------------------------------------


def _before(out: Any, dim: int) -> Any:
    """The products of the elements before each: out, one place later, after a 1."""
    n = out.shape[dim]
    first = ones_like(piece(out, dim=dim, start=0, length=1))
    return cat([first, piece(out, dim=dim, start=0, length=n - 1)], dim)


def _product_vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: int) -> Any:
    """The product of those before k times sum_{i >= k} g_i times the product of those in between.

    That sum follows a recurrence, so that nothing is divided by an element that may be 0.
    """
    if not x.ndim or not out.shape[dim]:
        return (g,)
    sums = recurrence(conj(delayed(x, dim, reverse=True)), g, dim=dim, reverse=True)
    return (conj(_before(out, dim)) * sums,)


def _product_jvp(tangents: Any, out: Any, x: Any, *, dim: int) -> Any:
    if not x.ndim or not out.shape[dim]:
        return tangents[0]
    return recurrence(x, _before(out, dim) * tangents[0], dim=dim)


@custom(
    shape=lambda x, *, dim: x.like(dtype=_summed(x.dtype)),
    vjp=_product_vjp,
    jvp=_product_jvp,
    batch=along_dim("running_product"),
    saves=("x", "out"),
    canonical=_canonical,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 4), 1), Sample(array(3), 0), Sample(array(), 0)),
)
def running_product(xp: Any, x: Any, *, dim: int) -> Any:
    """Product of the elements up to each, along a dim.

    Args:
        input: (...).
        dim: the dim.

    Returns:
        Tensor: (...).
    """
    dtype = _summed(x.dtype)
    return xp.cumprod(x, axis=dim, dtype=dtype) if x.ndim else x.astype(dtype)


@composite(
    samples=(
        Sample(array(2, 4), 1),
        Sample(array(3, 2), dim=-2),
        Sample(array(2, 0), 1),
        Sample(array(), 0),
        Sample(integers(4), 0),
        Sample(integers(4), 0, dtype=dtypes.float64),
        Sample(array(2, 3, kind="complex"), 1),
    ),
    errors=_DIM,
    inplace=True,
    out=True,
)
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Product of the elements up to each, along a dim.

    .. math:: out_i = \\prod_{j \\le i} x_j

    Args:
        input: (...).
        dim: the dim.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: (...). Its gradient is exact at zeros too.

    Raises:
        IndexError: the dim is out of range.
    """
    at = canonical_dim("cumprod", dim, input.ndim)
    return _converted(running_product(input if dtype is None else input.to(dtype), at), dtype)


# --- extremes ----------------------------------------------------------------------------------


class Running(NamedTuple):
    """Largest or smallest elements so far along a dim, and their places."""

    values: Tensor
    indices: Tensor


_PLACES = not_differentiable("it finds places, which are whole numbers")


@custom(
    shape=lambda x, *, dim, largest: x.like(dtype=dtypes.int64.numpy),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=along_dim("running_places"),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 5), 1, True), Sample(array(4, 2), 0, False), Sample(array(), 0, True)),
)
def running_places(xp: Any, x: Any, *, dim: int, largest: bool) -> Any:
    """Place of the largest or smallest element so far along a dim; the last of equal ones.

    Args:
        input: (...), real.
        dim: the dim, not negative.
        largest: whether the largest is wanted.

    Returns:
        Tensor: int64, (...).
    """
    if not x.ndim:
        return xp.zeros((), "int64")
    best = xp.moveaxis(x, dim, 0).copy()
    length = best.shape[0]
    numbers = xp.arange(length, dtype="int64").reshape((length, *(1,) * (best.ndim - 1)))
    at = xp.broadcast_to(numbers, best.shape).copy()
    step = 1  # after each round, every entry has compared 2 * step elements
    while step < length:
        late, early = best[step:], best[:-step]
        wins = (late >= early if largest else late <= early) & (early == early)
        wins |= late != late  # a NaN wins over all, the last one over those before
        best[step:] = xp.where(wins, late, early)
        at[step:] = xp.where(wins, at[step:], at[:-step])
        step *= 2
    return xp.ascontiguousarray(xp.moveaxis(at, 0, dim))


def _running(name: str, input: Tensor, dim: Any, largest: bool) -> Running:
    real_only(name, input)
    at = canonical_dim(name, dim, input.ndim)
    places = running_places(input, dim=at, largest=largest)
    return Running(picked(input, places, dim=at), places)


_RUNNING = (
    Sample(array(2, 5, distinct=True), 1),
    Sample(array(4, 2, distinct=True), dim=-2),
    Sample(array(2, 0), 1),
    Sample(array(), 0),
    Sample(integers(6, high=3), 0),
)


@composite(samples=_RUNNING, errors=_DIM, out=True)
def cummax(input: Tensor, dim: int) -> Running:
    """Largest element so far along a dim, and its place.

    Args:
        input: (...), real.
        dim: the dim.

    Returns:
        named tuple (values, indices): both (...). Of equal elements the last counts, and gets the
        gradient; from the first NaN on all values are NaN.

    Raises:
        IndexError: the dim is out of range.
        DTypeError: input is complex.
    """
    return _running("cummax", input, dim, True)


@composite(samples=_RUNNING, errors=_DIM, out=True)
def cummin(input: Tensor, dim: int) -> Running:
    """Smallest element so far along a dim, and its place.

    Args:
        input: (...), real.
        dim: the dim.

    Returns:
        named tuple (values, indices): both (...). Of equal elements the last counts, and gets the
        gradient; from the first NaN on all values are NaN.

    Raises:
        IndexError: the dim is out of range.
        DTypeError: input is complex.
    """
    return _running("cummin", input, dim, False)


# --- fast kernels ------------------------------------------------------------------------------

_cumulative = Launcher("cumulative")


def _sum_fast(x: Any, *, dim: int, reverse: bool = False) -> Any:
    if x.size < 4096:
        return None
    return _cumulative.running_sum(x, dim=dim, reverse=reverse)


def _product_fast(x: Any, *, dim: int) -> Any:
    if x.size < 4096:
        return None
    return _cumulative.running_product(x, dim=dim)


def _places_fast(x: Any, *, dim: int, largest: bool) -> Any:
    if x.size < 128:
        return None
    return _cumulative.running_places(x, dim=dim, largest=largest)


prefer(catalogue.ops["running_sum"], _sum_fast)
prefer(catalogue.ops["running_product"], _product_fast)
prefer(catalogue.ops["running_places"], _places_fast)
