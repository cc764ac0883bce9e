"""Stacks of matrices factorised by LAPACK where they lie, in threads: what `lapack` tries first.

LAPACK takes columns first and NumPy's memory has rows first, so a routine sees each matrix
transposed. Where that matters the routine that is right for the transposed matrix is chosen, and a
stack is turned only where there is none. Each function returns None of what it does not take: other
dtypes, empty stacks, large matrices, matrices that are unfit, and where there is no OpenBLAS.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft._backend.cpu import blas
from weft._backend.cpu.lapack_batches import Stack, stack


def _stack(a: Any, work: int, *routines: str) -> Stack | None:
    """Return what calls routines for each matrix; ``work`` is how much there is of it, about."""
    size = max(a.shape[-2:])
    if not a.size or size >= blas.LARGE:
        return None
    return stack(math.prod(a.shape[:-2]), work, a.dtype, *routines)


def _turned(a: Any) -> Any:
    """Return a copy (count, columns, rows), in which LAPACK sees the matrices as they are."""
    return np.array(np.swapaxes(a, -1, -2), order="C").reshape(-1, a.shape[-1], a.shape[-2])


def _copied(a: Any) -> Any:
    """Return a copy (count, rows, columns), in which LAPACK sees the matrices transposed."""
    return np.array(a, order="C").reshape(-1, *a.shape[-2:])


def _spread(b: Any, shape: tuple[int, ...]) -> Any:
    return b if b.shape == shape else np.broadcast_to(b, shape)


def _fit(info: Any) -> bool:
    return not info.any()


def lu(a: Any) -> tuple[Any, Any, Any] | None:
    """Return L and U in one matrix, the row swapped with each (from 1), and info."""
    rows, columns = a.shape[-2:]
    calls = _stack(a, rows * columns * min(rows, columns), "getrf")
    if calls is None:
        return None
    packed = _turned(a)
    pivots = np.empty((calls.count, min(rows, columns)), calls.whole)
    info = np.zeros((calls.count, 1), calls.whole)
    calls.call("getrf", rows, columns, packed, rows, pivots, info)
    lead = a.shape[:-2]
    out = np.ascontiguousarray(np.swapaxes(packed, -1, -2)).reshape(a.shape)
    return out, pivots.astype(np.int32).reshape(*lead, -1), info.astype(np.int32).reshape(lead)


def solve(a: Any, b: Any) -> Any:
    """Return the solution of a x = b."""
    n, k = b.shape[-2:]
    lead = a.shape[:-2]
    if not b.size or (b.shape[:-2] != lead and np.broadcast_shapes(lead, b.shape[:-2]) != lead):
        return None
    calls = _stack(a, n * n * (n + k), "getrf", "getrs")
    if calls is None:
        return None
    packed = _copied(a)
    x = _turned(_spread(b, (*lead, n, k)))
    pivots = np.empty((calls.count, n), calls.whole)
    info = np.zeros((calls.count, 1), calls.whole)
    calls.call("getrf", n, n, packed, n, pivots, info)
    if not _fit(info):
        return None
    calls.call("getrs", "T", n, k, packed, n, pivots, x, n, info)
    return np.ascontiguousarray(np.swapaxes(x, -1, -2)).reshape(*lead, n, k)


def inv(a: Any) -> Any:
    """Return the inverses."""
    n = a.shape[-1]
    calls = _stack(a, 2 * n * n * n, "getrf", "getri")
    if calls is None:
        return None
    out = _copied(a)
    pivots = np.empty((calls.count, n), calls.whole)
    info = np.zeros((calls.count, 1), calls.whole)
    calls.call("getrf", n, n, out, n, pivots, info)
    if not _fit(info):
        return None
    room = n * 64
    calls.call("getri", n, out, n, pivots, calls.own(room, dtype=a.dtype), room, info)
    return out.reshape(a.shape)


def cholesky(a: Any) -> Any:
    """Return the lower factors."""
    n = a.shape[-1]
    calls = _stack(a, n * n * n // 2, "potrf")
    if calls is None:
        return None
    out = np.tril(a).reshape(-1, n, n)
    info = np.zeros((calls.count, 1), calls.whole)
    calls.call("potrf", "U", n, out, n, info)
    return out.reshape(a.shape) if _fit(info) else None


def solve_triangular(a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """Return the solution of a x = b, of which one triangle of a is read."""
    n, k = b.shape[-2:]
    lead = a.shape[:-2]
    if not b.size or (b.shape[:-2] != lead and np.broadcast_shapes(lead, b.shape[:-2]) != lead):
        return None
    calls = _stack(a, n * n * k, "trsm")
    if calls is None:
        return None
    matrices = np.ascontiguousarray(a).reshape(-1, n, n)
    x = _copied(_spread(b, (*lead, n, k)))
    # x transposed, times a transposed, is b transposed; and that is how BLAS sees all three
    side, diagonal = "L" if upper else "U", "U" if unit else "N"
    one = np.ones((), a.dtype)
    calls.call("trsm", "R", side, "N", diagonal, k, n, one, matrices, n, x, k)
    return x.reshape(*lead, n, k)


def ldl(a: Any, *, hermitian: bool) -> tuple[Any, Any, Any] | None:
    """Return L and the blocks of D in one matrix, LAPACK's pivots, and info."""
    n = a.shape[-1]
    name = "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf"
    calls = _stack(a, n * n * n // 2, name)
    if calls is None:
        return None
    packed = _turned(np.tril(a))
    pivots = np.empty((calls.count, n), calls.whole)
    info = np.zeros((calls.count, 1), calls.whole)
    room = n * 64
    calls.call(name, "L", n, packed, n, pivots, calls.own(room, dtype=a.dtype), room, info)
    out = np.ascontiguousarray(np.swapaxes(packed, -1, -2)).reshape(a.shape)
    lead = a.shape[:-2]
    return out, pivots.astype(np.int32).reshape(*lead, n), info.astype(np.int32).reshape(lead)


def least_squares(a: Any, b: Any, *, rcond: float, driver: str) -> tuple[Any, Any] | None:
    """Return the solutions of least norm, and the ranks: by ``gelsy``, of real numbers."""
    rows, columns = a.shape[-2:]
    k = b.shape[-1]
    if driver != "gelsy" or a.dtype.kind == "c" or a.shape[:-2] != b.shape[:-2] or not b.size:
        return None
    calls = _stack(a, rows * columns * (columns + k), "gelsy")
    if calls is None:
        return None
    most, least = max(rows, columns), min(rows, columns)
    x = np.zeros((calls.count, k, most), a.dtype)
    x[:, :, :rows] = np.swapaxes(b, -1, -2).reshape(-1, k, rows)
    free = np.zeros((calls.count, columns), calls.whole)
    rank, info = (np.zeros((calls.count, 1), calls.whole) for _ in range(2))
    room = max(least + 3 * columns + 1, 2 * least + k) + 64 * (columns + 1) + 64 * k
    calls.call(
        "gelsy", rows, columns, k, _turned(a), rows, x, most, free, np.array(rcond, a.dtype), rank,
        calls.own(room, dtype=a.dtype), room, info,
    )  # fmt: skip
    lead = a.shape[:-2]
    out = np.ascontiguousarray(np.swapaxes(x[:, :, :columns], -1, -2)).reshape(*lead, columns, k)
    return out, rank.astype(np.int64).reshape(lead)
