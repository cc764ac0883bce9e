"""Tensors of random values for tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import weft

_INTEGERS = frozenset(
    {
        weft.uint8,
        weft.uint16,
        weft.uint32,
        weft.uint64,
        weft.int8,
        weft.int16,
        weft.int32,
        weft.int64,
    }
)
_FLOATS = frozenset({weft.float16, weft.bfloat16, weft.float32, weft.float64})
_FLOATS_8 = frozenset(
    {weft.float8_e4m3fn, weft.float8_e4m3fnuz, weft.float8_e5m2, weft.float8_e5m2fnuz}
)
_COMPLEX = {weft.complex64: weft.float32, weft.complex128: weft.float64}


def make_tensor(
    *shape: Any,
    dtype: weft.dtype,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: weft.memory_format | None = None,
) -> weft.Tensor:
    """Make a tensor of random values, uniform in [low, high).

    Bounds outside the range of the dtype become its least or greatest finite value. Those that are
    not given are 0 and 2 for bool, 0 and 10 for unsigned integers, −9 and 10 for signed ones, −9
    and 9 for floating dtypes and for both parts of complex ones.

    Args:
        shape: ints, or one sequence of them.
        dtype: the dtype; all but ``weft.float8_e8m0fnu``, which has neither zero nor a sign.
        device: the device; the default one if None.
        low: the least value. Of integers, its ceiling.
        high: the bound that no value reaches; rounding to a small dtype may reach it.
        requires_grad: whether to ask for its gradient.
        noncontiguous: whether its memory has gaps; not if it has fewer than two elements.
        exclude_zero: put in place of each zero a one in integers and bool, and the dtype's smallest
            normal number in others.
        memory_format: the order of its dims in memory.

    Returns:
        Tensor: of that shape. The numbers are the next of the default generator, so
        ``weft.manual_seed`` repeats them.

    Raises:
        ValueError: low is not below high, is NaN, or no number of the dtype lies between them; both
            ``noncontiguous`` and ``memory_format`` are given; integers cannot require grad.
        TypeError: the dtype is not one that can be drawn.

    Source: PyTorch's ``torch.testing.make_tensor``, where ``device`` must be given, and equal
    bounds are deprecated rather than refused.

    Example:
        >>> x = weft.testing.make_tensor(2, 3, dtype=weft.int8, low=5, high=6)
        >>> x.tolist()
        [[5, 5, 5], [5, 5, 5]]
    """
    lengths = _lengths(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"make_tensor: noncontiguous=True and memory_format={memory_format} exclude each other"
        )
    if requires_grad and (dtype is weft.bool or dtype in _INTEGERS):
        raise ValueError(f"make_tensor: requires_grad=True needs a floating dtype, got {dtype}")
    gaps = noncontiguous and math.prod(lengths) > 1
    if gaps:
        lengths = (*lengths[:-1], 2 * lengths[-1])
    out = _drawn(lengths, dtype, device, low, high, exclude_zero)
    if gaps:
        out = out[..., 1::2]  # what forgets the offset is noticed too
    elif memory_format is not None:
        out = out.clone(memory_format=memory_format)
    return out.requires_grad_() if requires_grad else out


def _lengths(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        return tuple(shape[0])
    return shape


def _drawn(
    shape: tuple[int, ...],
    dtype: weft.dtype,
    device: Any,
    low: float | None,
    high: float | None,
    exclude_zero: bool,
) -> weft.Tensor:
    if dtype is weft.bool or dtype in _INTEGERS:
        first, end = _whole_bounds(dtype, low, high)
        out = weft.randint(first, end, shape, dtype=dtype, device=device)
        return weft.where(out == 0, weft.ones_like(out), out) if exclude_zero else out
    if dtype in _COMPLEX:
        out = weft.empty(shape, dtype=dtype, device=device)
        bounds = _bounds(_COMPLEX[dtype], low, high, -9, 9)
        _fill(weft.view_as_real(out), *bounds)
    elif dtype in _FLOATS:
        out = _uniform(shape, dtype, device, *_bounds(dtype, low, high, -9, 9))
    elif dtype in _FLOATS_8:
        out = _uniform(shape, weft.float32, device, *_bounds(dtype, low, high, -9, 9))
        if (
            exclude_zero
        ):  # as they are after rounding; 8-bit floats themselves are not computed with
            zero = out.to(dtype).to(weft.float32) == 0
            out = weft.where(zero, weft.finfo(dtype).tiny, out)
        return out.to(dtype)
    else:
        raise TypeError(f"make_tensor: random values of {dtype} cannot be drawn; use another dtype")
    return (
        weft.where(out == 0, weft.full_like(out, weft.finfo(dtype).tiny), out)
        if exclude_zero
        else out
    )


def _uniform(
    shape: tuple[int, ...], dtype: weft.dtype, device: Any, low: float, high: float
) -> weft.Tensor:
    return _fill(weft.empty(shape, dtype=dtype, device=device), low, high)


def _fill(out: weft.Tensor, low: float, high: float) -> weft.Tensor:
    if high - low >= weft.finfo(out.dtype).max:  # the width itself would overflow
        return out.uniform_(low / 2, high / 2).mul_(2)
    return out.uniform_(low, high)


def _whole_bounds(dtype: weft.dtype, low: float | None, high: float | None) -> tuple[int, int]:
    """Return the bounds of integers: the ceilings of both, since the upper one is excluded."""
    if dtype is weft.bool:
        first, end = _bounds(dtype, low, high, 0, 2)
    else:
        first, end = _bounds(dtype, low, high, -9, 10)
    return math.ceil(first), math.ceil(end)


def _bounds(
    dtype: weft.dtype, low: float | None, high: float | None, default_low: int, default_high: int
) -> tuple[float, float]:
    """Return what is given or the defaults, within what the dtype can hold."""
    least, end = _range(dtype)
    low = default_low if low is None else low
    high = default_high if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"make_tensor: low and high cannot be NaN, got low={low} and high={high}")
    if low >= high:
        raise ValueError(
            f"make_tensor: low must be less than high, got low={low} and high={high}; weft.full "
            f"makes a tensor of one value"
        )
    if high < least or low >= end:
        raise ValueError(
            f"make_tensor: [low, high) is [{low}, {high}), and {dtype} only holds numbers in "
            f"[{least}, {end})"
        )
    return min(max(low, least), end), min(max(high, least), end)


def _range(dtype: weft.dtype) -> tuple[float, float]:
    """Return the least number of a dtype and a bound above its greatest that can be drawn."""
    if dtype is weft.bool:
        return 0, 2
    if dtype in _INTEGERS:
        limits = weft.iinfo(dtype)
        # randint's upper bound is an int64 or uint64 itself
        return limits.min, limits.max + (dtype not in (weft.int64, weft.uint64))
    return weft.finfo(dtype).min, weft.finfo(dtype).max
