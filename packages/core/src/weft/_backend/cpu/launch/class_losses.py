"""Starts the kernels of cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import class_losses as kernels
from weft._backend.cpu.launch.arrays import COMPUTED, FLOATS, dense, ordered, unordered

_made: dict[Any, Callable[..., Any]] = {}
_I64 = np.dtype(np.int64)


def _kernel(kernel: Any, dtype: Any, weight: Any, smooth: bool, to: Any) -> Callable[..., Any]:
    key = (kernel, dtype, weight is None, smooth, to)
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernel.at(
            T=FLOATS[dtype], U=FLOATS[to], WEIGHT=weight is not None, SMOOTH=smooth
        )
    return run


def _taken(x: Any, target: Any, weight: Any, dim: int) -> Any:
    """Return logits in memory's order, that order, the dim in it and targets; None if none."""
    if x.dtype not in FLOATS or not x.size or target.dtype.kind not in "iu":
        return None
    if weight is not None and weight.dtype != x.dtype:
        return None
    turned, order = ordered(x)
    if order is not None:
        rest = [d for d in order if d != dim]
        if rest != sorted(rest):  # the targets would have to follow
            turned, order = np.ascontiguousarray(x), None
        else:
            dim = order.index(dim)
    if target.dtype != _I64:
        target = target.astype(_I64)
    return turned, order, dim, dense(target), None if weight is None else dense(weight)


def losses(
    x: Any, target: Any, weight: Any = None,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    """Return the loss or losses, the logarithms of sums and the divisor; see ``class_losses``."""
    taken = _taken(x, target, weight, dim)
    if taken is None:
        return None
    turned, _, at, target, weight = taken
    dtype, shape = x.dtype, turned.shape
    own = COMPUTED[dtype]
    n = shape[at]
    rows = target.size
    found = np.empty(2)
    _kernel(kernels.weigh, dtype, weight, False, own)(1, 2, target, weight, found, rows, n, ignored)
    whole, wrong = found.tolist()
    if wrong >= 0:
        return None  # the general way tells which
    smooth = smoothing != 0
    each = reduction == "none"
    to = dtype if each else own
    found_losses, sums = np.empty(target.shape, to), np.empty(target.shape, own)
    if at == len(shape) - 1:
        _kernel(kernels.rows_losses, dtype, weight, smooth, to)(
            rows, 8192 // n or 1, turned, target, weight, found_losses, sums, n, ignored, smoothing
        )
    else:
        inner = math.prod(shape[at + 1 :])
        blocks = -(-inner // 64)
        _kernel(kernels.columns_losses, dtype, weight, smooth, to)(
            math.prod(shape[:at]) * blocks, 8192 // (n * min(inner, 64)) or 1, turned, target,
            weight, found_losses, sums, n, inner, blocks, ignored, smoothing,
        )  # fmt: skip
    divisor = np.array(whole if reduction == "mean" else 1.0, own)
    if each:
        return found_losses, sums, divisor
    loss = np.empty((), dtype)
    _kernel(kernels.add, dtype, None, False, own)(
        1, 2, found_losses, loss, rows, whole if reduction == "mean" else 1.0
    )
    return loss, sums, divisor


def slopes(
    g: Any, x: Any, target: Any, weight: Any, sums: Any, divisor: Any,
    *, dim: int, ignored: int, smoothing: float,
) -> Any:  # fmt: skip
    """Return the cotangent of logits; see ``class_slopes``."""
    taken = _taken(x, target, weight, dim)
    if taken is None or g.dtype != x.dtype or sums.dtype != COMPUTED[x.dtype]:
        return None
    turned, order, at, target, weight = taken
    dtype, shape = x.dtype, turned.shape
    n = shape[at]
    g, sums = dense(g), dense(sums)
    dx = np.empty(shape, dtype)
    step = 1 if g.ndim else 0
    smooth = smoothing != 0
    over = float(divisor)
    if at == len(shape) - 1:
        _kernel(kernels.rows_slopes, dtype, weight, smooth, dtype)(
            target.size, 8192 // n or 1, g, turned, target, weight, sums, dx, n, ignored, step,
            over, smoothing,
        )  # fmt: skip
    else:
        inner = math.prod(shape[at + 1 :])
        blocks = -(-inner // 64)
        _kernel(kernels.columns_slopes, dtype, weight, smooth, dtype)(
            math.prod(shape[:at]) * blocks, 8192 // (n * min(inner, 64)) or 1, g, turned, target,
            weight, sums, dx, n, inner, blocks, ignored, step, over, smoothing,
        )  # fmt: skip
    return dx if order is None else unordered(dx, order)
