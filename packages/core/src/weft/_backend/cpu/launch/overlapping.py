"""From a convolution's result back to images of few channels: products, and windows added up.

oneDNN's vectors reach over the input's channels, and are mostly empty where those are three. Here
one product gives for each window what it adds to each of its elements; a kernel then adds these up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._backend.cpu import onednn_matmul, switches
from weft._backend.cpu.kernels import overlapping as kernels
from weft._backend.cpu.language import f32, usable
from weft._backend.cpu.launch.arrays import grain

_F32 = np.dtype(np.float32)
#: Channels of the images up to which this is quicker.
MOST_CHANNELS = 8
#: Multiplications for an image from which on it is.
_LEAST = 1 << 20


def is_taken(g: Any, w: Any, shape: Sequence[int], settings: Any) -> bool:
    """Whether a cotangent is to be computed so.

    Args:
        g: the cotangent of the result, (N, O, rows, columns).
        w: the weight, (O, C, *kernel).
        shape: the images', (N, C, height, width).
        settings: stride, padding, dilation and groups.
    """
    stride, _, dilation, groups = settings
    if len(shape) != 4 or shape[1] > MOST_CHANNELS or groups != 1 or max(dilation) > 1:
        return False
    if g.dtype != _F32 or g.size // len(g) * math.prod(w.shape[1:]) < _LEAST:
        return False
    whole = shape[3] + stride[1] <= kernels.ROW
    dense = g.flags.c_contiguous or g.transpose(0, 2, 3, 1).flags.c_contiguous
    return whole and dense and math.prod(w.shape[2:]) > 1 and w.shape[0] >= 16 and usable()


def to_input(g: Any, w: Any, out: Any, stride: Any, padding: Any) -> bool:
    """Write the cotangent of a convolution's input, an array that lies channels last.

    Returns:
        bool: whether it was done.
    """
    if not switches.codegen:
        return False
    n, channels, height, width = out.shape
    kh, kw = w.shape[2:]
    wide, rows, columns = g.shape[1:]
    images = g.transpose(0, 2, 3, 1)
    if images.flags.c_contiguous:
        images = images.reshape(n, rows * columns, wide).transpose(0, 2, 1)
    else:
        images = g.reshape(n, wide, rows * columns)
    turned = w.reshape(wide, -1).T
    run = kernels.overlapped.at(T=f32, STEP=stride[1])
    for image, whole in zip(images, out, strict=True):
        parts = onednn_matmul.product(turned, image)
        if parts is None:
            return False
        run(
            channels * height, grain(width * kh), parts, whole, channels, height, width, kh, kw,
            rows, columns, stride[0], padding[0][0], padding[1][0], width * channels, channels,
        )  # fmt: skip
    return True
