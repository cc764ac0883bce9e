"""Searching functions of the standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import ANY, BOOLEAN, REAL, array, axes_of, category, operands


def _place(
    name: str, find: Callable[..., Tensor], x: Tensor, axis: int | None, keepdims: bool
) -> Tensor:
    array(name, x, REAL)
    if axis is None:
        out = find(x.reshape(-1), 0)
        return out.reshape((1,) * x.ndim) if keepdims else out
    (at,) = axes_of(name, x, axis)
    return find(x, at, keepdims)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the greatest element stands, the first of equal ones.

    Args:
        x: (...), of a real-valued dtype.
        axis: along which; None for the place in x flattened.
        keepdims: whether the axis stays, with length 1.

    Returns:
        Tensor: int64.
    """
    return _place("argmax", weft.argmax, x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the least element stands, the first of equal ones.

    Args:
        x: (...), of a real-valued dtype.
        axis: along which; None for the place in x flattened.
        keepdims: whether the axis stays, with length 1.

    Returns:
        Tensor: int64.
    """
    return _place("argmin", weft.argmin, x, axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return how many elements are not zero.

    Args:
        x: (...), of any dtype.
        axis: the axes to count along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: int64.
    """
    axes = axes_of("count_nonzero", array("count_nonzero", x), axis)
    counted = weft.ne(x, 0).to(weft.int64)
    return weft.sum(counted, axes, keepdims) if axes else counted


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Return the indices of the elements that are not zero, row by row.

    Args:
        x: (...), of at least one dimension.

    Returns:
        tuple of Tensor: for each axis, (count,) int64.

    Raises:
        ValueError: x has no dimensions.
    """
    if not array("nonzero", x).ndim:
        raise ValueError("nonzero: expected at least one dimension, got an array of none")
    found = weft.nonzero(x)
    return tuple(found[:, at].contiguous() for at in range(x.ndim))


def searchsorted(
    x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None
) -> Tensor:
    """Return where values would go into a sorted array so that it stays sorted.

    Args:
        x1: (n,), of a real-valued dtype, in ascending order, or brought into it by sorter.
        x2: the values: an array or a number.
        side: ``"left"`` before equal elements, ``"right"`` after them.
        sorter: (n,), the indices that sort x1.

    Returns:
        Tensor: of x2's shape, int64.

    Raises:
        ValueError: x1 is not one-dimensional, or side is neither.
        TypeError: the dtypes are of kinds that are not promoted.
    """
    if array("searchsorted", x1, REAL).ndim != 1:
        raise ValueError(f"searchsorted: expected x1 of one dimension, got {tuple(x1.shape)}")
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    a, b = operands("searchsorted", REAL, x1, x2)
    if sorter is not None:
        if category(array("searchsorted", sorter).dtype) != 1 or sorter.shape != x1.shape:
            raise ValueError(
                f"searchsorted: expected sorter to hold {x1.shape[0]} integers, got {sorter.dtype} "
                f"of shape {tuple(sorter.shape)}"
            )
        a = weft.index_select(a, 0, sorter.to(weft.int64))
    return weft.searchsorted(a, b, right=side == "right")


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """Return the elements of one array where a condition holds, of another elsewhere.

    Args:
        condition: (...), bool.
        x1: an array or a number.
        x2: an array or a number; one of the two is an array.

    Returns:
        Tensor: of the broadcast shape and promoted dtype.

    Raises:
        TypeError: condition is not bool, or the kinds do not go together.
    """
    array("where", condition, BOOLEAN)
    return weft.where(condition, *operands("where", ANY, x1, x2))
