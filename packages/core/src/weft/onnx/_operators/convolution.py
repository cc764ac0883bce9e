"""Convolutions, and what puts columns of windows together."""

from __future__ import annotations

from typing import Any

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator

_SAME = {"SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def same_of(call: Call) -> str | None:
    """Return how a node wants to be padded by itself, or None where it says how much.

    Raises:
        OnnxError: it says something else.
    """
    mode = call.attribute("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", *_SAME):
        raise call.refused(f"auto_pad must be NOTSET, VALID or SAME_…, but is {mode!r}")
    return _SAME.get(mode)


@operator("Conv")
def convolution(call: Call) -> Value:
    x, weight, bias = call[0], call[1], call.get(2)
    stride, spread = call.attribute("strides"), call.attribute("dilations")
    pads, groups = call.attribute("pads"), call.attribute("group", 1)
    same, rank = same_of(call), weight.rank
    half = len(pads) // 2 if pads else 0
    if rank in (3, 4, 5) and same is None and (not pads or pads[:half] == pads[half:]):
        settings: dict[str, Any] = {
            "stride": stride, "padding": pads[:half] if pads else None, "dilation": spread,
            "groups": groups,
        }  # fmt: skip
        return call.emit(f"conv{rank - 2}d", x, weight, bias, **settings)
    return call.emit(
        "convolve", x, weight, bias, stride=stride, pads=pads, dilation=spread, groups=groups,
        same=same,
    )  # fmt: skip


@operator("ConvTranspose")
def transposed(call: Call) -> Value:
    return call.emit(
        "convolve_transposed", call[0], call[1], call.get(2), stride=call.attribute("strides"),
        pads=call.attribute("pads"), dilation=call.attribute("dilations"),
        groups=call.attribute("group", 1), output_padding=call.attribute("output_padding"),
        output_size=call.attribute("output_shape"), same=same_of(call),
    )  # fmt: skip


@operator("Col2Im")
def fold(call: Call) -> Value:
    return call.emit(
        "fold_windows", call[0], size=call[1], kernel=call[2],
        dilation=call.attribute("dilations"), pads=call.attribute("pads"),
        stride=call.attribute("strides"),
    )  # fmt: skip
