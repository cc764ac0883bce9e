"""Sums, means, extremes and truths over dims."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, booleans, integers
from weft._core.shapes import canonical_dim, canonical_dims, without
from weft._core.tensor import Tensor
from weft.ops.arithmetic import square
from weft.ops.broadcasting import expand_to, shape_of
from weft.ops.comparison import eq, where
from weft.ops.complex import conj, real
from weft.ops.exponential import exp, sqrt
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.reduction import reduction

_DISTINCT = (
    Sample(array(2, 3, distinct=True)),
    Sample(array(2, 3, 2, distinct=True), dim=1),
    Sample(array(2, 3, 2, distinct=True), dim=(0, -1), keepdim=True),
)
_TRUTHS = (Sample(booleans(2, 3)), Sample(array(2, 3), dim=1), Sample(booleans(0), dim=0))


def _spread(g: Any, x: Any) -> Any:
    return expand_to(g, shape_of(x))


# --- sums --------------------------------------------------------------------------------------


@reduction(
    combine="sum",
    identity=0,
    dtype="sum",
    takes_dtype=True,
    vjp=lambda g, out, x, dim: _spread(g, x),
    jvp=lambda t, out, x, dim, keepdim: sum(t, dim or None, keepdim) if t.ndim else t,
)
def sum(xp: Any, x: Any) -> Any:
    """Sum over dims.

    Args:
        input: (...).
        dim: the dim or dims to sum over; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: without the summed dims. The sum of nothing is 0.

    Raises:
        IndexError: a dim is out of range.
    """
    return x


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), dim=1, keepdim=True),
        Sample(integers(3), dtype=dtypes.float64),
    ),
    errors=(ErrorSample(integers(3), error=DTypeError, match="floating or complex"),),
    out=True,
)
def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Mean over dims.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first.
        axis: NumPy's name for dim.
        keepdims: NumPy's name for keepdim.

    Returns:
        Tensor: without those dims. The mean of nothing is NaN.

    Raises:
        DTypeError: input is integer or boolean and no dtype is given.
    """
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    own = input.dtype if dtype is None else dtypes.of(dtypes.canonical(dtype))
    if own.category < 2:
        raise DTypeError(
            f"mean: expected a floating or complex tensor, got {own}; convert it with "
            f".to(weft.float32) or pass dtype="
        )
    dims = canonical_dims("mean", None if dim in ((), []) else dim, input.ndim)
    count = math.prod(input.shape[d] for d in dims) if input.ndim else 1
    # the sum of many halves overflows where their mean does not
    wide = dtypes.float32 if own in (dtypes.float16, dtypes.bfloat16) else own
    total = sum(input, dim, keepdim, dtype=wide)
    out = total / count if count else total * math.nan
    return out if out.dtype is own else out.to(own)


def _prod_rule(g: Any, out: Any, x: Any, dim: tuple[int, ...]) -> Any:
    """g times the product of the others; where zeros are, found without dividing by them."""
    zero = eq(x, 0)
    others = where(zero, 1.0, x)
    zeros = sum(zero, dim=dim, keepdim=True) if dim else zero.to(dtypes.int64)
    rest = prod(others, dim=dim, keepdim=True) if dim else others
    alone = where(zeros == 1, g * rest, 0.0)  # the one zero's derivative
    return where(zero, _spread(alone, x), where(zeros == 0, g * rest, 0.0) / others)


def _prod_vjp(g: Any, out: Any, x: Any, dim: tuple[int, ...]) -> Any:
    """The rule with the conjugate of the product of the others, as reverse mode needs it."""
    if not x.dtype.is_complex:
        return _prod_rule(g, out, x, dim)
    return conj(_prod_rule(conj(g), out, x, dim))


@reduction(
    combine="prod",
    identity=1,
    dtype="sum",
    takes_dtype=True,
    saves=("x",),
    vjp=_prod_vjp,
    jvp=lambda t, out, x, dim, keepdim: (
        sum(_prod_rule(t * 0 + 1, out, x, dim) * t, dim or None, keepdim) if x.ndim else t
    ),
)
def prod(xp: Any, x: Any) -> Any:
    """Product over dims.

    Args:
        input: (...).
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: without those dims. The product of nothing is 1.

    Raises:
        IndexError: a dim is out of range.
    """
    return x


@composite(
    samples=(
        Sample(array(4, 3)),
        Sample(array(4, 3), dim=0, correction=0),
        Sample(array(4, 3), dim=(0, 1), keepdim=True),
    ),
    out=True,
)
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Variance over dims: the mean squared distance from the mean.

    Args:
        input: (...), floating.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        Tensor: without those dims, real. NaN where too few elements are left.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    dims = canonical_dims("var", None if dim in ((), []) else dim, input.ndim)
    count = math.prod(input.shape[d] for d in dims) if input.ndim else 1
    own = input.dtype
    if own in (dtypes.float16, dtypes.bfloat16):
        input = input.to(dtypes.float32)
    far = input - mean(input, dim, True)
    total = sum(real(far * conj(far)) if far.dtype.is_complex else square(far), dim, keepdim)
    left = count - correction
    out = total / left if left > 0 else total * math.nan
    return out.to(own) if own.itemsize == 2 else out


@composite(
    samples=(Sample(array(4, 3)), Sample(array(4, 3), dim=0, correction=0)),
    out=True,
)
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Standard deviation over dims: the square root of the variance.

    Args:
        input: (...), floating.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        Tensor: without those dims. Its gradient where it is 0 is 0, as in PyTorch.
    """
    square = var(input, dim, unbiased, keepdim, correction=correction)
    flat = eq(square, 0)
    return where(flat, 0.0, sqrt(where(flat, 1.0, square)))


# --- extremes ----------------------------------------------------------------------------------


def _extreme_vjp(g: Any, out: Any, x: Any, dim: tuple[int, ...]) -> Any:
    """Share the gradient evenly among the elements that reach the extreme."""
    hit = eq(x, out)
    count = sum(hit, dim=dim, keepdim=True) if dim else hit
    return where(hit, g / count.to(g.dtype), 0)


def _extreme_jvp(t: Any, out: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    if not x.ndim:
        return t
    kept = out if keepdim else out.reshape(without(tuple(x.shape), dim, True))
    hit = eq(x, kept)
    count = sum(hit, dim=dim, keepdim=keepdim)
    return sum(where(hit, t, 0), dim=dim, keepdim=keepdim) / count.to(t.dtype)


_EMPTY = (ErrorSample(array(2, 0), dim=1, error=IndexError, match="dim 1 of length 0"),)


@reduction(
    combine="max",
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
        Tensor: without those dims. Equal largest elements share the gradient evenly.

    Raises:
        IndexError: a dim is out of range, or empty.
    """
    return x


@reduction(
    combine="min",
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
        Tensor: without those dims. Equal smallest elements share the gradient evenly.

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
        at = None if dim is None else canonical_dim(name, dim, input.ndim)
        return {"dim": at, "keepdim": keepdim}

    return canonical


def _place_batch(name: str) -> Any:
    def shifted(size: int, params: dict[str, Any]) -> dict[str, Any]:
        return {**params, "dim": params["dim"] + 1}

    def batch(size: int, batched: Any, x: Any, *, dim: int | None, keepdim: bool) -> Any:
        if dim is None:
            return with_params(name, shifted)(
                size, batched, x.reshape((size, -1)), dim=0, keepdim=False
            )
        return with_params(name, shifted)(size, batched, x, dim=dim, keepdim=keepdim)

    return batch


_PLACES = "it finds a place, which is a whole number"


@custom(
    shape=_place_shape("argmax"),
    vjp=not_differentiable(_PLACES),
    jvp=not_differentiable(_PLACES),
    batch=_place_batch("argmax"),
    canonical=_place_canonical("argmax"),
    samples=(_DISTINCT[0], Sample(array(2, 3, distinct=True), 1, True)),
    errors=(ErrorSample(array(0), error=IndexError, match="empty tensor"),),
)
def argmax(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Place of the largest element; the first, where several are equal.

    Args:
        input: (...), real.
        dim: the dim to search; None searches the flattened tensor.
        keepdim: whether that dim stays, with length 1.

    Returns:
        Tensor: int64, without that dim.

    Raises:
        IndexError: there is nothing to search.
    """
    return xp.argmax(x, axis=dim if x.ndim else None, keepdims=keepdim and dim is not None)


@custom(
    shape=_place_shape("argmin"),
    vjp=not_differentiable(_PLACES),
    jvp=not_differentiable(_PLACES),
    batch=_place_batch("argmin"),
    canonical=_place_canonical("argmin"),
    samples=(_DISTINCT[0], Sample(array(2, 3, distinct=True), 1, True)),
    errors=(ErrorSample(array(0), error=IndexError, match="empty tensor"),),
)
def argmin(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Place of the smallest element; the first, where several are equal.

    Args:
        input: (...), real.
        dim: the dim to search; None searches the flattened tensor.
        keepdim: whether that dim stays, with length 1.

    Returns:
        Tensor: int64, without that dim.

    Raises:
        IndexError: there is nothing to search.
    """
    return xp.argmin(x, axis=dim if x.ndim else None, keepdims=keepdim and dim is not None)


class Extreme(NamedTuple):
    """Largest or smallest elements along a dim, and their places."""

    values: Tensor
    indices: Tensor


def _extreme(name: str, find: Any, input: Tensor, dim: int, keepdim: bool) -> Extreme:
    from weft.ops.gathering import take_along_dim

    at = canonical_dim(name, dim, input.ndim)
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
    ),
    out=True,
)
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Any:
    """Largest element of all; or along a dim, with its place; or of two tensors.

    Args:
        input: (...), real.
        dim: None for all, a dim, or a tensor to compare with (then as ``maximum``).
        keepdim: whether the dim stays, with length 1.
        axis: NumPy's name for dim.

    Returns:
        Tensor, or with a dim a named tuple (values, indices).

    Raises:
        IndexError: there is nothing to search.
    """
    dim = dim if axis is None else axis
    if dim is None:
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
    ),
    out=True,
)
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Any:
    """Smallest element of all; or along a dim, with its place; or of two tensors.

    Args:
        input: (...), real.
        dim: None for all, a dim, or a tensor to compare with (then as ``minimum``).
        keepdim: whether the dim stays, with length 1.
        axis: NumPy's name for dim.

    Returns:
        Tensor, or with a dim a named tuple (values, indices).

    Raises:
        IndexError: there is nothing to search.
    """
    dim = dim if axis is None else axis
    if dim is None:
        return amin(input)
    if isinstance(dim, Tensor):
        from weft.ops.bounds import minimum

        return minimum(input, dim)
    return _extreme("min", argmin, input, dim, keepdim)


# --- truths ------------------------------------------------------------------------------------

_TRUTH = not_differentiable("its result is true or false")


@reduction(combine="all", identity=1, dtype="bool", vjp=_TRUTH, jvp=_TRUTH, samples=_TRUTHS)
def all(xp: Any, x: Any) -> Any:
    """Whether all elements are non-zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: bool. True of nothing.
    """
    return x != 0


@reduction(combine="any", identity=0, dtype="bool", vjp=_TRUTH, jvp=_TRUTH, samples=_TRUTHS)
def any(xp: Any, x: Any) -> Any:
    """Whether some element is non-zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: bool. False of nothing.
    """
    return x != 0


@reduction(
    combine="sum",
    identity=0,
    dtype="count",
    vjp=not_differentiable("it counts"),
    jvp=not_differentiable("it counts"),
    samples=_TRUTHS,
)
def count_nonzero(xp: Any, x: Any) -> Any:
    """Number of elements that are not zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: int64.
    """
    return (x != 0).astype("int64")


# --- log-sum-exp -------------------------------------------------------------------------------


def _lse_shape(x: Aval, *, dim: tuple[int, ...], keepdim: bool) -> Aval:
    return Aval(without(x.shape, dim, keepdim), x.dtype)


def _lse_weights(out: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    kept = out if keepdim else out.reshape(without(tuple(x.shape), dim, True))
    # where everything is -inf, the difference is NaN; the weights there are zero
    return exp(x - where(eq(kept, -math.inf), 0.0, kept))


def _lse_vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    kept = g if keepdim else g.reshape(without(tuple(x.shape), dim, True))
    weights = _lse_weights(out, x, dim, keepdim)
    return (kept * (conj(weights) if x.dtype.is_complex else weights),)


def _lse_jvp(tangents: Any, out: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    weighted = tangents[0] * _lse_weights(out, x, dim, keepdim)
    return sum(weighted, dim, keepdim) if dim else weighted


def _lse_canonical(input: Any, dim: Any, keepdim: bool) -> dict[str, Any]:
    dims = canonical_dims("logsumexp", dim, input.ndim)
    return {"dim": dims if input.ndim else (), "keepdim": keepdim}


@custom(
    shape=_lse_shape,
    vjp=_lse_vjp,
    jvp=_lse_jvp,
    batch=with_params("logsumexp", shift_dims("dim")),
    saves=("x", "out"),
    canonical=_lse_canonical,
    floating=True,
    samples=(Sample(array(2, 3), 1), Sample(array(2, 3), (0, 1), True)),
)
def logsumexp(xp: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool = False) -> Any:
    """Logarithm of the sum of exponentials over dims, without overflow.

    Args:
        input: (...); integers become the default floating dtype.
        dim: the dim or dims.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims; -inf of nothing.
    """
    peak = xp.max(x, axis=dim, keepdims=True, initial=-math.inf)
    peak = xp.where(xp.isfinite(peak), peak, 0).astype(x.dtype)
    total = xp.log(xp.sum(xp.exp(x - peak), axis=dim, keepdims=keepdim))
    return total + (peak if keepdim else peak.reshape(total.shape))
