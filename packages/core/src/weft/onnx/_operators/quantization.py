"""Quantised operators: to integers and back, and products of integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft
from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


def _dtype_like(call: Call, zero: Value | None) -> weft.dtype:
    """Return the dtype to quantise to: the zero point's."""
    stated = call.dtype("output_dtype") if call.attribute("output_dtype") else None
    if zero is None:
        return stated or weft.uint8
    if zero.outline is None:
        raise call.refused("the dtype of the zero point must be known; make it constant")
    return zero.outline.dtype


@operator("QuantizeLinear")
def quantize(call: Call) -> Value:
    zero = call.get(2)
    return call.emit(
        "quantize", call[0], call[1], zero, dim=call.attribute("axis", 1),
        block=call.attribute("block_size", 0), dtype=_dtype_like(call, zero),
    )  # fmt: skip


@operator("DequantizeLinear")
def dequantize(call: Call) -> Value:
    return call.emit(
        "dequantize", call[0], call[1], call.get(2), dim=call.attribute("axis", 1),
        block=call.attribute("block_size", 0),
    )  # fmt: skip


@operator("DynamicQuantizeLinear")
def quantize_by_range(call: Call) -> Sequence[Value]:
    return call.emit_many("quantize_by_range", 3, call[0])


@operator("MatMulInteger")
def matmul_integer(call: Call) -> Value:
    return call.emit("multiply_integers", call[0], call[1], call.get(2), call.get(3))


@operator("QLinearMatMul")
def matmul_quantized(call: Call) -> Value:
    left = call.emit("dequantize", call[0], call[1], call[2], dim=-2)
    right = call.emit("dequantize", call[3], call[4], call[5], dim=-1)
    product = call.emit("matmul", left, right)
    zero = call[7]
    return call.emit("quantize", product, call[6], zero, dim=-2, dtype=_dtype_like(call, zero))


def _convolved(call: Call, x: Value, weight: Value, bias: Value | None) -> Value:
    settings: dict[str, Any] = {
        "stride": call.attribute("strides"),
        "pads": call.attribute("pads"),
        "dilation": call.attribute("dilations"),
        "groups": call.attribute("group", 1),
    }
    return call.emit("convolve", x, weight, bias, **settings)


@operator("ConvInteger")
def convolution_integer(call: Call) -> Value:
    """Integers of 8 bits and their sums of less than 2**53 are exact in float64."""
    one = call.constant(1.0, weft.float64)
    operands = [call.emit("dequantize", call[k], one, call.get(k + 2), dim=0) for k in (0, 1)]
    return call.emit("convert", _convolved(call, operands[0], operands[1], None), dtype=weft.int32)


@operator("QLinearConv")
def convolution_quantized(call: Call) -> Value:
    x = call.emit("dequantize", call[0], call[1], call[2])
    weight = call.emit("dequantize", call[3], call[4], call[5], dim=0)
    bias = call.get(8)
    if bias is not None:
        scale = call.emit("mul", call[1], call[4])
        bias = call.emit("dequantize", bias, scale, dim=0)
    zero = call[7]
    out = _convolved(call, x, weight, bias)
    return call.emit("quantize", out, call[6], zero, dtype=_dtype_like(call, zero))
