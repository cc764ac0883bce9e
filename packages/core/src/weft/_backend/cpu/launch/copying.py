"""Copies between layouts, in threads: copying, joining and padding of large arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._backend.cpu import caches
from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.kernels import copying as kernels
from weft._backend.cpu.language import u8, u16, u32, u64, usable

#: Elements that a thread copies at least.
GRAIN = 65536
#: Rows that are written out.
_SHORT = (1, 2, 3, 4, 8, 16, 32)
#: Up to how many elements rows of a result are put together at once, and of how many bytes.
_LONG_ROW, _TOGETHER = 65536, 1024
#: Bytes of a line of memory, and rows that become columns in one step, at least.
_LINE, _STRIP = 64, 32
_BY_SIZE = {1: u8, 2: u16, 4: u32, 8: u64}


def _merged(shape: Any, steps: Any, other: Any) -> tuple[list[int], list[int], list[int]]:
    """Return dims in the order of the second array's steps, joined where they lie on end."""
    order = sorted(range(len(shape)), key=lambda d: -abs(other[d]))
    dims: list[list[int]] = []
    for d in order:
        n, a, b = shape[d], steps[d], other[d]
        if n == 1:
            continue
        if dims and dims[-1][1] == a * n and dims[-1][2] == b * n:
            dims[-1] = [dims[-1][0] * n, a, b]
        else:
            dims.append([n, a, b])
    if not dims:
        dims = [[1, 1, 1]]
    sizes, first, second = zip(*dims, strict=True)
    return list(sizes), list(first), list(second)


def into(out: Any, x: Any) -> bool:
    """Copy an array into another of its shape and dtype; whether it was done."""
    kind = _BY_SIZE.get(x.dtype.itemsize)
    if kind is None or x.dtype.hasobject or x.dtype != out.dtype or not usable():
        return False
    if not x.size:
        return True
    size = x.dtype.itemsize
    steps = [s // size for s in x.strides]
    if any(s % size for s in x.strides) or not x.flags.aligned:
        return False
    shape, x_steps, out_steps = _merged(x.shape, steps, [s // size for s in out.strides])
    if out_steps[-1] != 1 and shape[-1] != 1:
        return False
    if len(shape) == 1 and x_steps[0] == 1:
        kernels.copy_flat.at(T=kind, PAST=caches.outgrown(x.nbytes))(shape[0], GRAIN, x, out)
        return True
    turned = next((d for d in range(len(shape) - 1) if x_steps[d] == 1 and shape[d] >= 8), None)
    width, step = shape.pop(), x_steps.pop()
    out_steps.pop()
    if step != 1 and step >= 8 and turned is not None:
        rows, row_step = shape.pop(turned), out_steps.pop(turned)
        x_steps.pop(turned)
        before, left = _short_of_a_line(x, step), _short_of_a_line(out, row_step)
        strip = max(_STRIP, _LINE // size)
        strips = max(1, -(-(rows - before) // strip))
        kernels.copy_turned.at(T=kind, STRIP=strip)(
            math.prod(shape) * strips, max(1, GRAIN // (strip * width)), x, out,
            *_arrays(shape, x_steps, out_steps), len(shape), rows, width, row_step, step, strips,
            before, left,
        )  # fmt: skip
        return True
    rows, x_row, out_row = 1, 0, 0
    if shape:
        rows, x_row, out_row = shape.pop(), x_steps.pop(), out_steps.pop()
    along = step if step in (1, -1) else 0
    short = width if along == 1 and width in _SHORT else 0
    kernels.copy_rows.at(T=kind, ALONG=along, WIDTH=short)(
        math.prod(shape) * rows, max(1, GRAIN // width), x, out,
        *_arrays(shape, x_steps, out_steps), len(shape), rows, x_row, out_row, width, step,
    )  # fmt: skip
    return True


def _short_of_a_line(a: Any, step: int) -> int:
    """Return after how many elements a line of memory begins, in all rows so far apart; or 0."""
    size = a.dtype.itemsize
    return 0 if step * size % _LINE else -address_of(a) % _LINE // size


def _arrays(*numbers: Sequence[int]) -> tuple[Any, ...]:
    return tuple(np.array(one or [1], np.int64) for one in numbers)


def fill(out: Any, number: Any) -> bool:
    """Put a number, a 0-d array of its dtype, everywhere into an array in order; whether it was."""
    kind = _BY_SIZE.get(out.dtype.itemsize)
    if kind is None or out.dtype.hasobject or not usable():
        return False
    kernels.fill.at(T=kind)(out.size, GRAIN, number, out)
    return True


def copied(x: Any) -> Any:
    """Return a copy in the order of indices, or None."""
    out = np.empty(x.shape, x.dtype)
    return out if into(out, x) else None


def _like(shape: tuple[int, ...], x: Any) -> Any:
    """Return memory of a shape whose dims lie in the order of another array's."""
    if x.flags.c_contiguous:
        return np.empty(shape, x.dtype)
    order = sorted(range(x.ndim), key=lambda d: -abs(x.strides[d]))
    out = np.empty([shape[d] for d in order], x.dtype)
    return out.transpose(sorted(range(x.ndim), key=order.__getitem__))


def joined(*xs: Any, dim: int) -> Any:
    """Return arrays joined along a dim, in the order of the first one's memory, or None."""
    first = xs[0]
    lengths = [x.shape[dim] for x in xs]
    shape = (*first.shape[:dim], sum(lengths), *first.shape[dim + 1 :])
    out = _like(shape, first)
    rows = math.prod(shape[:dim])
    if one_after_another(xs, out) if rows == 1 else _joined_rows(xs, out, rows):
        return out
    start = 0
    lead = (slice(None),) * dim
    for x, length in zip(xs, lengths, strict=True):
        if not into(out[(*lead, slice(start, start + length))], x):
            return None
        start += length
    return out


def one_after_another(xs: Sequence[Any], out: Any) -> bool:
    """Copy arrays without gaps into one, each behind the one before; whether it was done.

    Args:
        xs: of the dtype of ``out``, or it is not done.
        out: without gaps, of as many elements as they have together.
    """
    kind = _dense(xs, out)
    if kind is None:
        return False
    starts = list(itertools.accumulate((x.size for x in xs), initial=0))
    assert starts[-1] == out.size
    kernels.join_flat.at(T=kind, PAST=caches.outgrown(out.nbytes))(
        out.size, GRAIN, *_arrays([id(x) for x in xs], starts), out
    )
    return True


def stacked(xs: Sequence[Any], out: Any) -> bool:
    """Copy arrays that are all alike, and without gaps, into one; whether they were and it was.

    Args:
        xs: arrays of any shapes and dtypes, or other objects, with which it is not done.
        out: without gaps, in shape (len(xs), *xs[0].shape), of the dtype of the first.
    """
    first = xs[0]
    kind = _BY_SIZE.get(first.dtype.itemsize)
    if kind is None or first.dtype.hasobject or not out.size or not usable():
        return False
    if set(map(type, xs)) != {np.ndarray}:  # the kernel reads their objects
        return False
    misfits = np.zeros(1, np.int64)
    kernels.stack_flat.at(T=kind, PAST=caches.outgrown(out.nbytes))(
        out.size, GRAIN, np.fromiter(map(id, xs), np.int64, len(xs)), len(xs), first, first.ndim,
        first.size, out, misfits,
    )  # fmt: skip
    return not misfits[0]


def _dense(xs: Sequence[Any], out: Any) -> Any:
    """Return the type that elements are moved as, None if arrays have gaps or several dtypes."""
    dtype = out.dtype
    kind = _BY_SIZE.get(dtype.itemsize)
    if kind is None or not out.size or dtype.hasobject or not usable():
        return None
    for x in (out, *xs):
        flags = x.flags
        if not (flags.c_contiguous and flags.aligned and x.dtype == dtype):
            return None
    return kind


def _joined_rows(xs: Sequence[Any], out: Any, rows: int) -> bool:
    """Join arrays whose rows lie without gaps into others that do; whether it was done."""
    kind = _dense(xs, out)
    if kind is None:
        return False
    widths = [x.size // rows for x in xs]
    total = sum(widths)
    if total > _LONG_ROW:
        return False
    starts = [sum(widths[:q]) for q in range(len(xs))]
    short = widths[0] if widths[0] in _SHORT and len(set(widths)) == 1 else 0
    kernels.join_rows.at(T=kind, WIDTH=short)(
        rows, max(1, GRAIN // total), *_arrays([id(x) for x in xs], widths, starts), out,
        len(xs), total, max(1, _TOGETHER // (total * out.dtype.itemsize)),
    )  # fmt: skip
    return True


def constant_pad(x: Any, *, widths: Any, value: Any) -> Any:
    """Return an array surrounded with a value, or None."""
    if not usable():
        return None
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, widths, strict=True))
    out = _like(shape, x)
    filler = np.asarray(value).astype(x.dtype)
    inside: tuple[slice, ...] = ()
    for n, (low, high) in zip(x.shape, widths, strict=True):
        if low:
            out[(*inside, slice(0, low))] = filler
        if high:
            out[(*inside, slice(low + n, None))] = filler
        inside = (*inside, slice(low, low + n))
    return out if into(out[inside], x) else None
