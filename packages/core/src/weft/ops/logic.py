"""Logical ops on truth values, bitwise ops on integers."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import (
    Domain,
    ErrorSample,
    Sample,
    array,
    booleans,
    integers,
)
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_TRUTH = not_differentiable("its result is true or false")
_WHOLE = Domain(((0, 3),), kind="int")


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE)
def logical_and(xp: Any, x: Any, y: Any) -> Any:
    """Whether both elements are non-zero.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.
    """
    return xp.logical_and(x, y)


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE)
def logical_or(xp: Any, x: Any, y: Any) -> Any:
    """Whether at least one element is non-zero.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.
    """
    return xp.logical_or(x, y)


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE)
def logical_xor(xp: Any, x: Any, y: Any) -> Any:
    """Whether exactly one element is non-zero.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.
    """
    return xp.logical_xor(x, y)


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE)
def logical_not(xp: Any, x: Any) -> Any:
    """Whether elements are zero.

    Args:
        input: (...).

    Returns:
        Tensor: (...), bool.
    """
    return xp.logical_not(x)


_BITS = not_differentiable("it works on the bits of integers")


def _integral(name: str, *args: Any) -> None:
    for a in args:
        if isinstance(a, Tensor) and a.dtype.category > 1:
            raise DTypeError(f"{name}: expected integer or boolean tensors, got {a.dtype}")
        if isinstance(a, (float, complex)):
            raise DTypeError(f"{name}: expected integers or booleans, got the number {a!r}")


def _bits_errors() -> tuple[ErrorSample, ...]:
    return (ErrorSample(array(2), array(2), error=DTypeError, match="integer or boolean tensors"),)


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_and",
)
def bits_and(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise and of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_and(x, y)


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_or",
)
def bits_or(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_or(x, y)


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_xor",
)
def bits_xor(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise exclusive or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_xor(x, y)


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_not",
)
def bits_not(xp: Any, x: Any) -> Any:
    """Bitwise not of integers or booleans.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.invert(x)


_INTEGER_PAIRS = (Sample(integers(2, 3), integers(3)), Sample(booleans(3), booleans(3)))


@composite(
    samples=_INTEGER_PAIRS,
    errors=_bits_errors(),
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_and(input: Any, other: Any) -> Any:
    """Bitwise and of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Raises:
        DTypeError: one is floating or complex.
    """
    _integral("bitwise_and", input, other)
    return bits_and(input, other)


@composite(
    samples=_INTEGER_PAIRS,
    errors=_bits_errors(),
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_or(input: Any, other: Any) -> Any:
    """Bitwise or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Raises:
        DTypeError: one is floating or complex.
    """
    _integral("bitwise_or", input, other)
    return bits_or(input, other)


@composite(
    samples=_INTEGER_PAIRS,
    errors=_bits_errors(),
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_xor(input: Any, other: Any) -> Any:
    """Bitwise exclusive or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).

    Raises:
        DTypeError: one is floating or complex.
    """
    _integral("bitwise_xor", input, other)
    return bits_xor(input, other)


@composite(
    samples=(Sample(integers(2, 3)), Sample(booleans(3))),
    errors=(ErrorSample(array(2), error=DTypeError, match="integer or boolean tensors"),),
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_not(input: Tensor) -> Tensor:
    """Bitwise not of integers, logical not of booleans.

    Args:
        input: (...).

    Returns:
        Tensor: (...).

    Raises:
        DTypeError: it is floating or complex.
    """
    _integral("bitwise_not", input)
    return bits_not(input)


# --- shifts ------------------------------------------------------------------------------------


def _width(x: Any) -> int:
    return int(x.dtype.itemsize) * 8


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_left_shift",
)
def bits_left(xp: Any, x: Any, y: Any) -> Any:
    """Bits moved to the left; 0 where they are moved out, or by a negative number.

    Args:
        input: (...), integers.
        other: by how many.

    Returns:
        Tensor: (...).
    """
    outside = (y < 0) | (y >= _width(x))
    return xp.where(outside, 0, xp.left_shift(x, xp.where(outside, 0, y)))


@elementwise(
    partials=_BITS,
    samples=_WHOLE,
    namespaces=(),
    methods=(),
    called="bitwise_right_shift",
)
def bits_right(xp: Any, x: Any, y: Any) -> Any:
    """Bits moved to the right, the sign's moved in; moved out wholly by a negative number.

    Args:
        input: (...), integers.
        other: by how many.

    Returns:
        Tensor: (...).
    """
    outside = (y < 0) | (y >= _width(x))
    return xp.where(
        outside, xp.where(x < 0, -1, 0).astype(x.dtype), xp.right_shift(x, xp.where(outside, 0, y))
    )


def require_integers(name: str, *operands: Any) -> None:
    """Raise unless what operands promote to is an integer dtype."""
    if not any(isinstance(x, Tensor) for x in operands):
        return
    found = dtypes.result_type(*operands)
    if found.category != 1:
        raise DTypeError(f"{name}: expected integers, got operands that promote to {found}")


_SHIFTS = (
    Sample(integers(2, 3, low=-9), integers(3, high=5)),
    Sample(integers(3), 2),
    Sample(3, integers(3, high=5)),
    Sample(integers(3, low=-9), integers(3, low=60, high=70)),
)
_SHIFT_ERRORS = (
    ErrorSample(array(2), 1, error=DTypeError, match="expected integers"),
    ErrorSample(integers(2), 1.5, error=DTypeError, match="expected integers"),
    ErrorSample(booleans(2), booleans(2), error=DTypeError, match="expected integers"),
)


@composite(
    samples=_SHIFTS,
    errors=_SHIFT_ERRORS,
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_left_shift(input: Any, other: Any) -> Any:
    """Bits moved to the left: input * 2 ** other, wrapping round; the operator ``<<``.

    Args:
        input: (...), integers, a tensor or a number.
        other: by how many bits, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype; 0 where other is negative or no less than the bits
        of the dtype.

    Raises:
        DTypeError: one is boolean, floating or complex.
        ShapeError: the shapes do not broadcast.
    """
    require_integers("bitwise_left_shift", input, other)
    return bits_left(input, other)


@composite(
    samples=_SHIFTS,
    errors=_SHIFT_ERRORS,
    not_differentiable=_BITS.reason,
    inplace=True,
    out=True,
)
def bitwise_right_shift(input: Any, other: Any) -> Any:
    """Bits moved to the right: input / 2 ** other, rounded down; the operator ``>>``.

    Args:
        input: (...), integers, a tensor or a number.
        other: by how many bits, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype; where other is negative or no less than the bits of
        the dtype, 0, and -1 of negative numbers.

    Raises:
        DTypeError: one is boolean, floating or complex.
        ShapeError: the shapes do not broadcast.
    """
    require_integers("bitwise_right_shift", input, other)
    return bits_right(input, other)
