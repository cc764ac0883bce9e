"""Utility functions of the standard."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import NUMERIC, array, axes_of, promoted


def all(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return whether every element is true, or not zero.

    Args:
        x: (...), of any dtype.
        axis: the axes to look along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: bool; true of no elements.
    """
    out = weft.ne(array("all", x), 0)
    for at in sorted(axes_of("all", x, axis), reverse=True):
        out = weft.all(out, at, keepdims)
    return out


def any(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return whether an element is true, or not zero.

    Args:
        x: (...), of any dtype.
        axis: the axes to look along; all if None.
        keepdims: whether they stay, with length 1.

    Returns:
        Tensor: bool; false of no elements.
    """
    out = weft.ne(array("any", x), 0)
    for at in sorted(axes_of("any", x, axis), reverse=True):
        out = weft.any(out, at, keepdims)
    return out


def diff(
    x: Tensor,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Return the differences of neighbours along an axis, taken n times.

    Args:
        x: (...), of a numeric dtype.
        axis: the axis.
        n: how often.
        prepend: what to put before x first, of x's shape except along the axis.
        append: what to put after it, likewise.

    Returns:
        Tensor: shorter by n along the axis.

    Raises:
        ValueError: n is negative.
    """
    (at,) = axes_of("diff", array("diff", x, NUMERIC), axis)
    if n < 0:
        raise ValueError(f"diff: n cannot be negative, got {n}")
    parts = [part for part in (prepend, x, append) if part is not None]
    dtype = promoted("diff", [array("diff", part, NUMERIC).dtype for part in parts])
    out = weft.cat([part.to(dtype) for part in parts], at) if len(parts) > 1 else x
    for _ in range(n):
        length = out.shape[at]
        if length == 0:
            break
        out = weft.sub(weft.narrow(out, at, 1, length - 1), weft.narrow(out, at, 0, length - 1))
    return weft.clone(out) if out is x else out
