"""Functions that reduce dims, choose the largest, or run along a dim."""

from __future__ import annotations

from typing import Any

import weft
from weft.onnx._writing.writer import Call, NoForm, Writer, form

__all__: list[str] = []

_REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
    "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp",
}  # fmt: skip


@form(" ".join(_REDUCTIONS))
def _reduced(w: Writer, call: Call) -> Any:
    x = call.value(0, call.out_dtype())
    keep = int(call.get("keepdim", False))
    return w.emit(_REDUCTIONS[call.function], [x, w.numbers(call.dims())], keepdims=keep)


@form("norm")
def _norm(w: Writer, call: Call) -> Any:
    p = call.get("p", 2)
    if p not in ("fro", 1, 2):
        raise NoForm(f"p={p}")
    keep = int(call.get("keepdim", False))
    name = "ReduceL1" if p == 1 else "ReduceL2"
    return w.emit(name, [call.value(0), w.numbers(call.dims())], keepdims=keep)


@form("normalize")
def _normalize(w: Writer, call: Call) -> Any:
    if call.get("p", 2.0) != 2:
        raise NoForm(f"p={call.get('p')}")
    x, axes = call.value(0), [call.dim("dim", 1)]
    norm = w.emit("ReduceL2", [x, w.numbers(axes)], keepdims=1)
    least = w.number(float(call.get("eps", 1e-12)), call.dtype())
    return w.emit("Div", [x, w.emit("Max", [norm, least])])


@form("all any")
def _truths(w: Writer, call: Call) -> Any:
    x = w.cast(call.value(0, weft.bool), weft.int32)
    keep = int(call.get("keepdim", False))
    name = "ReduceMin" if call.function == "all" else "ReduceMax"
    return w.cast(w.emit(name, [x, w.numbers(call.dims())], keepdims=keep), weft.bool)


@form("var std")
def _spread(w: Writer, call: Call) -> Any:
    x, dims, shape = call.value(0), call.dims(), call.shape()
    axes, keep = w.numbers(dims), int(call.get("keepdim", False))
    centred = w.emit("Sub", [x, w.emit("ReduceMean", [x, axes], keepdims=1)])
    total = w.emit("ReduceSumSquare", [centred, axes], keepdims=keep)
    sizes = w.emit("Gather", [w.emit("Shape", [x]), axes], axis=0)
    count = w.cast(w.emit("ReduceProd", [sizes], keepdims=0), call.dtype())
    correction = call.get("correction", 1)
    rest = w.emit("Sub", [count, w.number(correction, call.dtype())])
    out = w.emit("Div", [total, rest])
    assert len(dims) <= len(shape)
    return w.emit("Sqrt", [out]) if call.function == "std" else out


@form("argmax argmin")
def _places(w: Writer, call: Call) -> Any:
    x, keep = call.value(0), int(call.get("keepdim", False))
    name = "ArgMax" if call.function == "argmax" else "ArgMin"
    if call.get("dim") is not None:
        return w.emit(name, [x], axis=call.dim("dim", 0), keepdims=keep)
    if keep:
        raise NoForm("keepdim without dim")
    return w.emit(name, [w.emit("Reshape", [x, w.numbers([-1])])], axis=0, keepdims=0)


@form("cumsum")
def _cumsum(w: Writer, call: Call) -> Any:
    axis = w.number(call.dim("dim", 0), weft.int64)
    return w.emit("CumSum", [call.value(0, call.out_dtype()), axis])


@form("topk")
def _topk(w: Writer, call: Call) -> Any:
    axis, largest = call.dim("dim", -1), int(call.get("largest", True))
    return w.emit("TopK", [call.value(0), call.ints("k")], 2, axis=axis, largest=largest, sorted=1)


@form("sort argsort")
def _sort(w: Writer, call: Call) -> Any:
    x, axis = call.value(0), call.dim("dim", -1)
    count = w.emit("Shape", [x], start=axis, end=axis + 1)
    largest = int(call.get("descending", False))
    values, places = w.emit("TopK", [x, count], 2, axis=axis, largest=largest, sorted=1)
    return places if call.function == "argsort" else [values, places]
