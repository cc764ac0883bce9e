"""Pooling to a fixed size: which arrays the kernels take."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import adaptive as kernels
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import COMPUTED, dense, grain


def _numbers(spatial: Any, sizes: Any) -> tuple[int, ...] | None:
    """Return the lengths of planes and of their results; None if rows are too long."""
    if not math.prod(spatial) or spatial[-1] > kernels.ROW:
        return None
    ones = (1,) * (3 - len(sizes))
    return *ones, *spatial, *ones, *sizes


def spans_mean(x: Any, *, sizes: Any) -> Any:
    """Return the means of windows that divide the last dims; None if it is not taken."""
    lead, spatial = x.shape[: -len(sizes)], x.shape[-len(sizes) :]
    numbers = _numbers(spatial, sizes)
    if x.dtype not in COMPUTED or numbers is None or not x.size:
        return None
    out = np.empty((*lead, *sizes), x.dtype)
    steps = out.size // sizes[-1]
    kernels.spans_mean.at(T=type_of(x.dtype))(
        steps, grain(x.size // steps), dense(x), out, *numbers
    )
    return out


def spans_spread(g: Any, *, spatial: Any) -> Any:
    """Return cotangents spread over the windows; None if it is not taken."""
    lead, sizes = g.shape[: -len(spatial)], g.shape[-len(spatial) :]
    numbers = _numbers(spatial, sizes)
    if g.dtype not in COMPUTED or numbers is None or not g.size:
        return None
    out = np.empty((*lead, *spatial), COMPUTED[g.dtype])
    size = math.prod(spatial)
    kernels.spans_spread.at(T=type_of(g.dtype))(
        out.size // size, grain(size), dense(g), out, *numbers
    )
    return out if out.dtype == g.dtype else out.astype(g.dtype)


def spans_places(x: Any, *, sizes: Any) -> Any:
    """Return where the largest of each window is; None if it is not taken."""
    lead, spatial = x.shape[: -len(sizes)], x.shape[-len(sizes) :]
    kind, numbers = type_of(x.dtype), _numbers(spatial, sizes)
    if kind is None or kind.kind == "b" or numbers is None or not x.size:
        return None
    if math.prod(spatial) >= 2**31:
        return None
    out = np.empty((*lead, *sizes), np.int64)
    steps = out.size // sizes[-1]
    kernels.spans_places.at(T=kind, V=kind.compute)(
        steps, grain(x.size // steps), dense(x), out, *numbers
    )
    return out
