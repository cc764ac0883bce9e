"""Set functions of the standard."""

from __future__ import annotations

from typing import Any, NamedTuple

import weft
from weft import Tensor
from weft.array_api._operands import ANY, array, operands


class UniqueAll(NamedTuple):
    """What ``unique_all`` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` returns."""

    values: Tensor
    inverse_indices: Tensor


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Tensor:
    """Return which elements of an array are among those of another.

    Args:
        x1: (...), an array or a number.
        x2: an array or a number; one of the two is an array.
        invert: whether to tell which are not.

    Returns:
        Tensor: of x1's shape, bool. NaN is in no array.

    Raises:
        TypeError: the kinds do not go together.
    """
    a, b = operands("isin", ANY, x1, x2)
    if a.dtype.is_complex:  # compare which of their distinct values they are
        both = weft.cat([a.reshape(-1), b.reshape(-1)])
        _, which, _ = _distinct("isin", both)
        a, b = which[: a.numel()].reshape(tuple(a.shape)), which[a.numel() :]
    found = weft.isin(a, b)
    return ~found if invert else found


def unique_all(x: Tensor, /) -> UniqueAll:
    """Return the distinct elements, where each comes first, which one each is, and how often.

    Args:
        x: (...).

    Returns:
        UniqueAll: values (n,), ascending; indices (n,) into x flattened; inverse_indices of x's
        shape; counts (n,). Every NaN is distinct.
    """
    values, inverse, counts = _distinct("unique_all", x)
    # Positions sorted by value, in the order they come: the first of each run is the first.
    order = weft.argsort(inverse.reshape(-1), stable=True)
    firsts = weft.index_select(order, 0, weft.cumsum(counts, 0) - counts)
    return UniqueAll(values, firsts, inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Return the distinct elements and how often each comes.

    Args:
        x: (...).

    Returns:
        UniqueCounts: values (n,), ascending; counts (n,). Every NaN is distinct.
    """
    values, _, counts = _distinct("unique_counts", x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Return the distinct elements and which of them each element is.

    Args:
        x: (...).

    Returns:
        UniqueInverse: values (n,), ascending; inverse_indices of x's shape.
    """
    values, inverse, _ = _distinct("unique_inverse", x)
    return UniqueInverse(values, inverse)


def unique_values(x: Tensor, /) -> Tensor:
    """Return the distinct elements.

    Args:
        x: (...).

    Returns:
        Tensor: (n,), ascending. Every NaN is distinct.
    """
    return _distinct("unique_values", x)[0]


def _distinct(name: str, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return values, inverse in x's shape, and counts; complex ones by their real part first."""
    flat = array(name, x).reshape(-1)
    shape = tuple(x.shape)
    if not flat.dtype.is_complex:
        values, inverse, counts = weft.unique(flat, return_inverse=True, return_counts=True)
        return values, inverse.reshape(shape), counts
    # rank the parts, then the pairs of ranks: pairs of equal ranks are equal numbers
    _, low, _ = weft.unique(weft.imag(flat), return_inverse=True, return_counts=True)
    _, high, _ = weft.unique(weft.real(flat), return_inverse=True, return_counts=True)
    pairs = high * max(flat.numel(), 1) + low
    _, inverse, counts = weft.unique(pairs, return_inverse=True, return_counts=True)
    order = weft.argsort(inverse, stable=True)
    firsts = weft.index_select(order, 0, weft.cumsum(counts, 0) - counts)
    return weft.index_select(flat, 0, firsts), inverse.reshape(shape), counts
