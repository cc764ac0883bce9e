"""Depthwise convolutions of arrays in the order of their indices, which are not copied for it."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import depthwise as kernels
from weft._backend.cpu.language import usable
from weft._backend.cpu.launch.arrays import FLOATS, dense, grain

#: Columns from which strips of vectors cover a plane, by the size of an element.
_LEAST_WIDTH = {4: 18, 8: 10}
_ONES, _BORDER = (1, 1), ((1, 1), (1, 1))


def forward(x: Any, w: Any, bias: Any, settings: dict[str, Any], turned: bool = False) -> Any:
    """Return a depthwise convolution in the order of its indices; None if it is not taken.

    Args:
        x: (N, C, height, width).
        w: (C, 1, 3, 3).
        bias: (C,), or None.
        settings: stride, padding, dilation and groups.
        turned: whether it is the way back, from the result's cotangent to the input's.
    """
    n, channels, height, width = x.shape
    least = _LEAST_WIDTH.get(x.itemsize)
    if least is None or width < least or x.dtype.kind != "f" or not n or not height:
        return None
    if w.dtype is not x.dtype or (bias is not None and bias.dtype is not x.dtype):
        return None
    if bias is not None and bias.shape != (channels,):
        return None
    if w.shape != (channels, 1, 3, 3) or settings["groups"] != channels or not usable():
        return None
    if settings["padding"] != _BORDER or not settings["stride"] == settings["dilation"] == _ONES:
        return None
    out = np.empty(x.shape, x.dtype)
    run = kernels.three_by_three.at(T=FLOATS[x.dtype], BIAS=bias is not None)
    weight = np.ascontiguousarray(w[:, :, ::-1, ::-1] if turned else w)
    places = height * width
    added = None if bias is None else dense(bias)
    run(n * channels, grain(places), x, weight, added, out, channels, height, width)
    return out
