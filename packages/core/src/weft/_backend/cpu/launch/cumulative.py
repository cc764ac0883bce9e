"""What runs along a dim: which arrays the kernels take, and how a long row is parted."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import cumulative as kernels
from weft._backend.cpu.language import f32, i64, type_of, usable
from weft._backend.numpy_ import HALF

#: Elements that a thread goes through at least.
GRAIN = 16384
#: A long row is parted into so many, whatever the number of threads.
_PARTS = 16
_LONG = 8192


def _parted(x: Any, dim: int) -> tuple[int, int, int]:
    return (
        math.prod(x.shape[:dim]),
        x.shape[dim],
        math.prod(x.shape[dim + 1 :]),
    )


def _scan(x: Any, dim: int, how: str, reverse: bool = False) -> Any:
    if not x.ndim or not x.size or not usable():
        return None
    if x.dtype in HALF:
        out = _scan(x.astype(np.float32), dim, how, reverse)
        return None if out is None else out.astype(x.dtype)
    kind = type_of(x.dtype)
    if kind is None:
        return None
    x = np.ascontiguousarray(x)
    outer, length, width = _parted(x, dim)
    whole = kind.kind != "f"
    out = np.empty(x.shape, np.int64 if whole else x.dtype)
    settings = {"T": kind, "U": i64 if whole else kind, "HOW": how, "BACKWARD": reverse}
    if width > 1:
        grain = max(16, GRAIN // length)
        kernels.scan_lanes.at(**settings)(outer * width, grain, x, out, length, width)
        return out
    first = 0 if how == "sum" else 1
    if outer >= kernels.MANY or length < _LONG:
        start = np.full(outer, first, out.dtype)
        kernels.scan_rows.at(**settings)(outer, max(1, GRAIN // length), x, out, start, length)
        return out
    part = length // _PARTS
    rows, outs = x.reshape(outer, length), out.reshape(outer, length)
    for line, (row, to) in enumerate(zip(rows, outs, strict=True)):
        rest = length - part * _PARTS
        if reverse:  # what is left over comes first
            if rest:
                start = np.full(1, first, out.dtype)
                kernels.scan_rows.at(**settings)(1, 1, row[-rest:], to[-rest:], start, rest)
            row, to = row[: length - rest], to[: length - rest]  # the parts of them
        totals = np.empty(_PARTS, out.dtype)
        kernels.total_rows.at(T=kind, U=settings["U"], HOW=how)(
            _PARTS, max(1, GRAIN // part), row, totals, part
        )
        start = np.full(_PARTS, first, out.dtype)
        combine = np.cumsum if how == "sum" else np.cumprod
        with np.errstate(all="ignore"):
            if reverse:
                before = outs[line, length - rest] if rest else first
                totals[-1:] = np.add(totals[-1], before)
                combine(totals[:0:-1], out=start[-2::-1])
                start[-1] = before
            else:
                combine(totals[:-1], out=start[1:])
        grain = max(kernels.MANY, GRAIN // part)
        kernels.scan_rows.at(**settings)(_PARTS, grain, row, to, start, part)
        if rest and not reverse:
            start = to[length - rest - 1 : length - rest].copy()
            kernels.scan_rows.at(**settings)(1, 1, row[length - rest :], to[-rest:], start, rest)
    return out


def running_sum(x: Any, *, dim: int, reverse: bool = False) -> Any:
    """Return the sums so far along a dim, from its end if reverse, or None."""
    return _scan(x, dim, "sum", reverse)


def running_product(x: Any, *, dim: int) -> Any:
    """Return the products so far along a dim, or None."""
    return _scan(x, dim, "mul")


def running_places(x: Any, *, dim: int, largest: bool) -> Any:
    """Return the places of the extremes so far along a dim, or None."""
    kind = type_of(x.dtype)
    if kind is None or kind.kind == "b" or not x.ndim or not x.size or not usable():
        return None
    x = np.ascontiguousarray(x)
    outer, length, width = _parted(x, dim)
    out = np.empty(x.shape, np.int64)
    settings = {"T": kind, "HOW": "max" if largest else "min", "C": kind.compute}
    if width > 1:
        scratch = np.empty(threads.count() * width, x.dtype)
        kernels.extreme_lanes.at(**settings)(
            outer * width, max(16, GRAIN // length), x, out, scratch, length, width
        )
    else:
        kernels.extreme_rows.at(**settings)(outer, max(1, GRAIN // length), x, out, length)
    return out


def recurrence(x: Any, y: Any, *, dim: int, reverse: bool) -> Any:
    """Return the solution of a linear recurrence along a dim, or None."""
    kind = type_of(y.dtype)
    if kind is None or kind.kind != "f" or not y.ndim or not y.size or not usable():
        return None
    if y.dtype in HALF or x.dtype != y.dtype or x.shape != y.shape:
        return None
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    outer, length, width = _parted(y, dim)
    out = np.empty(y.shape, y.dtype)
    settings = {"T": kind, "BACKWARD": reverse}
    if width > 1:
        kernels.recurrence_lanes.at(**settings)(
            outer * width, max(16, GRAIN // length), x, y, out, length, width
        )
    else:
        kernels.recurrence_rows.at(**settings)(outer, max(1, GRAIN // length), x, y, out, length)
    return out


def logcumsumexp(x: Any, *, dim: int) -> Any:
    """Return the logarithms of the sums of exponentials so far along a dim, or None."""
    kind = type_of(x.dtype)
    if kind is None or kind.kind != "f" or not x.ndim or not x.size or not usable():
        return None
    rows = np.ascontiguousarray(np.moveaxis(x, dim, -1))
    length = rows.shape[-1]
    out = np.empty(rows.shape, x.dtype)
    compute = np.float32 if kind.compute is f32 else np.float64
    scratch = np.empty(threads.count() * 3 * length, compute)
    kernels.log_rows.at(T=kind)(
        rows.size // length, max(1, GRAIN // (4 * length)), rows, out, scratch, length
    )
    return np.ascontiguousarray(np.moveaxis(out, -1, dim))
