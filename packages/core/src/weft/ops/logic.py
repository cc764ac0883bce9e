"""Logical ops on truth values, bitwise ops on integers."""

from __future__ import annotations

from typing import Any

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


@elementwise(partials=_BITS, samples=_WHOLE, namespaces=(), methods=())
def bits_and(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise and of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_and(x, y)


@elementwise(partials=_BITS, samples=_WHOLE, namespaces=(), methods=())
def bits_or(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_or(x, y)


@elementwise(partials=_BITS, samples=_WHOLE, namespaces=(), methods=())
def bits_xor(xp: Any, x: Any, y: Any) -> Any:
    """Bitwise exclusive or of integers or booleans.

    Args:
        input: (...).
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.bitwise_xor(x, y)


@elementwise(partials=_BITS, samples=_WHOLE, namespaces=(), methods=())
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
    methods=("bitwise_and",),
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
    methods=("bitwise_or",),
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
    methods=("bitwise_xor",),
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
    methods=("bitwise_not",),
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
