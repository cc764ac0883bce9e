"""Fourier transforms."""

from __future__ import annotations

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("DFT", since=17)
def dft_by_attribute(call: Call) -> Value:
    return _dft(call, call.attribute("axis", 1))


@operator("DFT", since=20)
def dft(call: Call) -> Value:
    axis = call.get(2)
    return _dft(call, -2 if axis is None else axis)


def _dft(call: Call, dim: Value | int) -> Value:
    return call.emit(
        "dft", call[0], length=call.get(1), dim=dim, inverse=call.flag("inverse"),
        onesided=call.flag("onesided"),
    )  # fmt: skip


@operator("STFT", since=17)
def stft(call: Call) -> Value:
    return call.emit(
        "spectrum_of_frames", call[0], call.get(2), step=call[1], length=call.get(3),
        onesided=call.flag("onesided", True),
    )  # fmt: skip
