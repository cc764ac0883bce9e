"""Operators that choose elements by index or condition, and those that write at indices."""

from __future__ import annotations

from collections.abc import Sequence

import weft
from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("Gather")
def gather(call: Call) -> Value:
    return call.emit("lookup", call[0], call[1], dim=call.attribute("axis", 0))


@operator("GatherElements")
def gather_elements(call: Call) -> Value:
    return call.emit("gather_elements", call[0], call[1], dim=call.attribute("axis", 0))


@operator("GatherND")
def gather_nd(call: Call) -> Value:
    return call.emit("gather_nd", call[0], call[1], batch_dims=call.attribute("batch_dims", 0))


@operator("Scatter ScatterElements")
def scatter_elements(call: Call) -> Value:
    return call.emit(
        "scatter_elements", call[0], call[1], call[2], dim=call.attribute("axis", 0),
        reduction=call.attribute("reduction", "none"),
    )  # fmt: skip


@operator("ScatterND")
def scatter_nd(call: Call) -> Value:
    reduction = call.attribute("reduction", "none")
    return call.emit("scatter_nd", call[0], call[1], call[2], reduction=reduction)


@operator("Compress")
def compress(call: Call) -> Value:
    return call.emit("compress", call[0], call[1], dim=call.attribute("axis"))


@operator("NonZero")
def nonzero(call: Call) -> Value:
    return call.emit("transpose", call.emit("nonzero", call[0]), dim0=0, dim1=1)


@operator("OneHot")
def one_hot(call: Call) -> Value:
    depth = call.emit("convert", call[1], dtype=weft.int64)
    return call.emit(
        "one_hot_between", call[0], call[2], depth=depth, dim=call.attribute("axis", -1)
    )


@operator("TopK")
def top_by_attribute(call: Call) -> Sequence[Value]:
    return _top(call, call.required("k"))


@operator("TopK", since=10)
def top(call: Call) -> Sequence[Value]:
    return _top(call, call[1])


def _top(call: Call, k: Value | int) -> Sequence[Value]:
    return call.emit_many(
        "largest_or_smallest", 2, call[0], k=k, dim=call.attribute("axis", -1),
        largest=call.flag("largest", True),
    )  # fmt: skip


@operator("Trilu")
def triangle(call: Call) -> Value:
    name = "triu" if call.flag("upper", True) else "tril"
    return call.emit(name, call[0], diagonal=call.get(1))


@operator("EyeLike")
def eye_like(call: Call) -> Value:
    return call.emit("eye_like", call[0], offset=call.attribute("k", 0), dtype=call.dtype("dtype"))


@operator("Unique")
def unique(call: Call) -> Sequence[Value]:
    return call.emit_many(
        "unique", 4, call[0], dim=call.attribute("axis"), sorted=call.flag("sorted", True)
    )


@operator("NonMaxSuppression")
def suppress(call: Call) -> Value:
    return call.emit(
        "suppress_boxes", call[0], call[1], most=call.get(2), overlap=call.get(3),
        score=call.get(4), centred=call.flag("center_point_box"),
    )  # fmt: skip
