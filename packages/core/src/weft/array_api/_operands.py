"""What the standard takes: kinds of dtypes, promotion within a kind, arrays beside Python scalars.

weft's own functions promote across kinds as PyTorch does. The standard leaves that open, so code
that relies on it is not portable: here it is refused.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

import weft
from weft import Tensor

#: The categories of dtypes that a function takes: bool 0, integer 1, real floating 2, complex 3.
ANY = frozenset({0, 1, 2, 3})
NUMERIC = frozenset({1, 2, 3})
REAL = frozenset({1, 2})
FLOATING = frozenset({2, 3})
REAL_FLOATING = frozenset({2})
COMPLEX = frozenset({3})
INTEGER = frozenset({1})
BITS = frozenset({0, 1})
BOOLEAN = frozenset({0})

_WORDS = {
    ANY: "any",
    NUMERIC: "a numeric",
    REAL: "a real-valued",
    FLOATING: "a floating-point",
    REAL_FLOATING: "a real-valued floating-point",
    COMPLEX: "a complex floating-point",
    INTEGER: "an integer",
    BITS: "an integer or boolean",
    BOOLEAN: "a boolean",
}
_SCALARS = {bool: ANY, int: NUMERIC, float: FLOATING, complex: COMPLEX}


def array(name: str, x: Any, kinds: frozenset[int] = ANY) -> Tensor:
    """Return ``x`` if it is an array of one of the kinds.

    Raises:
        TypeError: it is no array, or of another kind.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}: expected a weft.Tensor, got {type(x).__name__}; make one with asarray"
        )
    if category(x.dtype) not in kinds:
        raise weft.DTypeError(
            f"{name}: expected {_WORDS[kinds]} dtype, got {x.dtype}; convert with astype"
        )
    return x


def category(dtype: Any) -> int:
    """Return the kind of a dtype as a number: bool 0, integer 1, real floating 2, complex 3."""
    number: int = dtype.category
    return number


def promoted(name: str, dtypes: Iterable[Any]) -> Any:
    """Return the dtype to which all can be promoted.

    Raises:
        TypeError: they are of kinds that the standard does not mix.
    """
    out: Any = None
    for one in dtypes:
        if out is None:
            out = one
            continue
        mixed = {category(out), category(one)}
        if builtins.len(mixed) == 2 and mixed != {2, 3}:
            raise weft.DTypeError(
                f"{name}: {out} and {one} are of different kinds, which the standard does not "
                f"promote; convert one with astype"
            )
        out = weft.promote_types(out, one)
    return out


def scalar_fits(name: str, value: Any, dtype: Any) -> None:
    """Check that a Python scalar may stand beside arrays of a dtype.

    Raises:
        TypeError: it is no Python scalar, or of a higher kind than the dtype.
    """
    for kind, kinds in _SCALARS.items():  # bool comes first: it is an int too
        if isinstance(value, kind):
            if category(dtype) not in kinds or (kind is bool and category(dtype) != 0):
                raise weft.DTypeError(
                    f"{name}: the {kind.__name__} {value!r} does not go with an array of {dtype}; "
                    f"convert one of them"
                )
            return
    raise TypeError(f"{name}: expected an array or a Python number, got {type(value).__name__}")


def operands(name: str, kinds: frozenset[int], *values: Any) -> list[Tensor]:
    """Return arrays and Python scalars as arrays of their one promoted dtype.

    Args:
        name: the function that asks.
        kinds: the kinds it takes.
        values: arrays and Python scalars, at least one of them an array.

    Raises:
        TypeError: none is an array, or their dtypes do not go together.
    """
    arrays = [array(name, v, kinds) for v in values if isinstance(v, Tensor)]
    if not arrays:
        raise TypeError(
            f"{name}: at least one argument must be a weft.Tensor, got "
            f"{', '.join(type(v).__name__ for v in values)}"
        )
    dtype = promoted(name, [a.dtype for a in arrays])
    out = []
    for value in values:
        if isinstance(value, Tensor):
            out.append(value.to(dtype))
        else:
            scalar_fits(name, value, dtype)
            out.append(weft.tensor(value, dtype=dtype, device=arrays[0].device))
    return out


def axes_of(name: str, x: Tensor, axis: Any) -> tuple[int, ...]:
    """Return an axis, several or None for all as a tuple of distinct numbers from 0.

    Raises:
        IndexError: an axis is out of range.
        ValueError: an axis comes twice.
    """
    if axis is None:
        return tuple(range(x.ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    out = []
    for one in given:
        if not -x.ndim <= one < x.ndim:
            raise IndexError(
                f"{name}: axis {one} is out of range for an array of {x.ndim} dimensions"
            )
        out.append(one % x.ndim)
    if builtins.len(set(out)) != builtins.len(out):
        raise ValueError(f"{name}: axis {axis} names a dimension twice")
    return tuple(out)


def dtype_of(name: str, dtype: Any, otherwise: Any) -> Any:
    """Return a dtype argument, or the default where it is None.

    Raises:
        TypeError: it is no dtype object.
    """
    if dtype is None:
        return otherwise
    if not isinstance(dtype, weft.dtype):
        raise TypeError(f"{name}: expected a dtype such as float32, got {dtype!r}")
    return dtype
