"""Linear algebra functions of the standard's main namespace."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import NUMERIC, array, operands


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the matrix product.

    Args:
        x1: (..., M, K) or (K,), of a numeric dtype.
        x2: (..., K, N) or (K,).

    Returns:
        Tensor: (..., M, N), without M or N where an argument has one dimension.

    Raises:
        ValueError: the shapes do not go together.
        TypeError: the kinds do not go together.
    """
    array("matmul", x1, NUMERIC)
    array("matmul", x2, NUMERIC)
    return weft.matmul(*operands("matmul", NUMERIC, x1, x2))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """Return matrices with rows and columns swapped.

    Args:
        x: (..., M, N).

    Returns:
        Tensor: (..., N, M), a view.

    Raises:
        ValueError: x has fewer than two dimensions.
    """
    if array("matrix_transpose", x).ndim < 2:
        raise ValueError(
            f"matrix_transpose: expected at least two dimensions, got {tuple(x.shape)}"
        )
    return weft.transpose(x, -2, -1)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Sum products over pairs of axes.

    Args:
        x1: (...), of a numeric dtype.
        x2: (...).
        axes: how many last axes of x1 go with as many first ones of x2; or two sequences that
            name them pair by pair.

    Returns:
        Tensor: x1's other axes, then x2's.

    Raises:
        ValueError: axes that go together are not as long.
    """
    array("tensordot", x1, NUMERIC)
    array("tensordot", x2, NUMERIC)
    a, b = operands("tensordot", NUMERIC, x1, x2)
    pairs = axes if isinstance(axes, int) else tuple(list(side) for side in axes)
    return weft.tensordot(a, b, pairs)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the dot product of vectors, the first conjugated.

    Args:
        x1: (..., K, ...), of a numeric dtype.
        x2: likewise; the other axes are broadcast.
        axis: the vectors' axis, counted from the end: negative.

    Returns:
        Tensor: without the axis.

    Raises:
        ValueError: the axis is not negative or out of range, or not as long in both.
        TypeError: the kinds do not go together.
    """
    array("vecdot", x1, NUMERIC)
    array("vecdot", x2, NUMERIC)
    a, b = operands("vecdot", NUMERIC, x1, x2)
    if not -min(a.ndim, b.ndim) <= axis < 0:
        raise ValueError(
            f"vecdot: axis must be negative and not below {-min(a.ndim, b.ndim)}, got {axis}"
        )
    if a.shape[axis] != b.shape[axis]:
        raise weft.ShapeError(
            f"vecdot: axis {axis} must be as long in both, got {a.shape[axis]} and {b.shape[axis]}"
        )
    first = weft.conj(a) if a.dtype.is_complex else a
    return weft.sum(first * b, axis, dtype=a.dtype)
