"""Functions of two tensors or numbers, which broadcast and become of one dtype."""

from __future__ import annotations

from typing import Any

import weft
from weft.onnx._writing.writer import Call, Form, Writer, form

__all__: list[str] = []


def _common(call: Call, places: tuple[int, ...] = (0, 1)) -> weft.dtype:
    """Return the dtype in which operands are compared: numbers follow the tensors."""
    given: list[Any] = []
    for place in places:
        operand = call.operands[place]
        if not isinstance(operand, str):
            given.append(operand)
        else:
            shape = call.shape(place)
            given.append(weft.zeros((1,) * len(shape), dtype=call.dtype(place)))
    return weft.result_type(*given)


def _arithmetic(name: str) -> Form:
    def write(w: Writer, call: Call) -> Any:
        dtype = call.out_dtype()
        return w.emit(name, [call.value(0, dtype), call.value(1, dtype)])

    return write


for _name, _onnx in {
    "add": "Add", "sub": "Sub", "mul": "Mul", "maximum": "Max", "minimum": "Min", "pow": "Pow",
}.items():  # fmt: skip
    form(_name)(_arithmetic(_onnx))


@form("div")
def _div(w: Writer, call: Call) -> Any:
    dtype, mode = call.out_dtype(), call.get("rounding_mode")
    values = [call.value(0, dtype), call.value(1, dtype)]
    if mode is None:
        return w.emit("Div", values)
    if mode == "floor":
        return _floored(w, values, dtype)
    if not dtype.is_floating_point:
        return w.emit("Div", values)  # of integers, towards zero
    quotient = w.emit("Div", values)
    return w.emit("Mul", [w.emit("Sign", [quotient]), w.emit("Floor", [w.emit("Abs", [quotient])])])


def _floored(w: Writer, values: list[str], dtype: weft.dtype) -> Any:
    if dtype.is_floating_point:
        return w.emit("Floor", [w.emit("Div", values)])
    rest = w.emit("Mod", values)  # of the divisor's sign
    return w.emit("Div", [w.emit("Sub", [values[0], rest]), values[1]])


@form("floor_divide remainder")
def _floor_divide(w: Writer, call: Call) -> Any:
    dtype = call.out_dtype()
    values = [call.value(0, dtype), call.value(1, dtype)]
    if call.function == "floor_divide":
        return _floored(w, values, dtype)
    if not dtype.is_floating_point:
        return w.emit("Mod", values)
    whole = w.emit("Mul", [w.emit("Floor", [w.emit("Div", values)]), values[1]])
    return w.emit("Sub", [values[0], whole])


@form("eq ne lt le gt ge")
def _compared(w: Writer, call: Call) -> Any:
    dtype = _common(call)
    values = [call.value(0, dtype), call.value(1, dtype)]
    names = {"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
    found = w.emit(names.get(call.function, "Equal"), values)
    return w.emit("Not", [found]) if call.function == "ne" else found


@form("logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor")
def _logical(w: Writer, call: Call) -> Any:
    kind, _, what = call.function.partition("_")
    dtype = weft.bool if kind == "logical" else call.out_dtype()
    values = [call.value(0, dtype), call.value(1, dtype)]
    name = what.capitalize()
    return w.emit(name if dtype == weft.bool else f"Bitwise{name}", values)


@form("where")
def _where(w: Writer, call: Call) -> Any:
    dtype = call.out_dtype()
    return w.emit("Where", [call.value(0), call.value(1, dtype), call.value(2, dtype)])


@form("masked_fill")
def _masked_fill(w: Writer, call: Call) -> Any:
    value = w.number(call.get("value"), call.dtype())
    return w.emit("Where", [call.value(1), value, call.value(0)])


@form("clamp")
def _clamp(w: Writer, call: Call) -> Any:
    dtype, out = call.out_dtype(), call.value(0, call.out_dtype())
    if call.has(1):
        out = w.emit("Max", [out, call.value(1, dtype)])
    return w.emit("Min", [out, call.value(2, dtype)]) if call.has(2) else out


@form("matmul mm bmm")
def _matmul(w: Writer, call: Call) -> Any:
    return w.emit("MatMul", [call.value(0), call.value(1)])


@form("einsum")
def _einsum(w: Writer, call: Call) -> Any:
    values = [call.value(place) for place in range(len(call.operands))]
    return w.emit("Einsum", values, equation=call.get("equation"))


@form("prelu")
def _prelu(w: Writer, call: Call) -> Any:
    slope = call.value(1)
    if call.shape(1) != (1,) and call.rank() > 2:
        axes = list(range(1, call.rank() - 1))
        slope = w.emit("Unsqueeze", [slope, w.numbers(axes)])
    return w.emit("PRelu", [call.value(0), slope])
