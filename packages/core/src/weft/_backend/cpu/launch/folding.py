"""Adding windows back into images: which calls the kernel takes."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import folding as kernels
from weft._backend.cpu.language import f32, type_of, usable
from weft._backend.cpu.launch import copying

#: Elements that a thread adds at least.
GRAIN = 16384


def windows_added(
    x: Any, *, spatial: Any, counts: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Any:
    """Return windows added back into images, or None."""
    kind = type_of(x.dtype)
    if kind is None or kind.kind == "b" or not x.size or not usable():
        return None
    half = kind.kind == "f" and kind.bits == 16
    images = (x.shape[0], x.shape[1] // math.prod(kernel))
    out = np.empty((*images, *spatial), np.float32 if half else x.dtype)
    count = math.prod(images)
    kernels.fold_planes.at(T=kind, U=f32 if half else kind, STEP=1 if stride[1] == 1 else 0)(
        count, max(1, GRAIN * count // x.size), np.ascontiguousarray(x), out,
        *spatial, *counts, *kernel, *stride, *dilation, *padding,
    )  # fmt: skip
    return out.astype(x.dtype) if half else out


def windows_taken(
    x: Any, *, counts: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Any:
    """Return images taken apart into windows, or None."""
    if not x.size or not usable():
        return None
    wide = x
    if any(padding):
        wide = copying.constant_pad(x, widths=((0, 0), (0, 0), *((p, p) for p in padding)), value=0)
        if wide is None:
            return None
    batch, channels, down, across = wide.strides
    views = np.lib.stride_tricks.as_strided(
        wide,
        (*x.shape[:2], *kernel, *counts),
        (batch, channels, down * dilation[0], across * dilation[1], down * stride[0],
         across * stride[1]),
        writeable=False,
    )  # fmt: skip
    out = copying.copied(views)
    shape = (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(counts))
    return None if out is None else out.reshape(shape)
