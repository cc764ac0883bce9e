"""Layers: linear ones, convolutions, normalisation, pooling, attention, resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import weft
from weft.onnx._writing.shaping import sizes_between
from weft.onnx._writing.writer import Call, NoForm, Writer, form

__all__: list[str] = []


@form("linear")
def _linear(w: Writer, call: Call) -> Any:
    if call.rank() == 2 and call.has(2):
        return w.emit("Gemm", [call.value(0), call.value(1), call.value(2)], transB=1)
    turned = w.emit("Transpose", [call.value(1)], perm=[1, 0])
    out = w.emit("MatMul", [call.value(0), turned])
    return w.emit("Add", [out, call.value(2)]) if call.has(2) else out


def _each(value: int | Sequence[int] | None, count: int, default: int = 1) -> list[int]:
    if value is None:
        return [default] * count
    if isinstance(value, int):
        return [value] * count
    return list(value) * count if len(value) == 1 else list(value)


@form("conv1d conv2d conv3d")
def _conv(w: Writer, call: Call) -> Any:
    count = call.rank() - 2
    if count != int(call.function[4]):
        raise NoForm("no batch")
    padding = _each(call.get("padding"), count, 0)
    values = [call.value(place) for place in range(3 if call.has(2) else 2)]
    return w.emit(
        "Conv", values, kernel_shape=list(call.shape(1)[2:]), pads=padding * 2,
        strides=_each(call.get("stride"), count), dilations=_each(call.get("dilation"), count),
        group=call.get("groups", 1),
    )  # fmt: skip


@form("conv_transpose1d conv_transpose2d conv_transpose3d")
def _conv_transpose(w: Writer, call: Call) -> Any:
    count = call.rank() - 2
    if count != int(call.function[14]):
        raise NoForm("no batch")
    padding = _each(call.get("padding"), count, 0)
    values = [call.value(place) for place in range(3 if call.has(2) else 2)]
    return w.emit(
        "ConvTranspose", values, kernel_shape=list(call.shape(1)[2:]), pads=padding * 2,
        strides=_each(call.get("stride"), count), dilations=_each(call.get("dilation"), count),
        output_padding=_each(call.get("output_padding"), count, 0), group=call.get("groups", 1),
    )  # fmt: skip


def _affine(w: Writer, call: Call, first: int, channels: int) -> list[str]:
    """Return scale and bias of channels, which are ones and zeros where they are absent."""
    scale = call.value(first) if call.has(first) else w.constant(weft.ones(channels))
    bias = call.value(first + 1) if call.has(first + 1) else w.constant(weft.zeros(channels))
    return [scale, bias]


@form("batch_norm")
def _batch_norm(w: Writer, call: Call) -> Any:
    scale, bias = _affine(w, call, 3, call.shape()[1])
    values = [call.value(0), scale, bias, call.value(1), call.value(2)]
    return w.emit("BatchNormalization", values, epsilon=float(call.get("eps", 1e-5)))


@form("instance_norm")
def _instance_norm(w: Writer, call: Call) -> Any:
    values = [call.value(0), *_affine(w, call, 1, call.shape()[1])]
    return w.emit("InstanceNormalization", values, epsilon=float(call.get("eps", 1e-5)))


@form("group_norm")
def _group_norm(w: Writer, call: Call) -> Any:
    x, groups, rank = call.value(0), call.get("num_groups"), call.rank()
    ones, zeros = w.constant(weft.ones(groups)), w.constant(weft.zeros(groups))
    parted = w.emit("Reshape", [x, w.numbers([0, groups, -1])])
    eps = float(call.get("eps", 1e-5))
    out = w.emit("InstanceNormalization", [parted, ones, zeros], epsilon=eps)
    out = w.emit("Reshape", [out, w.emit("Shape", [x])])
    axes = w.numbers(list(range(1, rank - 1)))
    for place, name in ((1, "Mul"), (2, "Add")):
        if call.has(place):
            value = call.value(place)
            out = w.emit(name, [out, w.emit("Unsqueeze", [value, axes]) if rank > 2 else value])
    return out


@form("layer_norm")
def _layer_norm(w: Writer, call: Call) -> Any:
    values = [call.value(place) for place in range(3 if call.has(2) else 2)]
    eps = float(call.get("eps", 1e-5))
    return w.emit("LayerNormalization", values, axis=call.dim("dim", -1), epsilon=eps)


@form("rms_norm")
def _rms_norm(w: Writer, call: Call) -> Any:
    x, dtype = call.value(0), call.dtype()
    axes = w.numbers(list(range(call.dim("dim", -1), call.rank())))
    mean = w.emit("ReduceMean", [w.emit("Mul", [x, x]), axes], keepdims=1)
    root = w.emit("Sqrt", [w.emit("Add", [mean, w.number(float(call.get("eps", 1e-5)), dtype)])])
    return w.emit("Mul", [w.emit("Div", [x, root]), call.value(1)])


@form("max_pool1d max_pool2d max_pool3d")
def _max_pool(w: Writer, call: Call) -> Any:
    return w.emit(
        "MaxPool", [call.value(0)], **_windows(call),
        dilations=_each(call.get("dilation"), call.rank() - 2),
    )  # fmt: skip


@form("avg_pool1d avg_pool2d avg_pool3d")
def _avg_pool(w: Writer, call: Call) -> Any:
    inside = int(call.get("count_include_pad", True))
    return w.emit("AveragePool", [call.value(0)], **_windows(call), count_include_pad=inside)


def _windows(call: Call) -> dict[str, Any]:
    count = call.rank() - 2
    if count != int(call.function[8]):
        raise NoForm("no batch")
    kernel = _each(call.get("kernel_size"), count)
    strides = kernel if call.get("stride") is None else _each(call.get("stride"), count)
    pads = _each(call.get("padding"), count, 0) * 2
    ceil = int(call.get("ceil_mode", False))
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "ceil_mode": ceil}


@form(
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
)
def _adaptive(w: Writer, call: Call) -> Any:
    shape, out = call.shape()[2:], call.out_shape()[2:]
    mean = "avg" in call.function
    if all(n == 1 for n in out):
        return w.emit("GlobalAveragePool" if mean else "GlobalMaxPool", [call.value(0)])
    if any(n % k for n, k in zip(shape, out, strict=True)):
        raise NoForm(f"windows of {shape} to {out} are of several sizes")
    kernel = [n // k for n, k in zip(shape, out, strict=True)]
    name = "AveragePool" if mean else "MaxPool"
    return w.emit(name, [call.value(0)], kernel_shape=kernel, strides=kernel)


@form("scaled_dot_product_attention")
def _attention(w: Writer, call: Call) -> Any:
    if call.get("enable_gqa", False) and call.shape()[-3] != call.shape(1)[-3]:
        raise NoForm("enable_gqa")
    q, k, dtype, rank = call.value(0), call.value(1), call.dtype(), call.rank()
    scale = call.get("scale")
    scale = 1 / math.sqrt(call.shape()[-1]) if scale is None else scale
    order = [*range(rank - 2), rank - 1, rank - 2]
    q = w.emit("Mul", [q, w.number(scale, dtype)])
    scores = w.emit("MatMul", [q, w.emit("Transpose", [k], perm=order)])
    never = w.number(-math.inf, dtype)
    if call.get("is_causal", False):
        seen = _lower_triangle(w, q, rank, k)
        scores = w.emit("Where", [seen, scores, never])
    if call.has(3):
        mask = call.value(3)
        if call.dtype(3) == weft.bool:
            scores = w.emit("Where", [mask, scores, never])
        else:
            scores = w.emit("Add", [scores, mask])
    weights = w.emit("Softmax", [scores], axis=-1)
    if call.has(3):  # a query that sees no key gets zeros
        zero = w.number(0.0, dtype)
        weights = w.emit("Where", [w.emit("IsNaN", [weights]), zero, weights])
    return w.emit("MatMul", [weights, call.value(2)])


def _lower_triangle(w: Writer, q: str, rank: int, k: str) -> str:
    """Return which keys a query sees: those that stand no later."""
    sizes = [sizes_between(w, one, rank - 2, rank - 1) for one in (q, k)]
    ones = w.emit("Expand", [w.number(1, weft.int64), w.emit("Concat", sizes, axis=0)])
    return w.cast(w.emit("Trilu", [ones], upper=0), weft.bool)


@form("interpolate")
def _interpolate(w: Writer, call: Call) -> Any:
    mode, corners = call.get("mode", "nearest"), call.get("align_corners")
    kinds = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "bicubic": "cubic"}
    if mode not in kinds or call.get("antialias", False):
        raise NoForm(f"mode {mode!r}, or antialias")
    spatial = call.rank() - 2
    settings: dict[str, Any] = {"mode": kinds[mode], "coordinate_transformation_mode": "half_pixel"}
    if mode == "nearest":
        settings |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif corners:
        settings["coordinate_transformation_mode"] = "align_corners"
    if mode == "bicubic":
        settings["cubic_coeff_a"] = -0.75
    x, size = call.value(0), call.get("size")
    if size is not None:
        kept = sizes_between(w, x, 0, 2)
        sizes = w.emit("Concat", [kept, w.numbers(_each(size, spatial))], axis=0)
        return w.emit("Resize", [x, "", "", sizes], **settings)
    factors = call.get("scale_factor")
    factors = [factors] * spatial if isinstance(factors, int | float) else list(factors)
    scales = w.constant(weft.tensor([1.0, 1.0, *map(float, factors)]))
    return w.emit("Resize", [x, "", scales], **settings)


@form("grid_sample")
def _grid_sample(w: Writer, call: Call) -> Any:
    mode = call.get("mode", "bilinear")
    names = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}
    if w.opset < 20:
        names = {"bilinear": "bilinear", "nearest": "nearest", "bicubic": "bicubic"}
    return w.emit(
        "GridSample", [call.value(0), call.value(1)], mode=names[mode],
        padding_mode=call.get("padding_mode", "zeros"),
        align_corners=int(call.get("align_corners") or False),
    )  # fmt: skip
