"""Starts the kernel of exchanged rows."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import row_orders as kernels
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import dense

_GRAIN = 4096


def follow(x: Any, *, rows: int, inverse: bool) -> Any:
    """Return which row stands where; see ``row_order``. None if a number is out of range."""
    kind = type_of(x.dtype)
    many = x.shape[-1]
    if kind is None or x.dtype.kind != "i" or not x.size or many > rows:
        return None
    if x.min() < 1 or x.max() > rows:
        return None
    count = math.prod(x.shape[:-1])
    order = np.empty((*x.shape[:-1], rows), np.int64)
    kernels.follow.at(T=kind, INVERSE=inverse)(
        count, max(1, _GRAIN // rows), dense(x), order, many, rows
    )
    return order
