"""Largest and smallest elements over dims, and where they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim, without
from weft._core.tensor import Tensor
from weft.ops.comparison import eq, where
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import real_only
from weft.ops.families.reduction import reduction
from weft.ops.reductions import sum

_DISTINCT = (
    Sample(array(2, 3, distinct=True)),
    Sample(array(2, 3, 2, distinct=True), dim=1),
    Sample(array(2, 3, 2, distinct=True), dim=(0, -1), keepdim=True),
    Sample(array()),
)


def _extreme_vjp(g: Any, out: Any, x: Any, dim: tuple[int, ...]) -> Any:
    """Share the gradient evenly among the elements that reach the extreme.

    No element equals an extreme that is NaN: as in PyTorch the gradient of all is NaN then.
    """
    hit = eq(x, out)
    count = sum(hit, dim=dim, keepdim=True) if dim else hit
    return g * hit / count


def _extreme_jvp(t: Any, out: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    if not dim:  # of a batch of 0-d examples; a sum would take () for all dims
        return t
    kept = out if keepdim else out.reshape(without(tuple(x.shape), dim, True))
    hit = eq(x, kept)
    count = sum(hit, dim=dim, keepdim=keepdim)
    return sum(where(hit, t, 0), dim=dim, keepdim=keepdim) / count.to(t.dtype)


_EMPTY = (ErrorSample(array(2, 0), dim=1, error=IndexError, match="dim 1 of length 0"),)


@reduction(
    combine="max",
    dtype="real",
    saves=("x", "out"),
    vjp=_extreme_vjp,
    jvp=_extreme_jvp,
    samples=_DISTINCT,
    errors=_EMPTY,
)
def amax(xp: Any, x: Any) -> Any:
    """Largest element over dims; NaN if one is NaN.

    Args:
        input: (...), real.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims. Equal largest elements share the gradient evenly; the
        gradient of a NaN is NaN.

    Raises:
        IndexError: a dim is out of range, or empty.
    """
    return x


@reduction(
    combine="min",
    dtype="real",
    saves=("x", "out"),
    vjp=_extreme_vjp,
    jvp=_extreme_jvp,
    samples=_DISTINCT,
    errors=_EMPTY,
)
def amin(xp: Any, x: Any) -> Any:
    """Smallest element over dims; NaN if one is NaN.

    Args:
        input: (...), real.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims. Equal smallest elements share the gradient evenly; the
        gradient of a NaN is NaN.

    Raises:
        IndexError: a dim is out of range, or empty.
    """
    return x


def _place_shape(name: str) -> Any:
    def shape(x: Aval, *, dim: int | None, keepdim: bool) -> Aval:
        dims = tuple(range(x.ndim)) if dim is None else (dim,)
        if x.size == 0 and (dim is None or not x.shape or x.shape[dim] == 0):
            raise IndexError(
                f"{name}: cannot find a place in an empty tensor of shape {x.shape}; reduce over "
                f"a dim that has elements"
            )
        if not x.shape:
            return Aval((), dtypes.int64.numpy)
        return Aval(without(x.shape, dims, keepdim), dtypes.int64.numpy)

    return shape


def _place_canonical(name: str) -> Any:
    def canonical(input: Any, dim: Any, keepdim: bool) -> dict[str, Any]:
        real_only(name, input)
        at = None if dim is None else canonical_dim(name, dim, input.ndim)
        return {"dim": at, "keepdim": keepdim}

    return canonical


def _place_batch(name: str) -> Any:
    def shifted(size: int, params: dict[str, Any]) -> dict[str, Any]:
        return {**params, "dim": params["dim"] + 1}

    def batch(size: int, batched: Any, x: Any, *, dim: int | None, keepdim: bool) -> Any:
        if dim is None or x.ndim == 1:  # a 0-d example has no dim of its own to search
            flat = x.reshape((size, -1))
            out = with_params(name, shifted)(size, batched, flat, dim=0, keepdim=False)
            return out.reshape((size, *(1,) * (x.ndim - 1))) if keepdim else out
        return with_params(name, shifted)(size, batched, x, dim=dim, keepdim=keepdim)

    return batch


_PLACES = "it finds a place, which is a whole number"


@custom(
    shape=_place_shape("argmax"),
    vjp=not_differentiable(_PLACES),
    jvp=not_differentiable(_PLACES),
    batch=_place_batch("argmax"),
    canonical=_place_canonical("argmax"),
    samples=(
        _DISTINCT[0],
        Sample(array(2, 3, distinct=True), 1, True),
        Sample(array(2, 3, distinct=True), keepdim=True),
        Sample(array()),
    ),
    errors=(ErrorSample(array(0), error=IndexError, match="empty tensor"),),
)
def argmax(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Place of the largest element; the first, where several are equal.

    Args:
        input: (...), real.
        dim: the dim to search; None searches the flattened tensor.
        keepdim: whether that dim stays, with length 1; without dim, whether all do.

    Returns:
        Tensor: int64, without that dim. The first NaN, if there is one.

    Raises:
        IndexError: there is nothing to search.
        DTypeError: input is complex.
    """
    return xp.argmax(x, axis=dim if x.ndim else None, keepdims=keepdim)


@custom(
    shape=_place_shape("argmin"),
    vjp=not_differentiable(_PLACES),
    jvp=not_differentiable(_PLACES),
    batch=_place_batch("argmin"),
    canonical=_place_canonical("argmin"),
    samples=(
        _DISTINCT[0],
        Sample(array(2, 3, distinct=True), 1, True),
        Sample(array(2, 3, distinct=True), keepdim=True),
        Sample(array()),
    ),
    errors=(ErrorSample(array(0), error=IndexError, match="empty tensor"),),
)
def argmin(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Place of the smallest element; the first, where several are equal.

    Args:
        input: (...), real.
        dim: the dim to search; None searches the flattened tensor.
        keepdim: whether that dim stays, with length 1; without dim, whether all do.

    Returns:
        Tensor: int64, without that dim. The first NaN, if there is one.

    Raises:
        IndexError: there is nothing to search.
        DTypeError: input is complex.
    """
    return xp.argmin(x, axis=dim if x.ndim else None, keepdims=keepdim)


_launched = Launcher("places")


def _fast(name: str) -> Any:
    def run(x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
        if x.size < 8192 or not _launched:
            return None
        return getattr(_launched, name)(x, dim=dim, keepdim=keepdim)

    run.least = 8192  # type: ignore[attr-defined]  # what looks at sizes first reads it
    return run


for _name in ("argmax", "argmin"):
    prefer(catalogue.ops[_name], _fast(_name))


class Extreme(NamedTuple):
    """Largest or smallest elements along a dim, and their places."""

    values: Tensor
    indices: Tensor


def _searchable(name: str, input: Tensor, dim: int | None) -> int | None:
    """Return the dim as a number, if the tensor has an order and something to search."""
    real_only(name, input)
    at = None if dim is None else canonical_dim(name, dim, input.ndim)
    empty = not input._data.size if at is None else input.ndim and not input.shape[at]
    if empty:
        what = "input" if at is None else f"dim {at} of length 0 of input"
        raise IndexError(
            f"{name}: {what} (input.shape == {tuple(input.shape)}) has no element, and so no "
            f"largest or smallest; reduce a dim that has elements"
        )
    return at


def _extreme(name: str, find: Any, input: Tensor, dim: int, keepdim: bool) -> Extreme:
    from weft.ops.gathering import take_along_dim

    at = _searchable(name, input, dim)
    places = find(input, at, True)
    if not input.ndim:
        return Extreme(input.clone(), places)
    values = take_along_dim(input, places, at)
    if not keepdim:
        values, places = values.squeeze(at), places.squeeze(at)
    return Extreme(values, places)


@composite(
    samples=(
        Sample(array(2, 3, distinct=True)),
        Sample(array(2, 3, distinct=True), 1),
        Sample(array(2, 3, distinct=True), 0, True),
        Sample(array(2, 3), array(3)),
        Sample(integers(2, 3), 1),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
    ),
    errors=(
        ErrorSample(array(0), error=IndexError, match="has no element"),
        ErrorSample(array(0, 3), 0, error=IndexError, match="dim 0 of length 0"),
    ),
    out=True,
)
def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Largest element of all; or along a dim, with its place; or of two tensors.

    Args:
        input: (...), real.
        dim: None for all, a dim, or a tensor to compare with (then as ``maximum``).
        keepdim: whether the dim stays, with length 1.

    Returns:
        Tensor, or with a dim a named tuple (values, indices). A NaN wins over all; of equal
        elements the first is taken, and gets the gradient. Without dim they share it evenly.

    Raises:
        IndexError: there is nothing to search, or the dim is out of range.
        DTypeError: input is complex.
    """
    if dim is None:
        _searchable("max", input, None)
        return amax(input)
    if isinstance(dim, Tensor):
        from weft.ops.bounds import maximum

        return maximum(input, dim)
    return _extreme("max", argmax, input, dim, keepdim)


@composite(
    samples=(
        Sample(array(2, 3, distinct=True)),
        Sample(array(2, 3, distinct=True), 1),
        Sample(array(2, 3, distinct=True), 0, True),
        Sample(array(2, 3), array(3)),
        Sample(integers(2, 3), 1),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
    ),
    errors=(
        ErrorSample(array(0), error=IndexError, match="has no element"),
        ErrorSample(array(0, 3), 0, error=IndexError, match="dim 0 of length 0"),
    ),
    out=True,
)
def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Smallest element of all; or along a dim, with its place; or of two tensors.

    Args:
        input: (...), real.
        dim: None for all, a dim, or a tensor to compare with (then as ``minimum``).
        keepdim: whether the dim stays, with length 1.

    Returns:
        Tensor, or with a dim a named tuple (values, indices). A NaN wins over all; of equal
        elements the first is taken, and gets the gradient. Without dim they share it evenly.

    Raises:
        IndexError: there is nothing to search, or the dim is out of range.
        DTypeError: input is complex.
    """
    if dim is None:
        _searchable("min", input, None)
        return amin(input)
    if isinstance(dim, Tensor):
        from weft.ops.bounds import minimum

        return minimum(input, dim)
    return _extreme("min", argmin, input, dim, keepdim)


class AMinMax(NamedTuple):
    """Smallest and largest elements."""

    min: Tensor
    max: Tensor


@composite(
    samples=(
        Sample(array(2, 3, distinct=True)),
        Sample(array(2, 3, distinct=True), dim=1),
        Sample(array(2, 3, distinct=True), dim=-2, keepdim=True),
        Sample(integers(2, 3), keepdim=True),
        Sample(array(), dim=0),
    ),
    errors=(
        ErrorSample(array(2, 0), dim=1, error=IndexError, match="dim 1 of length 0"),
        ErrorSample(array(2), dim=(0,), error=TypeError, match="dim must be an int"),
    ),
    out=True,
)
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> AMinMax:
    """Smallest and largest element of all, or of those along a dim.

    Args:
        input: (...), real.
        dim: the dim; None for all.
        keepdim: whether the dim stays, with length 1.

    Returns:
        named tuple (min, max): without that dim; NaN if one is NaN. Equal extremes share the
        gradient evenly.

    Raises:
        IndexError: the dim is out of range, or there is nothing to search.
        TypeError: dim names several dims.
    """
    at = _searchable("aminmax", input, dim)
    return AMinMax(amin(input, at, keepdim), amax(input, at, keepdim))
