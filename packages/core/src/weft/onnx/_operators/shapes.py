"""Operators about shapes: asking for them, and bringing tensors into others."""

from __future__ import annotations

import weft
from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator
from weft.onnx._tensors import dtype_of


@operator("Shape")
def shape(call: Call) -> Value:
    start, end = call.attribute("start", 0), call.attribute("end")
    known = call[0].shape
    if known is not None:
        return call.constant(list(known[start:end]), weft.int64)
    return call.emit("shape", call[0], start=start or None, end=end)


@operator("Size")
def size(call: Call) -> Value:
    known = call[0].shape
    if known is not None:
        return call.constant(weft.Size(known).numel(), weft.int64)
    return call.emit("numel", call[0])


@operator("Reshape")
def reshape(call: Call) -> Value:
    sizes = call[1].numbers()
    if call.flag("allowzero") or (sizes is not None and 0 not in sizes):
        return call.emit("reshape", call[0], shape=call[1])
    return call.emit("reshape_keeping", call[0], shape=call[1])


@operator("Flatten")
def flatten(call: Call) -> Value:
    return call.emit("to_matrix", call[0], dim=call.attribute("axis", 1))


@operator("Transpose")
def transpose(call: Call) -> Value:
    order = call.attribute("perm")
    if order is None:
        return call.emit("reverse_dims", call[0])
    return call.emit("permute", call[0], dims=order)


@operator("Squeeze")
def squeeze(call: Call) -> Value:
    return call.emit("squeeze", call[0], dim=call.attribute("axes"))


@operator("Squeeze", since=13)
def squeeze_by_input(call: Call) -> Value:
    return call.emit("squeeze", call[0], dim=call.get(1))


@operator("Unsqueeze")
def unsqueeze(call: Call) -> Value:
    return call.emit("unsqueeze_all", call[0], dims=call.required("axes"))


@operator("Unsqueeze", since=13)
def unsqueeze_by_input(call: Call) -> Value:
    return call.emit("unsqueeze_all", call[0], dims=call[1])


@operator("Expand")
def expand(call: Call) -> Value:
    return call.emit("expand", call[0], size=call[1])


@operator("Tile")
def tile(call: Call) -> Value:
    return call.emit("tile", call[0], dims=call[1])


@operator("Identity")
def identity(call: Call) -> Value:
    return call[0]


@operator("Dropout")
def dropout(call: Call) -> list[Value]:
    """Inference: nothing is dropped, so the mask is true everywhere."""
    training = call.get(2)
    if training is not None and training.numbers() is not False:
        raise call.refused("training_mode must be false: weft.onnx reads models for inference")
    if not call.want(1):
        return [call[0]]
    kept = call.emit("eq", call[0], call[0])
    anything = call.emit("logical_or", kept, call.emit("logical_not", kept))
    return [call[0], anything]


@operator("Cast")
def cast(call: Call) -> Value:
    return call.emit("convert", call[0], dtype=dtype_of(call.required("to"), call.who))


@operator("CastLike")
def cast_like(call: Call) -> Value:
    return call.emit("convert_like", call[0], call[1])


@operator("DepthToSpace SpaceToDepth")
def blocks(call: Call) -> Value:
    name = "depth_to_space" if call.op == "DepthToSpace" else "space_to_depth"
    return call.emit(name, call[0], block=call.required("blocksize"), mode=call.attribute("mode"))
