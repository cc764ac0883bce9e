"""Data type functions of the standard."""

from __future__ import annotations

import dataclasses
from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import array, category, promoted, scalar_fits

_KINDS: dict[str, Any] = {
    "bool": lambda d: category(d) == 0,
    "signed integer": lambda d: category(d) == 1 and d.is_signed,
    "unsigned integer": lambda d: category(d) == 1 and not d.is_signed,
    "integral": lambda d: category(d) == 1,
    "real floating": lambda d: category(d) == 2,
    "complex floating": lambda d: category(d) == 3,
    "numeric": lambda d: category(d) != 0,
}


@dataclasses.dataclass(frozen=True, slots=True)
class FloatingLimits:
    """The limits of a floating dtype; of a complex one, those of its parts.

    Attributes:
        bits: bits of one number.
        eps: the distance from 1 to the next larger number.
        max: the largest finite number.
        min: the smallest finite number.
        smallest_normal: the smallest positive normal number.
        dtype: the real-valued dtype they belong to.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


@dataclasses.dataclass(frozen=True, slots=True)
class IntegerLimits:
    """The limits of an integer dtype.

    Attributes:
        bits: bits of one number.
        max: the largest number.
        min: the smallest number.
        dtype: the dtype they belong to.
    """

    bits: int
    max: int
    min: int
    dtype: Any


def _dtype(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.dtype
    if not isinstance(value, weft.dtype):
        raise TypeError(f"{name}: expected a dtype or an array, got {type(value).__name__}")
    return value


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """Return an array in another dtype.

    Args:
        x: (...).
        dtype: the dtype wanted.
        copy: whether to copy even where x has that dtype already.
        device: where it is to be; where x is if None.

    Returns:
        Tensor: of x's shape; x itself where nothing changes and ``copy`` is false.

    Raises:
        TypeError: x is complex and the dtype is not, which would drop a part silently.
    """
    own = array("astype", x).dtype
    if not isinstance(dtype, weft.dtype):
        raise TypeError(f"astype: expected a dtype, got {dtype!r}")
    if own.is_complex and not dtype.is_complex:
        raise weft.DTypeError(
            f"astype: {own} does not go into {dtype} without loss; take real(x) or imag(x) first"
        )
    out: Tensor = x.to(dtype) if device is None else x.to(dtype).to(device)
    return out.clone() if copy and out is x else out


def can_cast(from_: Any, to: Any, /) -> bool:
    """Return whether promotion turns a dtype into another.

    Args:
        from_: a dtype, or an array for its own.
        to: a dtype.

    Returns:
        bool: false also where the two are of kinds that are not promoted.
    """
    source, target = _dtype("can_cast", from_), _dtype("can_cast", to)
    try:
        return promoted("can_cast", (source, target)) is target
    except TypeError:
        return False


def finfo(type: Any, /) -> FloatingLimits:
    """Return the limits of a floating dtype.

    Args:
        type: a floating dtype, real or complex, or an array of one.

    Returns:
        FloatingLimits: bits, eps, max, min, smallest_normal, and the dtype of the parts.

    Raises:
        TypeError: it is no floating dtype.
    """
    own = _dtype("finfo", type)
    limits = weft.finfo(own)
    parts = {weft.complex64: weft.float32, weft.complex128: weft.float64}
    return FloatingLimits(
        limits.bits,
        limits.eps,
        limits.max,
        limits.min,
        limits.smallest_normal,
        parts.get(own, own),
    )


def iinfo(type: Any, /) -> IntegerLimits:
    """Return the limits of an integer dtype.

    Args:
        type: an integer dtype, or an array of one.

    Returns:
        IntegerLimits: bits, max, min and the dtype.

    Raises:
        TypeError: it is no integer dtype.
    """
    own = _dtype("iinfo", type)
    limits = weft.iinfo(own)
    return IntegerLimits(limits.bits, limits.max, limits.min, own)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Return whether a dtype is of a kind.

    Args:
        dtype: a dtype.
        kind: a dtype; one of ``bool``, ``signed integer``, ``unsigned integer``, ``integral``,
            ``real floating``, ``complex floating``, ``numeric``; or a tuple of them for any.

    Returns:
        bool: weft's half-precision dtypes, which the standard does not know, are real floating.

    Raises:
        ValueError: no kind is called so.
        TypeError: dtype is no dtype, or kind none of these.
    """
    if not isinstance(dtype, weft.dtype):
        raise TypeError(f"isdtype: expected a dtype, got {type(dtype).__name__}")
    if isinstance(kind, tuple):
        if any(isinstance(one, tuple) for one in kind):
            raise TypeError("isdtype: a tuple of kinds holds dtypes and names, no other tuples")
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, weft.dtype):
        return dtype is kind
    if not isinstance(kind, str):
        raise TypeError(f"isdtype: expected a dtype, a kind or a tuple, got {type(kind).__name__}")
    if kind not in _KINDS:
        raise ValueError(f"isdtype: no kind is called {kind!r}; expected {', '.join(_KINDS)}")
    return bool(_KINDS[kind](dtype))


def result_type(*arrays_and_dtypes: Any) -> Any:
    """Return the dtype that arrays, dtypes and Python scalars together promote to.

    Args:
        arrays_and_dtypes: arrays, dtypes and Python scalars; at least one is no scalar.

    Returns:
        weft.dtype: a scalar never changes it.

    Raises:
        ValueError: there are only scalars.
        TypeError: they are of kinds that the standard does not mix.
    """
    typed = [a for a in arrays_and_dtypes if isinstance(a, (Tensor, weft.dtype))]
    if not typed:
        raise ValueError("result_type: at least one array or dtype is needed")
    out = promoted("result_type", [_dtype("result_type", a) for a in typed])
    for value in arrays_and_dtypes:
        if not isinstance(value, (Tensor, weft.dtype)):
            scalar_fits("result_type", value, out)
    return out
