"""Sorting, the first few, the k-th and searching: which rows the kernels take."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import sorting as kernels
from weft._backend.cpu.language import type_of, usable

#: Elements that a thread sorts at least.
GRAIN = 4096


def _settings(x: Any, down: bool) -> dict[str, Any] | None:
    kind = type_of(x.dtype)
    if kind is None or not x.ndim or not x.size or not usable():
        return None
    return {"T": kind, "KIND": "u" if kind.kind == "b" else kind.kind, "DOWN": down}


def _rows(x: Any, dim: int) -> Any:
    """Return an array with a dim moved last, in memory too."""
    return np.ascontiguousarray(np.moveaxis(x, dim, -1))


def _back(out: Any, dim: int) -> Any:
    return np.ascontiguousarray(np.moveaxis(out, -1, dim))


def _scratch(count: int, words: int) -> Any:
    """Return memory for each thread that may sort one of so many rows."""
    return np.empty(max(1, min(count, threads.count())) * words, np.uint64)


def argsort(x: Any, *, dim: int, descending: bool, stable: bool = True) -> Any:
    """Return places in order along a dim, or None."""
    settings = _settings(x, descending)
    if settings is None or x.shape[dim] >= 2**32:
        return None
    rows = _rows(x, dim)
    n = rows.shape[-1]
    out = np.empty(rows.shape, np.int64)
    count = rows.size // n
    wide = x.dtype.itemsize == 8
    run = kernels.argsort_wide_rows if wide else kernels.argsort_rows
    scratch = _scratch(count, (4 if wide else 2) * n)
    run.at(**settings)(count, max(1, GRAIN // n), rows, out, scratch, n)
    return _back(out, dim)


def top_places(x: Any, *, dim: int, k: int, largest: bool) -> Any:
    """Return the places of the first k along a dim, best first, or None."""
    settings = _settings(x, largest)
    if settings is None or not k or x.shape[dim] >= 2**32:
        return None
    n = x.shape[dim]
    room = max(2 * k, k + 256)
    few = k <= 32 and n >= 8 * kernels.BLOCK
    if x.dtype.itemsize == 8 or (room >= n and not few):
        order = argsort(x, dim=dim, descending=largest)
        first = order[(slice(None),) * dim + (slice(0, k),)]
        return np.ascontiguousarray(first)
    rows = _rows(x, dim)
    count = rows.size // n
    out = np.empty((*rows.shape[:-1], k), np.int64)
    if few:
        kernels.top_few_rows.at(**settings)(
            count, max(1, 4 * GRAIN // n), rows, out, _scratch(count, 2 * n + 2), n, k
        )
        return _back(out, dim)
    kernels.top_rows.at(**settings)(
        count, max(1, 4 * GRAIN // n), rows, out, _scratch(count, 2 * room), n, k, room
    )
    return _back(out, dim)


def kth_place(x: Any, *, dim: int, k: int) -> Any:
    """Return the place of the k-th, from 0, along a dim that stays with length 1, or None."""
    settings = _settings(x, False)
    if settings is None or x.shape[dim] >= 2**32:
        return None
    if x.dtype.itemsize == 8:
        order = argsort(x, dim=dim, descending=False)
        return np.ascontiguousarray(order[(slice(None),) * dim + (slice(k, k + 1),)])
    rows = _rows(x, dim)
    n = rows.shape[-1]
    count = rows.size // n
    out = np.empty((*rows.shape[:-1], 1), np.int64)
    kernels.kth_rows.at(**settings)(
        count, max(1, 2 * GRAIN // n), rows, out, _scratch(count, n), n, k
    )
    return _back(out, dim)


def found(x: Any, y: Any, sorter: Any = None, *, right: bool) -> Any:
    """Return the places of values in sorted rows, or None."""
    kind = type_of(x.dtype)
    if sorter is not None or kind is None or x.dtype != y.dtype or not y.size or not usable():
        return None
    if not x.ndim or (x.ndim > 1 and x.shape[:-1] != y.shape[:-1]):
        return None
    out = np.empty(y.shape, np.int64)
    n = x.shape[-1]
    if not n:
        return None
    count = y.size if x.ndim == 1 else y.shape[-1]
    kernels.search.at(T=kind, RIGHT=right)(
        y.size, GRAIN, np.ascontiguousarray(x), np.ascontiguousarray(y), out, n, count
    )
    return out
