"""Starts the kernels of losses of two arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import class_losses
from weft._backend.cpu.kernels import pair_losses as kernels
from weft._backend.cpu.launch.arrays import COMPUTED, FLOATS, like, ordered, unordered

_made: dict[Any, Callable[..., Any]] = {}


def _kernel(name: str, dtype: Any, kind: str) -> Callable[..., Any]:
    key = (name, dtype, kind)
    run = _made.get(key)
    if run is None:
        if name == "add":
            made = class_losses.add.at(T=FLOATS[dtype])
        else:
            number = kernels.KINDS.index(kind)
            made = getattr(kernels, name).at(T=FLOATS[dtype], KIND=number)
        run = _made[key] = made
    return run


def losses(x: Any, target: Any, *, kind: str, reduction: str, at: float) -> Any:
    """Return the loss or losses; see ``pair_losses``."""
    dtype = x.dtype
    if dtype not in FLOATS or target.dtype != dtype or target.shape != x.shape or not x.size:
        return None
    x, order = ordered(x)
    target = like(target, order)
    if reduction == "none":
        out = np.empty(x.shape, dtype)
        _kernel("each", dtype, kind)(x.size, 8192, x, target, out, at)
        return unordered(out, order)
    blocks = -(-x.size // kernels.BLOCK)
    parts = np.empty(blocks, COMPUTED[dtype])
    _kernel("sums", dtype, kind)(blocks, 4, x, target, parts, x.size, at)
    loss = np.empty((), dtype)
    divisor = float(x.size) if reduction == "mean" else 1.0
    _kernel("add", dtype, "")(1, 2, parts, loss, blocks, divisor)
    return loss


def slopes(g: Any, x: Any, target: Any, *, kind: str, reduction: str, at: float) -> Any:
    """Return the cotangent of the first array; see ``pair_slopes``."""
    dtype = x.dtype
    if dtype not in FLOATS or not g.dtype == target.dtype == dtype or not x.size:
        return None
    if target.shape != x.shape:
        return None
    x, order = ordered(x)
    target = like(target, order)
    step = 1 if reduction == "none" and g.ndim else 0
    g = like(g, order) if step else g
    dx = np.empty(x.shape, dtype)
    divisor = float(x.size) if reduction == "mean" else 1.0
    _kernel("slopes", dtype, kind)(x.size, 8192, g, x, target, dx, step, divisor, at)
    return unordered(dx, order)
