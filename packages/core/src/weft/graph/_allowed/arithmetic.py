"""Functions of graphs that compute by element, where files have other rules than PyTorch."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.graph._function import own

__all__: list[str] = []


@own("quotient(input~, other~)")
def quotient(input: Tensor, other: Tensor) -> Tensor:
    """Divide; integers give the integer towards zero."""
    numbers = [x for x in (input, other) if isinstance(x, Tensor)]
    whole = not any(x.is_floating_point() or x.is_complex() for x in numbers)
    return weft.div(input, other, rounding_mode="trunc" if whole else None)


@own("power(input, exponent)")
def power(input: Tensor, exponent: Tensor) -> Tensor:
    """Raise to a power, in the dtype of the input."""
    if input.dtype == exponent.dtype:
        return weft.pow(input, exponent)
    if input.is_floating_point():
        return weft.pow(input, exponent.to(input.dtype))
    return weft.pow(input.to(weft.float64), exponent.to(weft.float64)).to(input.dtype)


@own("between(input, low?, high?)")
def between(input: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Raise to `low` what is less, then lower to `high` what is more, in the input's dtype."""
    if low is not None:
        input = weft.maximum(input, low.to(input.dtype))
    return input if high is None else weft.minimum(input, high.to(input.dtype))


@own("prelu_by(input, slope)")
def prelu_by(input: Tensor, slope: Tensor) -> Tensor:
    """The input where it is positive, else `slope` times it; slopes broadcast."""
    return weft.where(input < 0, input * slope, input)


@own("total(tensors*)")
def total(tensors: list[Tensor]) -> Tensor:
    """The sum of tensors, which broadcast."""
    out = tensors[0]
    for one in tensors[1:]:
        out = out + one
    return out


@own("largest_of(tensors*)")
def largest_of(tensors: list[Tensor]) -> Tensor:
    """The largest of several tensors, element by element; they broadcast."""
    out = tensors[0]
    for one in tensors[1:]:
        out = weft.maximum(out, one)
    return out


@own("smallest_of(tensors*)")
def smallest_of(tensors: list[Tensor]) -> Tensor:
    """The smallest of several tensors, element by element; they broadcast."""
    out = tensors[0]
    for one in tensors[1:]:
        out = weft.minimum(out, one)
    return out


@own("einsum(operands*; equation: text)")
def einsum(operands: list[Tensor], equation: str) -> Tensor:
    """Einstein's sum, as `weft.einsum`."""
    return weft.einsum(equation, *operands)


@own("shrink(input; threshold?: float, bias?: float)")
def shrink(input: Tensor, threshold: float = 0.5, bias: float = 0.0) -> Tensor:
    """Move towards zero by `bias` what lies further off than `threshold`; the rest is zero."""
    zero = weft.zeros_like(input)
    positive = weft.where(input > threshold, input - bias, zero)
    return weft.where(input < -threshold, input + bias, positive).to(input.dtype)


@own("shift_bits(input, other; left: bool)")
def shift_bits(input: Tensor, other: Tensor, left: bool) -> Tensor:
    """Shift the bits of integers."""
    return weft.bitwise_left_shift(input, other) if left else weft.bitwise_right_shift(input, other)


@own("quantize(input, scale, zero_point?; dim?: int, block?: int, dtype: dtype)")
def quantize(
    input: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    dtype: weft.dtype,
    dim: int = 1,
    block: int = 0,
) -> Tensor:
    """Divide by the scale, round to even, add the zero point, and keep within the dtype."""
    scaled = (input / _spread(scale, input, dim, block)).round()
    if zero_point is not None:
        scaled = scaled + _spread(zero_point, input, dim, block).to(scaled.dtype)
    limits = weft.iinfo(dtype)
    return scaled.clamp(limits.min, limits.max).to(dtype)


@own("dequantize(input, scale, zero_point?; dim?: int, block?: int)")
def dequantize(
    input: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    dim: int = 1,
    block: int = 0,
) -> Tensor:
    """Take the zero point off and multiply by the scale, in the dtype of the scale."""
    x = input.to(scale.dtype)
    if zero_point is not None:
        x = x - _spread(zero_point, input, dim, block).to(scale.dtype)
    return x * _spread(scale, input, dim, block)


def _spread(x: Tensor, like: Tensor, dim: int, block: int) -> Tensor:
    """Return scales of a tensor, of its slices along `dim`, or of blocks of these, to broadcast."""
    if x.ndim <= 1 and x.numel() == 1:
        return x.reshape(())
    if block:
        return x.repeat_interleave(block, dim).narrow(dim, 0, like.shape[dim])
    shape = [1] * like.ndim
    shape[dim] = x.shape[0]
    return x.reshape(shape)


@own("quantize_by_range(input) -> 3")
def quantize_by_range(input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Quantise to uint8 over the range of the elements and zero; also scale and zero point."""
    low = input.amin().clamp(max=0)
    high = input.amax().clamp(min=0)
    scale = (high - low) / 255
    scale = weft.where(scale == 0, weft.ones_like(scale), scale)
    zero = (-low / scale).round().clamp(0, 255)
    out = ((input / scale).round() + zero).clamp(0, 255)
    return out.to(weft.uint8), scale, zero.to(weft.uint8)


@own("multiply_integers(input, other, input_zero?, other_zero?)")
def multiply_integers(
    input: Tensor,
    other: Tensor,
    input_zero: Tensor | None = None,
    other_zero: Tensor | None = None,
) -> Tensor:
    """The matrix product of integers less their zero points, as int32."""
    a, b = input.to(weft.int32), other.to(weft.int32)
    if input_zero is not None:
        zero = input_zero.to(weft.int32)
        a = a - (zero.unsqueeze(-1) if zero.ndim == 1 and zero.numel() > 1 else zero)
    if other_zero is not None:
        b = b - other_zero.to(weft.int32)
    return weft.matmul(a, b)
