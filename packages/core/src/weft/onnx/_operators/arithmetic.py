"""Operators that compute, compare and join by element."""

from __future__ import annotations

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator

#: Operators of one input that weft has a function for, under another name or the same.
_UNARY = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Asin": "asin", "Asinh": "asinh",
    "Atan": "atan", "Atanh": "atanh", "BitwiseNot": "bitwise_not", "Ceil": "ceil", "Cos": "cos",
    "Cosh": "cosh", "Det": "det", "Erf": "erf", "Exp": "exp", "Floor": "floor", "IsNaN": "isnan",
    "Log": "log", "Neg": "neg", "Not": "logical_not", "Reciprocal": "reciprocal",
    "Round": "round", "Sign": "sign", "Sin": "sin", "Sinh": "sinh", "Sqrt": "sqrt", "Tan": "tan",
    "Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu",
}  # fmt: skip
_BINARY = {
    "Add": "add", "And": "logical_and", "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor", "Div": "quotient", "Equal": "eq", "Greater": "gt",
    "GreaterOrEqual": "ge", "Less": "lt", "LessOrEqual": "le", "Mul": "mul", "Or": "logical_or",
    "Sub": "sub", "Xor": "logical_xor",
}  # fmt: skip
_MANY = {"Max": "largest_of", "Min": "smallest_of", "Sum": "total"}


@operator(" ".join(_UNARY))
def unary(call: Call) -> Value:
    return call.emit(_UNARY[call.op], call[0])


@operator(" ".join(_BINARY))
def binary(call: Call) -> Value:
    return call.emit(_BINARY[call.op], call[0], call[1])


@operator(" ".join(_MANY))
def several(call: Call) -> Value:
    given = call.given()
    return given[0] if len(given) == 1 else call.emit(_MANY[call.op], *given)


@operator("Mean")
def mean(call: Call) -> Value:
    given = call.given()
    return call.emit("div", call.emit("total", *given), float(len(given)))


@operator("Pow")
def power(call: Call) -> Value:
    return call.emit("power", call[0], call[1])


@operator("Mod")
def modulo(call: Call) -> Value:
    return call.emit("fmod" if call.flag("fmod") else "remainder", call[0], call[1])


@operator("BitShift")
def shift(call: Call) -> Value:
    return call.emit("shift_bits", call[0], call[1], left=call.required("direction") == "LEFT")


@operator("IsInf")
def infinite(call: Call) -> Value:
    below, above = call.flag("detect_negative", True), call.flag("detect_positive", True)
    if below and above:
        return call.emit("isinf", call[0])
    if below or above:
        return call.emit("isneginf" if below else "isposinf", call[0])
    finite = call.emit("isfinite", call[0])
    return call.emit("logical_and", finite, call.emit("logical_not", finite))


@operator("Clip")
def clip(call: Call) -> Value:
    low, high = call.attribute("min"), call.attribute("max")
    return call.emit("hardtanh", call[0], min_val=low if low is not None else "-inf",
                     max_val=high if high is not None else "inf")  # fmt: skip


@operator("Clip", since=11)
def clip_by_inputs(call: Call) -> Value:
    low, high = call.get(1), call.get(2)
    return call[0] if low is None and high is None else call.emit("between", call[0], low, high)


@operator("Where")
def where(call: Call) -> Value:
    return call.emit("where", call[0], call[1], call[2])


@operator("Einsum")
def einsum(call: Call) -> Value:
    return call.emit("einsum", *call.given(), equation=call.required("equation"))


@operator("CumSum CumProd")
def cumulative(call: Call) -> Value:
    return call.emit(
        "cumulate", call[0], dim=call[1], how="sum" if call.op == "CumSum" else "prod",
        exclusive=call.flag("exclusive"), reverse=call.flag("reverse"),
    )  # fmt: skip
