"""Pooling of windows and of whole images, and sampling at the places of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._operators.convolution import same_of
from weft.onnx._registry import operator


def _windows(call: Call) -> dict[str, Any]:
    return {
        "kernel": call.required("kernel_shape"),
        "stride": call.attribute("strides"),
        "pads": call.attribute("pads"),
        "dilation": call.attribute("dilations"),
        "ceil": call.flag("ceil_mode"),
        "same": same_of(call),
    }


@operator("MaxPool")
def max_pool(call: Call) -> Value | Sequence[Value]:
    if not call.want(1):
        return call.emit("max_pool", call[0], **_windows(call))
    return call.emit_many(
        "max_pool_with_places", 2, call[0], column_major=call.flag("storage_order"),
        **_windows(call),
    )  # fmt: skip


@operator("AveragePool")
def mean_pool(call: Call) -> Value:
    include = call.flag("count_include_pad")
    return call.emit("mean_pool", call[0], include_pads=include, **_windows(call))


@operator("LpPool")
def lp_pool(call: Call) -> Value:
    return call.emit("lp_pool", call[0], p=call.attribute("p", 2), **_windows(call))


@operator("MaxUnpool")
def unpool(call: Call) -> Value:
    return call.emit(
        "max_unpool", call[0], call[1], kernel=call.required("kernel_shape"),
        stride=call.attribute("strides"), pads=call.attribute("pads"), output_size=call.get(2),
    )  # fmt: skip


_GLOBAL = {
    "GlobalAveragePool": "mean_over_places",
    "GlobalMaxPool": "largest_over_places",
}


@operator(" ".join(_GLOBAL))
def over_places(call: Call) -> Value:
    return call.emit(_GLOBAL[call.op], call[0])


@operator("GlobalLpPool")
def norm_over_places(call: Call) -> Value:
    return call.emit("norm_over_places", call[0], p=call.attribute("p", 2))


_MODES = {"linear": "bilinear", "cubic": "bicubic"}


@operator("GridSample")
def grid_sample(call: Call) -> Value:
    mode = call.attribute("mode", "bilinear")
    return call.emit(
        "grid_sample_over", call[0], call[1], mode=_MODES.get(mode, mode),
        padding=call.attribute("padding_mode", "zeros"), align_corners=call.flag("align_corners"),
    )  # fmt: skip
