"""Activation operators, and softmax with its kin."""

from __future__ import annotations

from typing import Any

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator

_PLAIN = {"HardSwish": "hardswish", "Mish": "mish", "Softplus": "softplus", "Softsign": "softsign"}
#: Operators with one number, which weft's functions take too: attribute, default, setting.
_BY_NUMBER: dict[str, tuple[str, str, float, str]] = {
    "Celu": ("celu", "alpha", 1.0, "alpha"),
    "Elu": ("elu", "alpha", 1.0, "alpha"),
    "LeakyRelu": ("leaky_relu", "alpha", 0.01, "negative_slope"),
}
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


@operator(" ".join(_PLAIN))
def plain(call: Call) -> Value:
    return call.emit(_PLAIN[call.op], call[0])


@operator(" ".join(_BY_NUMBER))
def by_number(call: Call) -> Value:
    function, attribute, default, setting = _BY_NUMBER[call.op]
    given: dict[str, Any] = {setting: float(call.attribute(attribute, default))}
    return call.emit(function, call[0], **given)


@operator("Selu")
def selu(call: Call) -> Value:
    alpha, gamma = call.attribute("alpha", _SELU[0]), call.attribute("gamma", _SELU[1])
    if abs(alpha - _SELU[0]) < 1e-6 and abs(gamma - _SELU[1]) < 1e-6:
        return call.emit("selu", call[0])
    return call.emit("mul", call.emit("elu", call[0], alpha=float(alpha)), float(gamma))


@operator("HardSigmoid")
def hard_sigmoid(call: Call) -> Value:
    scaled = call.emit("mul", call[0], float(call.attribute("alpha", 0.2)))
    moved = call.emit("add", scaled, float(call.attribute("beta", 0.5)))
    return call.emit("hardtanh", moved, min_val=0.0, max_val=1.0)


@operator("Gelu")
def gelu(call: Call) -> Value:
    return call.emit("gelu", call[0], approximate=call.attribute("approximate", "none"))


@operator("Swish")
def swish(call: Call) -> Value:
    alpha = float(call.attribute("alpha", 1.0))
    if alpha == 1.0:
        return call.emit("silu", call[0])
    return call.emit("mul", call[0], call.emit("sigmoid", call.emit("mul", call[0], alpha)))


@operator("PRelu")
def prelu(call: Call) -> Value:
    return call.emit("prelu_by", call[0], call[1])


@operator("ThresholdedRelu")
def thresholded(call: Call) -> Value:
    alpha = float(call.attribute("alpha", 1.0))
    return call.emit("threshold", call[0], threshold=alpha, value=0.0)


@operator("Shrink")
def shrink(call: Call) -> Value:
    return call.emit(
        "shrink", call[0], threshold=float(call.attribute("lambd", 0.5)),
        bias=float(call.attribute("bias", 0.0)),
    )  # fmt: skip


@operator("Softmax LogSoftmax")
def softmax_of_matrix(call: Call) -> Value:
    """Until opset 12 the dims from `axis` on count as one."""
    log = call.op == "LogSoftmax"
    return call.emit("softmax_from", call[0], dim=call.attribute("axis", 1), log=log)


@operator("Softmax LogSoftmax", since=13)
def softmax(call: Call) -> Value:
    name = "log_softmax" if call.op == "LogSoftmax" else "softmax"
    return call.emit(name, call[0], dim=call.attribute("axis", -1))


@operator("Hardmax", since=13)
def hardmax(call: Call) -> Value:
    return call.emit("hardmax", call[0], dim=call.attribute("axis", -1))
