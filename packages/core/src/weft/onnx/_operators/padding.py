"""Padding."""

from __future__ import annotations

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("Pad")
def pad(call: Call) -> Value:
    value = call.constant(float(call.attribute("value", 0.0)))
    return call.emit(
        "pad_dims", call[0], value, pads=call.required("pads"),
        mode=call.attribute("mode", "constant"),
    )  # fmt: skip


@operator("Pad", since=11)
def pad_by_inputs(call: Call) -> Value:
    return call.emit(
        "pad_dims", call[0], call.get(2), pads=call[1], dims=call.get(3),
        mode=call.attribute("mode", "constant"),
    )  # fmt: skip
