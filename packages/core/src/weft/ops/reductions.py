"""Sums, means and products over dims."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dims, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to, shape_of
from weft.ops.comparison import eq, ne, where
from weft.ops.complex import conj
from weft.ops.families.composite import composite
from weft.ops.families.reduction import reduction

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)


def _spread(g: Any, x: Any) -> Any:
    return expand_to(g, shape_of(x))


@reduction(
    combine="sum",
    identity=0,
    dtype="sum",
    takes_dtype=True,
    vjp=lambda g, out, x, dim: _spread(g, x),
    jvp=lambda t, out, x, dim, keepdim: sum(t, dim, keepdim) if dim else t,  # () is none, not all
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


def _squares_jvp(t: Any, out: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    slopes = x * t * 2
    return sum(slopes, dim, keepdim) if dim else slopes


@reduction(
    combine="sum",
    identity=0,
    dtype="sum",
    vjp=lambda g, out, x, dim: (g * 2) * (conj(x) if x.dtype.is_complex else x),
    jvp=_squares_jvp,
    saves=("x",),
    namespaces=(),
    methods=(),
)
def sum_of_squares(xp: Any, x: Any) -> Any:
    """Sum of the squares over dims, in one pass.

    Args:
        input: (...).
        dim: the dim or dims to sum over; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without the summed dims. The sum of nothing is 0.

    Raises:
        IndexError: a dim is out of range.
    """
    return x * x


_SUMS = (
    Sample(array(2, 3)),
    Sample(array(2, 3), dim=1, keepdim=True),
    Sample(array(2, 3, 2), dim=(0, -1)),
    Sample(array()),
)


@composite(
    samples=(*_SUMS, Sample(integers(3)), Sample(array(3, fixed=True), dtype=dtypes.int32)),
    errors=(ErrorSample(array(2), dim=1, error=IndexError, match="dim 1 is out of range"),),
    out=True,
)
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dims, with NaN counted as 0.

    Args:
        input: (...).
        dim: the dim or dims to sum over; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: without the summed dims. The sum of nothing, or of NaN alone, is 0.

    Raises:
        IndexError: a dim is out of range.
    """
    dims = canonical_dims("nansum", None if dim in ((), []) else dim, input.ndim)
    numbers = where(ne(input, input), 0, input) if input.dtype.category > 1 else input
    total: Tensor = sum(numbers, dims if input.ndim else None, keepdim, dtype=dtype)
    return total


_NO_INTEGERS = (ErrorSample(integers(3), error=DTypeError, match="floating or complex"),)


def _mean_dtype(name: str, input: Tensor, dtype: Any) -> tuple[dtypes.dtype, dtypes.dtype]:
    """Return the dtype of a mean, and the one to add in."""
    own = input.dtype if dtype is None else dtypes.of(dtypes.canonical(dtype))
    if own.category < 2:
        raise DTypeError(
            f"{name}: expected a floating or complex tensor, got {own}; convert it with "
            f".to(weft.float32) or pass dtype="
        )
    # the sum of many halves overflows where their mean does not
    return own, dtypes.float32 if own in (dtypes.float16, dtypes.bfloat16) else own


@composite(
    samples=(*_SUMS, Sample(integers(3), dtype=dtypes.float64)),
    errors=_NO_INTEGERS,
    out=True,
)
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over dims.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first.

    Returns:
        Tensor: without those dims. The mean of nothing is NaN.

    Raises:
        DTypeError: input is integer or boolean and no floating dtype is given.
        IndexError: a dim is out of range.
    """
    data = input._data
    kind = data.dtype
    if dtype is None and (kind is _F32 or kind is _F64):  # each question more costs as a sum does
        shape = data.shape
        count = 0
        if dim is None:
            count = math.prod(shape)
        elif type(dim) is int and -len(shape) <= dim < len(shape):
            count = shape[dim]
        if count:
            mean_of: Tensor = sum(input, dim, keepdim) / count
            return mean_of
    own, wide = _mean_dtype("mean", input, dtype)
    dims = canonical_dims("mean", None if dim in ((), []) else dim, input.ndim)
    count = math.prod(input.shape[d] for d in dims) if input.ndim else 1
    total = sum(input, dim, keepdim, dtype=None if wide is input.dtype else wide)
    out = total / count if count else total * math.nan
    return out if out.dtype is own else out.to(own)


@composite(samples=_SUMS, errors=_NO_INTEGERS, out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over dims of the elements that are not NaN.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: of the result.

    Returns:
        Tensor: without those dims. The mean of nothing, or of NaN alone, is NaN.

    Raises:
        DTypeError: input is integer or boolean.
        IndexError: a dim is out of range.
    """
    _mean_dtype("nanmean", input, None)
    own, wide = _mean_dtype("nanmean", input, dtype)
    dims = canonical_dims("nanmean", None if dim in ((), []) else dim, input.ndim)
    count = sum(eq(input, input), dims, keepdim)
    out = nansum(input, dims, keepdim, dtype=wide) / count
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
        sum(_prod_rule(t * 0 + 1, out, x, dim) * t, dim, keepdim) if dim else t
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
        Sample(array(2, 3), 1, 3),
        Sample(array(2, 3), (3,)),
        Sample(array(4, 2, 3), (2, 1)),
        Sample(array(2, 3), 2, 3),
        Sample(array(2), ()),
    ),
    errors=(
        ErrorSample(array(2, 3), 2, error=ShapeError, match=r"\(2,\) cannot be expanded to"),
        ErrorSample(array(3), 2, 3, error=ShapeError, match="cannot be expanded to"),
    ),
    namespaces=(),
    methods=("sum_to_size",),
)
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Sum over the dims that a tensor of a given shape would need repeated to have input's shape.

    Args:
        input: (...).
        size: the shape wanted, as ints or one tuple; one that can be expanded to input's.

    Returns:
        Tensor: (*size).

    Raises:
        ShapeError: size cannot be expanded to input's shape.
    """
    wanted = shape_tuple("sum_to_size", size[0] if len(size) == 1 else size)
    own = tuple(input.shape)
    lead = len(own) - len(wanted)
    if lead < 0 or not all(n in (1, m) for n, m in zip(wanted, own[lead:], strict=True)):
        raise ShapeError(
            f"sum_to_size: a tensor of shape {wanted} cannot be expanded to {own}, input's shape; "
            f"lengths must be equal, or 1 in size"
        )
    dims = [d for d, m in enumerate(own) if d < lead or (wanted[d - lead] == 1 != m)]
    return sum(input, dims, True).reshape(wanted) if dims else input
