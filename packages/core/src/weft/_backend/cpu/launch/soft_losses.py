"""Starts the kernels of cross-entropy from probabilities, with the classes in the last dim."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import soft_losses as kernels
from weft._backend.cpu.launch.arrays import COMPUTED, FLOATS, dense


def _fits(x: Any, *others: Any) -> bool:
    return x.dtype in FLOATS and x.size > 0 and all(o is None or o.dtype == x.dtype for o in others)


def losses(x: Any, target: Any, weight: Any = None, *, smoothing: float) -> Any:
    """Return the rows' losses, and the logarithms of sums; see ``soft_class_losses``."""
    if not _fits(x, target, weight):
        return None
    n, lead = x.shape[-1], x.shape[:-1]
    found, sums = np.empty(lead, x.dtype), np.empty(lead, COMPUTED[x.dtype])
    run = kernels.soft_losses.at(
        T=FLOATS[x.dtype], WEIGHT=weight is not None, SMOOTH=smoothing != 0
    )
    own = None if weight is None else dense(weight)
    run(x.size // n, 8192 // n or 1, dense(x), dense(target), own, found, sums, n, smoothing)
    return found, sums


def slopes(g: Any, x: Any, target: Any, weight: Any, sums: Any, *, smoothing: float) -> Any:
    """Return the cotangent of the logits; see ``soft_class_slopes``."""
    if not _fits(x, g, target, weight) or sums.dtype != COMPUTED[x.dtype]:
        return None
    n = x.shape[-1]
    dx = np.empty(x.shape, x.dtype)
    run = kernels.soft_slopes.at(
        T=FLOATS[x.dtype], WEIGHT=weight is not None, SMOOTH=smoothing != 0
    )
    own = None if weight is None else dense(weight)
    run(
        x.size // n, 8192 // n or 1, dense(g), dense(x), dense(target), own, dense(sums), dx, n,
        smoothing,
    )  # fmt: skip
    return dx
