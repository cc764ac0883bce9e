"""Rules of shape that many ops share: broadcasting, dimension numbers, their error messages."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from weft._core.errors import ShapeError


def broadcast_shapes(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which all ``shapes`` broadcast.

    Raises:
        ShapeError: two lengths of one dimension differ and neither is 1.
    """
    ndim = max((len(s) for s in shapes), default=0)
    out = [1] * ndim
    for shape in shapes:
        for i, length in enumerate(shape, start=ndim - len(shape)):
            if length == 1 or length == out[i]:
                continue
            if out[i] != 1:
                raise ShapeError(
                    f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast: "
                    f"dimension {i - ndim} is {out[i]} in one and {length} in another; "
                    f"sizes must be equal or 1"
                )
            out[i] = length
    return tuple(out)


def canonical_dim(name: str, dim: Any, ndim: int) -> int:
    """Return ``dim`` as a number in [0, ndim); a 0-d tensor counts as having one dimension.

    Raises:
        IndexError: it is out of range.
        TypeError: it is not an integer.
    """
    if type(dim) is int:
        number = dim
    else:
        try:
            number = operator.index(dim)
        except TypeError:
            raise TypeError(
                f"{name}: dim must be an int, got {type(dim).__name__} {dim!r}"
            ) from None
    span = ndim or 1
    if not -span <= number < span:
        raise IndexError(
            f"{name}: dim {number} is out of range for a tensor of {ndim} dimensions; "
            f"expected {-span} to {span - 1}"
        )
    return number % span


def canonical_dims(name: str, dims: Any, ndim: int) -> tuple[int, ...]:
    """Return one dim or several as a tuple of distinct numbers in [0, ndim); None means all.

    Raises:
        IndexError: one is out of range.
        ValueError: one is named twice.
    """
    if dims is None:
        return tuple(range(ndim))
    many = dims if isinstance(dims, (tuple, list)) else (dims,)
    numbers = tuple(canonical_dim(name, d, ndim) for d in many)
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"{name}: dim {tuple(many)} names a dimension twice")
    return numbers


def shape_tuple(name: str, shape: Any, more: Sequence[Any] = ()) -> tuple[int, ...]:
    """Return a shape given as ``f(2, 3)`` or ``f((2, 3))`` as a tuple of ints."""
    if not more and type(shape) is tuple and all(type(n) is int for n in shape):
        return shape
    given: Iterable[Any]
    given = (*shape, *more) if isinstance(shape, (tuple, list)) else (shape, *more)
    try:
        return tuple(operator.index(s) for s in given)
    except TypeError:
        raise TypeError(f"{name}: a shape must be ints, got {tuple(given)}") from None


def without(shape: tuple[int, ...], dims: Iterable[int], keepdim: bool) -> tuple[int, ...]:
    """Return a shape after reducing ``dims``: their lengths become 1 or go away."""
    gone = set(dims)
    if keepdim:
        return tuple(1 if i in gone else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def ints_per_dim(name: str, setting: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    """Return a setting given as one int, or one for each of ``count`` spatial dims, as a tuple.

    Raises:
        ValueError: it is neither, or one of them is below ``least``.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(given) == 1:
        given *= count
    try:
        values = tuple(map(operator.index, given))
    except TypeError:
        values = ()
    if len(values) != count or min(values, default=least) < least:
        raise ValueError(
            f"{name}: {setting} must be an int or {count} ints of at least {least}, got {value!r}"
        )
    return values
