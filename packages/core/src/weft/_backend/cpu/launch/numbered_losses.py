"""Starts the kernels of the likelihood of class numbers."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import numbered_losses as kernels
from weft._backend.cpu.launch.arrays import FLOATS, dense

_I64 = np.dtype(np.int64)


def losses(x: Any, target: Any, *, dim: int, ignored: int, reduction: str) -> Any:
    """Return the loss or losses and the rows that count; see the op. None of a wrong class."""
    dtype = x.dtype
    if dtype not in FLOATS or not x.size or target.dtype != _I64 or not target.size:
        return None
    rows, inner = target.size, math.prod(x.shape[dim + 1 :])
    steps = -(-rows // kernels.BLOCK)
    out, parts = np.empty(target.shape, dtype), np.empty((steps, 3))
    kernels.pick.at(T=FLOATS[dtype])(
        steps, 1, dense(x), dense(target), out, parts, rows, x.shape[dim], inner, ignored
    )
    total, counted, wrong = parts.sum(0).tolist() if steps > 1 else parts[0].tolist()
    if wrong:
        return None
    if reduction == "mean":
        total = total / counted if counted else math.nan
    if reduction != "none":
        out = np.array(total, dtype)
    return out, np.array(counted, np.float64 if dtype.itemsize == 8 else np.float32)


def slopes(
    g: Any, target: Any, counted: Any, *, dim: int, shape: Any, ignored: int, reduction: str
) -> Any:
    """Return the cotangent of the logarithms; see the op."""
    dtype = g.dtype
    if dtype not in FLOATS or target.dtype != _I64 or not target.size:
        return None
    out = np.zeros(shape, dtype)
    scale = 1.0
    if reduction == "mean":
        many = float(counted)
        scale = 1 / many if many else math.nan
    kernels.put.at(T=FLOATS[dtype])(
        target.size, 8192, dense(g), dense(target), out, shape[dim], math.prod(shape[dim + 1 :]),
        ignored, int(reduction == "none"), scale,
    )  # fmt: skip
    return out
