"""Operators that join tensors, split them and take parts of them."""

from __future__ import annotations

from collections.abc import Sequence

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("Concat")
def concat(call: Call) -> Value:
    given = call.given()
    return given[0] if len(given) == 1 else call.emit("cat", *given, dim=call.required("axis"))


@operator("Split")
def split(call: Call) -> Sequence[Value]:
    return _split(call, call.attribute("split"))


@operator("Split", since=13)
def split_by_input(call: Call) -> Sequence[Value]:
    return _split(call, call.get(1))


def _split(call: Call, sizes: Value | list[int] | None) -> Sequence[Value]:
    count, dim = len(call.names), call.attribute("axis", 0)
    if sizes is None:
        if call.attribute("num_outputs", count) != count:
            raise call.refused(
                f"num_outputs is {call.attribute('num_outputs')}, but the node has {count} outputs"
            )
        return call.emit_many("split_evenly", count, call[0], parts=count, dim=dim)
    if isinstance(sizes, Value) and isinstance(sizes.numbers(), int):
        raise call.refused("split must be a list of sizes")
    return call.emit_many("split", count, call[0], split_size_or_sections=sizes, dim=dim)


@operator("Slice")
def slice_(call: Call) -> Value:
    return call.emit(
        "slice", call[0], starts=call.required("starts"), ends=call.required("ends"),
        dims=call.attribute("axes"),
    )  # fmt: skip


@operator("Slice", since=10)
def slice_by_inputs(call: Call) -> Value:
    return call.emit(
        "slice", call[0], starts=call[1], ends=call[2], dims=call.get(3), steps=call.get(4)
    )


@operator("ReverseSequence")
def reverse_sequence(call: Call) -> Value:
    return call.emit(
        "reverse_sequence", call[0], call[1], time_dim=call.attribute("time_axis", 0),
        batch_dim=call.attribute("batch_axis", 1),
    )  # fmt: skip
