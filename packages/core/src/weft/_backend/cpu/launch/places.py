"""Finds where the largest or smallest elements lie, along rows and along columns."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import places as kernels
from weft._backend.cpu.language.types import BY_NAME, type_of
from weft._backend.cpu.launch.arrays import FLOATS, grain

#: What NumPy finds along rows about as fast.
_NUMPYS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
#: Columns next to each other from which on a search of them side by side is worth it.
_LEAST = 8
_MOST = 2**31 - 1  # what places within a kernel can tell apart


def argmax(x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the places of the largest elements; see the op."""
    return _places(x, dim, keepdim, largest=True)


def argmin(x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the places of the smallest elements; see the op."""
    return _places(x, dim, keepdim, largest=False)


def _places(x: Any, dim: int | None, keepdim: bool, *, largest: bool) -> Any:
    kind = BY_NAME["u8"] if x.dtype == np.bool_ else type_of(x.dtype)
    if kind is None or not x.size or not x.ndim:
        return None
    if dim is None:
        if not x.flags.c_contiguous or x.dtype in _NUMPYS:
            return None
        found = _run(x.reshape(1, -1), 1, kind, largest)
        shape = (1,) * x.ndim if keepdim else ()
        return None if found is None else found.reshape(shape)
    order = list(range(x.ndim))
    if not x.flags.c_contiguous:
        order.sort(key=lambda d: -x.strides[d])
        if not x.transpose(order).flags.c_contiguous:
            return None
    found = _run(x.transpose(order), order.index(dim), kind, largest)
    if found is None:
        return None
    rest = [d for d in order if d != dim]
    out = found.transpose([rest.index(d) for d in sorted(rest)])
    return np.expand_dims(out, dim) if keepdim else out


def _run(x: Any, dim: int, kind: Any, largest: bool) -> Any:
    """Search memory without gaps."""
    shape = x.shape
    n = shape[dim]
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    if n > _MOST:
        return None
    out = np.empty((*shape[:dim], *shape[dim + 1 :]), np.int64)
    if inner == 1:
        if x.dtype not in FLOATS or (x.dtype in _NUMPYS and outer * n < 1 << 18):
            return None
        kernels.rows_places.at(T=kind, LARGEST=largest)(outer, grain(n), x, out, n)
        return out
    if inner < _LEAST:
        return None
    blocks = -(-inner // kernels.WIDE)
    run = kernels.columns_places.at(T=kind, LARGEST=largest, FLOAT=x.dtype in FLOATS)
    run(outer * blocks, grain(n * min(inner, kernels.WIDE)), x, out, n, inner, blocks)
    return out
