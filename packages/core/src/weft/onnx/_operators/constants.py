"""Operators that make tensors of nothing, or of a shape."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.onnx._builder import MOST_FOLDED, Value
from weft.onnx._call import Call
from weft.onnx._registry import operator
from weft.onnx.errors import plain


@operator("Constant")
def constant(call: Call) -> Value:
    name = call.hint
    for attribute, dtype in (
        ("value_float", weft.float32),
        ("value_floats", weft.float32),
        ("value_int", weft.int64),
        ("value_ints", weft.int64),
    ):
        if attribute in call.attributes:
            given = weft.tensor(call.attributes[attribute], dtype=dtype)
            return Value(name, constant=given)
    value = call.attribute("value")
    if not isinstance(value, Tensor):
        kinds = " ".join(map(plain, call.attributes)) or "nothing"
        raise call.refused(f"a constant must be a tensor or numbers, but it has {kinds}")
    # Exporters write weights as constants too; settings are small and of integers.
    return Value(name, constant=value, trained=value.ndim > 0)


@operator("ConstantOfShape")
def constant_of_shape(call: Call) -> Value:
    value = call.attribute("value")
    if not isinstance(value, Tensor):
        value = weft.zeros(1)
    if value.numel() != 1:
        raise call.refused(f"value must be one element, but its shape is {tuple(value.shape)}")
    return call.emit("filled", Value("fill", constant=value), size=call[0])


@operator("Range")
def range_(call: Call) -> Value:
    known = [call[place].constant for place in range(3)]
    numbers = [one.item() for one in known if one is not None]
    if len(numbers) == 3:
        start, end, step = numbers
        if not abs(end - start) <= MOST_FOLDED * abs(step):
            return call.emit_late("range", call[0], call[1], call[2])
    return call.emit("range", call[0], call[1], call[2])
