"""Functions of one tensor, element by element."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft.onnx._writing.writer import Call, Form, NoForm, Writer, form

__all__: list[str] = []

_SAME = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh",
    "atan": "Atan", "atanh": "Atanh", "ceil": "Ceil", "clone": "Identity", "cos": "Cos",
    "cosh": "Cosh", "detach": "Identity", "erf": "Erf", "exp": "Exp", "floor": "Floor",
    "hardswish": "HardSwish", "isinf": "IsInf", "isnan": "IsNaN", "log": "Log", "mish": "Mish",
    "neg": "Neg", "positive": "Identity", "reciprocal": "Reciprocal", "relu": "Relu",
    "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "softsign": "Softsign",
    "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip


def _operator(name: str) -> Form:
    return lambda w, call: w.emit(name, [_floating(w, call)])


def _floating(w: Writer, call: Call) -> str:
    """Return the operand in the dtype of the result, or as it is where that is of truths."""
    dtype = call.out_dtype()
    return call.value(0) if dtype == weft.bool else call.value(0, dtype)


for _name, _onnx in _SAME.items():
    form(_name)(_operator(_onnx))


@form("logical_not")
def _logical_not(w: Writer, call: Call) -> Any:
    return w.emit("Not", [call.value(0, weft.bool)])


@form("bitwise_not")
def _bitwise_not(w: Writer, call: Call) -> Any:
    return w.emit("Not" if call.dtype() == weft.bool else "BitwiseNot", [call.value(0)])


@form("square")
def _square(w: Writer, call: Call) -> Any:
    x = call.value(0)
    return w.emit("Mul", [x, x])


@form("rsqrt")
def _rsqrt(w: Writer, call: Call) -> Any:
    return w.emit("Reciprocal", [w.emit("Sqrt", [_floating(w, call)])])


@form("log2 log10")
def _logarithm(w: Writer, call: Call) -> Any:
    base = math.log(2 if call.function == "log2" else 10)
    logarithm = w.emit("Log", [_floating(w, call)])
    return w.emit("Div", [logarithm, w.number(base, call.out_dtype())])


@form("log1p")
def _log1p(w: Writer, call: Call) -> Any:
    return w.emit("Log", [w.emit("Add", [_floating(w, call), w.number(1, call.out_dtype())])])


@form("expm1")
def _expm1(w: Writer, call: Call) -> Any:
    return w.emit("Sub", [w.emit("Exp", [_floating(w, call)]), w.number(1, call.out_dtype())])


@form("round")
def _round(w: Writer, call: Call) -> Any:
    if call.get("decimals", 0):
        raise NoForm("decimals")
    return w.emit("Round", [call.value(0)])


@form("trunc")
def _trunc(w: Writer, call: Call) -> Any:
    x = call.value(0)
    return w.emit("Mul", [w.emit("Sign", [x]), w.emit("Floor", [w.emit("Abs", [x])])])


@form("elu celu selu leaky_relu hardsigmoid")
def _activation(w: Writer, call: Call) -> Any:
    x = call.value(0)
    if call.function == "leaky_relu":
        return w.emit("LeakyRelu", [x], alpha=float(call.get("negative_slope", 0.01)))
    if call.function == "hardsigmoid":
        return w.emit("HardSigmoid", [x], alpha=1 / 6, beta=0.5)
    if call.function == "selu":
        return w.emit("Selu", [x])
    return w.emit(call.function.capitalize(), [x], alpha=float(call.get("alpha", 1.0)))


@form("relu6 hardtanh")
def _clipped(w: Writer, call: Call) -> Any:
    low, high = (0.0, 6.0) if call.function == "relu6" else (-1.0, 1.0)
    low, high = call.get("min_val", low), call.get("max_val", high)
    dtype = call.dtype()
    ends = [w.number(one, dtype) if math.isfinite(one) else "" for one in (low, high)]
    return w.emit("Clip", [call.value(0), *ends])


@form("silu")
def _silu(w: Writer, call: Call) -> Any:
    x = call.value(0)
    return w.emit("Mul", [x, w.emit("Sigmoid", [x])])


@form("gelu")
def _gelu(w: Writer, call: Call) -> Any:
    x, approximate, dtype = call.value(0), call.get("approximate", "none"), call.dtype()
    if w.opset >= 20:
        return w.emit("Gelu", [x], approximate=approximate)
    if approximate == "tanh":
        cube = w.emit("Mul", [w.emit("Mul", [x, x]), x])
        inner = w.emit("Add", [x, w.emit("Mul", [cube, w.number(0.044715, dtype)])])
        bent = w.emit("Tanh", [w.emit("Mul", [inner, w.number(math.sqrt(2 / math.pi), dtype)])])
    else:
        bent = w.emit("Erf", [w.emit("Mul", [x, w.number(math.sqrt(0.5), dtype)])])
    half = w.emit("Mul", [x, w.number(0.5, dtype)])
    return w.emit("Mul", [half, w.emit("Add", [bent, w.number(1, dtype)])])


@form("softplus logsigmoid")
def _softplus(w: Writer, call: Call) -> Any:
    x, dtype = call.value(0), call.dtype()
    if call.function == "logsigmoid":
        return w.emit("Neg", [w.emit("Softplus", [w.emit("Neg", [x])])])
    beta = float(call.get("beta", 1.0))
    if beta == 1:
        return w.emit("Softplus", [x])
    scaled = w.emit("Softplus", [w.emit("Mul", [x, w.number(beta, dtype)])])
    return w.emit("Div", [scaled, w.number(beta, dtype)])


@form("hardshrink softshrink")
def _shrink(w: Writer, call: Call) -> Any:
    lambd = float(call.get("lambd", 0.5))
    bias = lambd if call.function == "softshrink" else 0.0
    return w.emit("Shrink", [call.value(0)], lambd=lambd, bias=bias)


@form("tanhshrink")
def _tanhshrink(w: Writer, call: Call) -> Any:
    return w.emit("Sub", [call.value(0), w.emit("Tanh", [call.value(0)])])


@form("glu")
def _glu(w: Writer, call: Call) -> Any:
    axis = call.dim("dim", -1)
    half, gate = w.emit("Split", [call.value(0)], 2, axis=axis, num_outputs=2)
    return w.emit("Mul", [half, w.emit("Sigmoid", [gate])])


@form("softmax log_softmax softmin")
def _softmax(w: Writer, call: Call) -> Any:
    x = call.value(0)
    if call.function == "softmin":
        x = w.emit("Neg", [x])
    name = "LogSoftmax" if call.function == "log_softmax" else "Softmax"
    return w.emit(name, [x], axis=call.dim("dim", -1))


@form("convert")
def _convert(w: Writer, call: Call) -> Any:
    return call.value(0, call.get("dtype"))


@form("convert_like")
def _convert_like(w: Writer, call: Call) -> Any:
    return call.value(0, call.out_dtype())
