"""Operators that normalise."""

from __future__ import annotations

from collections.abc import Sequence

import weft
from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("BatchNormalization")
def batch_norm(call: Call) -> Value:
    if call.flag("training_mode"):
        raise call.refused("training_mode must be 0: weft.onnx reads models for inference")
    if not call.attribute("spatial", 1):
        raise call.refused("spatial must be 1")
    for moment in (call[3], call[4]):
        moment.trained = False  # moments are buffers: no gradient teaches them
    return call.emit(
        "batch_norm", call[0], call[3], call[4], call[1], call[2],
        eps=float(call.attribute("epsilon", 1e-5)),
    )  # fmt: skip


@operator("InstanceNormalization")
def instance_norm(call: Call) -> Value:
    eps = float(call.attribute("epsilon", 1e-5))
    return call.emit("instance_norm", call[0], call[1], call[2], eps=eps)


@operator("GroupNormalization", since=18)
def group_norm_by_group(call: Call) -> Value:
    """Until opset 20 scale and bias are of groups."""
    groups = call.required("num_groups")
    plain = call.emit("group_norm", call[0], num_groups=groups, eps=_epsilon(call))
    known = call[0].shape
    if known is None:
        raise call.refused(
            "the number of channels must be known for scales of groups; fix the input's shape"
        )
    each = call.constant(known[1] // groups, weft.int64)
    scale, bias = (call.emit("repeat_interleave", call[k], each) for k in (1, 2))
    sizes = [-1, *[1] * (len(known) - 2)]
    scaled = call.emit("mul", plain, call.emit("reshape", scale, shape=sizes))
    return call.emit("add", scaled, call.emit("reshape", bias, shape=sizes))


@operator("GroupNormalization", since=21)
def group_norm(call: Call) -> Value:
    groups = call.required("num_groups")
    return call.emit("group_norm", call[0], call[1], call[2], num_groups=groups, eps=_epsilon(call))


@operator("LayerNormalization", since=17)
def layer_norm(call: Call) -> Value | Sequence[Value]:
    dim, eps = call.attribute("axis", -1), _epsilon(call)
    x, weight, bias = call[0], call[1], call.get(2)
    if call.want(1) or call.want(2):
        return call.emit_many("layer_norm_from", 3, x, weight, bias, dim=dim, eps=eps)
    return call.emit("layer_norm", x, weight, bias, dim=dim, eps=eps)


@operator("RMSNormalization", since=23)
def rms_norm(call: Call) -> Value:
    return call.emit(
        "rms_norm", call[0], call[1], dim=call.attribute("axis", -1), eps=_epsilon(call)
    )


@operator("LRN")
def local_response(call: Call) -> Value:
    return call.emit(
        "local_response", call[0], size=call.required("size"),
        alpha=float(call.attribute("alpha", 1e-4)), beta=float(call.attribute("beta", 0.75)),
        bias=float(call.attribute("bias", 1.0)),
    )  # fmt: skip


@operator("LpNormalization")
def lp_norm(call: Call) -> Value:
    return call.emit(
        "lp_normalize", call[0], p=call.attribute("p", 2), dim=call.attribute("axis", -1)
    )


def _epsilon(call: Call) -> float:
    return float(call.attribute("epsilon", 1e-5))
