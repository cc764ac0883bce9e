"""Indexing functions of the standard."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.array_api._operands import INTEGER, array, axes_of


def _from_zero(indices: Tensor, length: int) -> Tensor:
    """Return indices of any integer dtype as int64, those that count from the end from 0."""
    whole = indices.to(weft.int64)
    return weft.where(weft.lt(whole, 0), whole + length, whole)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Return the elements at indices along an axis.

    Args:
        x: (...).
        indices: (n,), of an integer dtype; negative ones count from the end.
        axis: the axis; may be left out where there is one.

    Returns:
        Tensor: n long along the axis.

    Raises:
        IndexError: an index or the axis is out of range.
        ValueError: indices is not one-dimensional, or x has several axes and none is named.
    """
    array("take", x)
    if array("take", indices, INTEGER).ndim != 1:
        raise ValueError(f"take: expected indices of one dimension, got {tuple(indices.shape)}")
    if axis is None and x.ndim != 1:
        raise ValueError(f"take: an array of {x.ndim} dimensions needs axis=")
    (at,) = axes_of("take", x, 0 if axis is None else axis)
    return weft.index_select(x, at, _from_zero(indices, x.shape[at]))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return elements at indices of their own, each within its line along an axis.

    Args:
        x: (...).
        indices: of as many dimensions, of an integer dtype, broadcast to x except along the axis.
        axis: the axis.

    Returns:
        Tensor: of the broadcast shape, as long along the axis as indices.

    Raises:
        IndexError: an index or the axis is out of range.
        ValueError: the two have not as many dimensions.
    """
    array("take_along_axis", x)
    array("take_along_axis", indices, INTEGER)
    if x.ndim != indices.ndim:
        raise ValueError(
            f"take_along_axis: x has {x.ndim} dimensions and indices {indices.ndim}, expected as "
            f"many"
        )
    (at,) = axes_of("take_along_axis", x, axis)
    return weft.take_along_dim(x, _from_zero(indices, x.shape[at]), at)
