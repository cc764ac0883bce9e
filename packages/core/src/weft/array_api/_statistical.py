"""Statistical functions of the standard."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import (
    FLOATING,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    array,
    axes_of,
    category,
    dtype_of,
)


def _added_dtype(name: str, x: Tensor, dtype: Any) -> Any:
    """Return the dtype of a sum: the widest of its kind for integers, else x's own."""
    own = x.dtype
    if category(own) == 1:
        own = weft.int64 if own.is_signed else weft.uint64
    return dtype_of(name, dtype, own)


def _only_axis(name: str, x: Tensor, axis: int | None) -> int:
    if axis is None and x.ndim != 1:
        raise ValueError(
            f"{name}: an array of {x.ndim} dimensions needs axis=, only one of 1 dimension does not"
        )
    return axes_of(name, x, 0 if axis is None else axis)[0]


def _cumulative(
    name: str,
    run: Callable[..., Tensor],
    identity: int,
    x: Tensor,
    axis: int | None,
    dtype: Any,
    include_initial: bool,
) -> Tensor:
    at = _only_axis(name, array(name, x, NUMERIC), axis)
    own = _added_dtype(name, x, dtype)
    out = run(x.to(own), at, dtype=own)
    if not include_initial:
        return out
    shape = (*x.shape[:at], 1, *x.shape[at + 1 :])
    return weft.cat([weft.full(shape, identity, dtype=own, device=x.device), out], at)


def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the products of all elements up to each.

    Args:
        x: (...), of a numeric dtype.
        axis: the axis; may be left out where there is one.
        dtype: that of the result; by default x's, for integers int64 or uint64.
        include_initial: whether the result starts with 1 and is longer by it.

    Returns:
        Tensor: of x's shape, or one longer along the axis.

    Raises:
        ValueError: axis is None and x has more dimensions than one.
    """
    return _cumulative("cumulative_prod", weft.cumprod, 1, x, axis, dtype, include_initial)


def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the sums of all elements up to each.

    Args:
        x: (...), of a numeric dtype.
        axis: the axis; may be left out where there is one.
        dtype: that of the result; by default x's, for integers int64 or uint64.
        include_initial: whether the result starts with 0 and is longer by it.

    Returns:
        Tensor: of x's shape, or one longer along the axis.

    Raises:
        ValueError: axis is None and x has more dimensions than one.
    """
    return _cumulative("cumulative_sum", weft.cumsum, 0, x, axis, dtype, include_initial)


def max(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the greatest element.

    Args:
        x: (...), of a real-valued dtype.
        axis: the axes to search along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: of x's dtype; NaN where one is NaN.

    Raises:
        ValueError: there is no element to choose from.
    """
    axes = axes_of("max", array("max", x, REAL), axis)
    return weft.amax(x, axes, keepdims) if axes else weft.clone(x)


def mean(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the arithmetic mean.

    Args:
        x: (...), of a floating dtype.
        axis: the axes to average along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: of x's dtype; NaN of no elements.
    """
    axes = axes_of("mean", array("mean", x, FLOATING), axis)
    return weft.mean(x, axes, keepdims) if axes else weft.clone(x)


def min(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the least element.

    Args:
        x: (...), of a real-valued dtype.
        axis: the axes to search along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: of x's dtype; NaN where one is NaN.

    Raises:
        ValueError: there is no element to choose from.
    """
    axes = axes_of("min", array("min", x, REAL), axis)
    return weft.amin(x, axes, keepdims) if axes else weft.clone(x)


def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Return the product of elements.

    Args:
        x: (...), of a numeric dtype.
        axis: the axes to multiply along; all if None.
        dtype: that of the result; by default x's, for integers int64 or uint64.
        keepdims: whether the axes stay, with length 1.

    Returns:
        Tensor: 1 of no elements.
    """
    axes = axes_of("prod", array("prod", x, NUMERIC), axis)
    own = _added_dtype("prod", x, dtype)
    out = x.to(own)
    for at in sorted(axes, reverse=True):
        out = weft.prod(out, at, keepdims, dtype=own)
    return weft.clone(out) if out is x else out


def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Return the sum of elements.

    Args:
        x: (...), of a numeric dtype.
        axis: the axes to add along; all if None.
        dtype: that of the result; by default x's, for integers int64 or uint64.
        keepdims: whether the axes stay, with length 1.

    Returns:
        Tensor: 0 of no elements.
    """
    axes = axes_of("sum", array("sum", x, NUMERIC), axis)
    own = _added_dtype("sum", x, dtype)
    converted = x.to(own)
    if not axes:
        return weft.clone(converted) if converted is x else converted
    return weft.sum(converted, axes, keepdims, dtype=own)


def std(
    x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the standard deviation.

    Args:
        x: (...), of a real-valued floating dtype.
        axis: the axes to take it along; all if None.
        correction: what to take from the number of elements before dividing by it.
        keepdims: whether the axes stay, with length 1.

    Returns:
        Tensor: of x's dtype; NaN where correction leaves nothing to divide by.
    """
    return weft.sqrt(_variance("std", x, axis, correction, keepdims))


def var(
    x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the variance.

    Args:
        x: (...), of a real-valued floating dtype.
        axis: the axes to take it along; all if None.
        correction: what to take from the number of elements before dividing by it.
        keepdims: whether the axes stay, with length 1.

    Returns:
        Tensor: of x's dtype; NaN where correction leaves nothing to divide by.
    """
    return _variance("var", x, axis, correction, keepdims)


def _variance(name: str, x: Tensor, axis: Any, correction: float, keepdims: bool) -> Tensor:
    axes = axes_of(name, array(name, x, REAL_FLOATING), axis)
    if not axes:  # each element alone, which is its own mean
        return (x - x) / (1 - correction) if correction < 1 else weft.full_like(x, weft.nan)
    count = 1
    for at in axes:
        count *= x.shape[at]
    squares = weft.sum(weft.square(x - weft.mean(x, axes, True)), axes, keepdims)
    left = builtins.max(count - correction, 0)
    return squares / left if left else weft.full_like(squares, weft.nan)
