"""Operators that reduce dims."""

from __future__ import annotations

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator

_HOW = {
    "ReduceL1": "l1", "ReduceL2": "l2", "ReduceLogSum": "log_of_sum",
    "ReduceLogSumExp": "log_of_sum_of_exps", "ReduceMax": "max", "ReduceMean": "mean",
    "ReduceMin": "min", "ReduceProd": "prod", "ReduceSum": "sum",
    "ReduceSumSquare": "sum_of_squares",
}  # fmt: skip
_BY_INPUT = [name for name in _HOW if name != "ReduceSum"]


@operator(" ".join(_HOW))
def reduce(call: Call) -> Value:
    return call.emit(
        "reduce", call[0], how=_HOW[call.op], dims=call.attribute("axes"),
        keepdim=call.flag("keepdims", True),
    )  # fmt: skip


@operator("ReduceSum", since=13)
@operator(" ".join(_BY_INPUT), since=18)
def reduce_by_input(call: Call) -> Value:
    """The dims are an input; without any, all of them or none."""
    none_is_all = not call.flag("noop_with_empty_axes")
    axes: Value | list[int] | None = call.get(1)
    if axes is None and not none_is_all:
        axes = []
    return call.emit(
        "reduce", call[0], how=_HOW[call.op], dims=axes, keepdim=call.flag("keepdims", True),
        none_is_all=none_is_all,
    )  # fmt: skip


@operator("ArgMax ArgMin")
def arg_extreme(call: Call) -> Value:
    return call.emit(
        "arg_extreme", call[0], dim=call.attribute("axis", 0),
        keepdim=call.flag("keepdims", True), largest=call.op == "ArgMax",
        last=call.flag("select_last_index"),
    )  # fmt: skip
