"""Tensors of a given shape, filled with one number or with nothing."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._core import dtypes
from weft._core.errors import ShapeError
from weft._core.layouts import (
    check_format,
    empty_in_order,
    order_of,
)
from weft._core.layouts import empty_strided as _strided_memory
from weft._core.samples import ErrorSample, Sample
from weft._core.shapes import shape_tuple
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.making import MADE, filler, lengths_of, made, number_of, settings_of

_SIZES = (Sample(2, 3), Sample((2, 0)), Sample(()))
_ERRORS = (
    ErrorSample(2, -1, error=ShapeError, match="a length cannot be negative"),
    ErrorSample(2, layout="sparse", error=ValueError, match=r"must be weft\.strided"),
    ErrorSample("2", error=TypeError, match="a shape must be ints"),
)


@composite(samples=_SIZES, errors=_ERRORS, methods=(), not_differentiable=MADE, out=True)
def zeros(
    *size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of zeros.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Example:
        >>> weft.zeros(2)
        tensor([0., 0.])
    """
    own, place = settings_of("zeros", {"dtype": dtype, "layout": layout, "device": device})
    return made(np.zeros, lengths_of("zeros", size), own, place, requires_grad)


@composite(samples=_SIZES, errors=_ERRORS, methods=(), not_differentiable=MADE, out=True)
def ones(
    *size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of ones.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    own, place = settings_of("ones", {"dtype": dtype, "layout": layout, "device": device})
    return made(np.ones, lengths_of("ones", size), own, place, requires_grad)


@composite(
    samples=_SIZES, errors=_ERRORS, methods=(), not_differentiable=MADE, random=True, out=True
)
def empty(
    *size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return a tensor whose elements are whatever its memory held.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; contiguous if None.

    Returns:
        Tensor: (*size).
    """
    own, place = settings_of("empty", {"dtype": dtype, "layout": layout, "device": device})
    shape = lengths_of("empty", size)
    order = order_of(check_format("empty", memory_format, len(shape)), len(shape))
    return made(lambda n, d: empty_in_order(n, d, order), shape, own, place, requires_grad)


@composite(
    samples=(Sample((2, 3), (1, 2)), Sample((2, 2), (0, 1)), Sample((), ()), Sample((0,), (1,))),
    errors=(
        ErrorSample((2,), (1, 1), error=ShapeError, match="as many numbers"),
        ErrorSample((2,), (-1,), error=ShapeError, match="must not be negative"),
    ),
    methods=(),
    not_differentiable=MADE,
    random=True,
)
def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return an uninitialised tensor with given strides.

    Args:
        size: its shape.
        stride: how many elements apart neighbours are, for each dim; elements may coincide.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Raises:
        ShapeError: size and stride differ in length, or one of their numbers is negative.
    """
    own, place = settings_of("empty_strided", {"dtype": dtype, "layout": layout, "device": device})
    shape, steps = lengths_of("empty_strided", (size,)), shape_tuple("empty_strided", stride)
    if len(shape) != len(steps):
        raise ShapeError(f"empty_strided: size {shape} and stride {steps} must be as many numbers")
    if min(steps, default=0) < 0:
        raise ShapeError(f"empty_strided: strides must not be negative, got {steps}")
    return made(lambda n, d: _strided_memory(n, steps, d), shape, own, place, requires_grad)


@composite(
    samples=(Sample((2, 3, 4), (0, 2, 1)), Sample((2, 3), (0, 1)), Sample((), ())),
    errors=(ErrorSample((2, 3), (0, 0), error=ValueError, match="each of the 2 dims once"),),
    methods=(),
    not_differentiable=MADE,
    random=True,
)
def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return an uninitialised tensor whose dims lie in memory in a given order.

    Args:
        size: its shape.
        physical_layout: its dims from the slowest in memory to the fastest.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size), without gaps.

    Raises:
        ValueError: physical_layout does not name each dim once.
    """
    own, place = settings_of("empty_permuted", {"dtype": dtype, "layout": layout, "device": device})
    shape = lengths_of("empty_permuted", (size,))
    order = shape_tuple("empty_permuted", physical_layout)
    if sorted(order) != list(range(len(shape))):
        raise ValueError(
            f"empty_permuted: physical_layout must name each of the {len(shape)} dims once, got "
            f"{order}"
        )
    return made(lambda n, d: empty_in_order(n, d, order), shape, own, place, requires_grad)


@composite(
    samples=(Sample((2, 3), 1.5), Sample((2,), True), Sample((), 3), Sample((2,), 1j)),
    errors=(
        ErrorSample((2,), "a", error=TypeError, match="fill_value must be a number"),
        ErrorSample((2,), 300, dtype=dtypes.uint8, error=OverflowError, match="300 does not fit"),
    ),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor filled with one number.

    Args:
        size: its shape.
        fill_value: a number, or a tensor of one.
        dtype: its dtype; by default that of the number as a tensor.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Raises:
        OverflowError: an integer dtype does not hold the number.
    """
    held = fill_value.dtype if isinstance(fill_value, Tensor) else None
    value = number_of("full", "fill_value", fill_value)
    own, place = settings_of(
        "full",
        {"dtype": dtype, "layout": layout, "device": device},
        held or dtypes.scalar_dtype(value),
    )
    return made(filler("full", value), lengths_of("full", (size,)), own, place, requires_grad)


@composite(
    samples=(Sample(2.5), Sample(3), Sample(2, dtype=dtypes.int64)),
    errors=(ErrorSample("a", error=TypeError, match="must be a number"),),
    methods=(),
    not_differentiable=MADE,
)
def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return a 0-d tensor of a number, of the default floating dtype whatever the number.

    Args:
        s: a number.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: ().
    """
    own, place = settings_of("scalar_tensor", {"dtype": dtype, "layout": layout, "device": device})
    value = number_of("scalar_tensor", "s", s)
    return made(filler("scalar_tensor", value), (), own, place, requires_grad)
