"""Sorting functions of the standard."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.array_api._operands import REAL, array, axes_of


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return the indices that sort an array along an axis.

    Args:
        x: (...), of a real-valued dtype.
        axis: the axis.
        descending: whether the greatest comes first.
        stable: whether equal elements keep their order.

    Returns:
        Tensor: of x's shape, int64.
    """
    (at,) = axes_of("argsort", array("argsort", x, REAL), axis)
    return weft.argsort(x, dim=at, descending=descending, stable=stable)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return an array sorted along an axis.

    Args:
        x: (...), of a real-valued dtype.
        axis: the axis.
        descending: whether the greatest comes first.
        stable: whether equal elements keep their order.

    Returns:
        Tensor: of x's shape.
    """
    (at,) = axes_of("sort", array("sort", x, REAL), axis)
    out: Tensor = weft.sort(x, dim=at, descending=descending, stable=stable)[0]
    return out
