"""Resampling: tables of taps made into what the kernels read, and which cases they take."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import resampling as kernels
from weft._backend.cpu.language import type_of, u8, u16, u32, u64, usable

#: Elements that a thread makes at least.
GRAIN = 16384
_BY_SIZE = {1: u8, 2: u16, 4: u32, 8: u64}


def transposed(places: Any, shares: Any, length: int) -> tuple[Any, Any]:
    """Return the taps, (taps, length), of the way back: each with as many as the fullest has."""
    parts = places.shape[1]
    flat = places.reshape(-1)
    order = np.argsort(flat, kind="stable")
    target = flat[order]
    many = np.bincount(flat, minlength=length)
    starts = np.cumsum(many) - many
    nth = np.arange(flat.size) - starts[target]
    most = max(1, int(many.max()))
    back_places = np.zeros((most, length), np.int64)
    back_shares = np.zeros((most, length), shares.dtype)
    back_places[nth, target] = order % parts
    back_shares[nth, target] = shares.reshape(-1)[order]
    return back_places, back_shares


def _last(x: Any, count: int) -> bool:
    """Whether an array's channels lie last in memory."""
    return (
        x.ndim == count + 2
        and x.shape[1] >= 8
        and not x.flags.c_contiguous
        and np.moveaxis(x, 1, -1).flags.c_contiguous
    )


def _alone(length: int, dtype: Any) -> tuple[Any, Any]:
    """Return the taps that leave a dim as it is."""
    return np.arange(length)[None], np.ones((1, length), dtype)


def resample(x: Any, tables: Any, *, filled: bool = False) -> Any:
    """Return an array resampled along its last dims, one table (places, shares) for each.

    Tables are (taps, parts). Without shares elements are taken as they are. ``filled`` says that
    tables are filled up with weights of 0, which do not count. None if it is not taken.
    """
    count = len(tables)
    if not x.size or not usable() or any(not places.size for places, _ in tables):
        return None
    if count == 3:  # first the outermost dim, with what is inside as one row
        lead = x.shape[: x.ndim - 3]
        depth, height, width = x.shape[-3:]
        whole = _alone(height * width, np.float64)
        inner = (whole[0], None if tables[0][1] is None else whole[1])
        x = np.ascontiguousarray(x).reshape(*lead, depth, height * width)
        out = resample(x, (tables[0], inner), filled=filled)
        if out is None:
            return None
        return resample(out.reshape(*lead, -1, height, width), tables[1:], filled=filled)
    if count == 1:
        row = (_alone(1, np.float64)[0], None if tables[0][1] is None else np.ones((1, 1)))
        out = resample(np.ascontiguousarray(x)[..., None, :], (row, tables[0]), filled=filled)
        return None if out is None else out[..., 0, :]
    if tables[0][1] is None:
        return _nearest(x, tables[0][0], tables[1][0])
    kind = type_of(x.dtype)
    if kind is None or kind.kind != "f":
        return None
    compute = np.float64 if x.dtype.itemsize == 8 else np.float32
    (down, down_shares), (across, across_shares) = tables
    rows = np.ascontiguousarray(down.T.astype(np.int32))
    row_shares = np.ascontiguousarray(down_shares.T.astype(compute))
    columns, column_shares = across.astype(np.int32), across_shares.astype(compute)
    parts = (rows, row_shares, np.ascontiguousarray(columns), np.ascontiguousarray(column_shares))
    height, width = x.shape[-2:]
    out_height, out_width = down.shape[1], across.shape[1]
    taps = (down.shape[0], across.shape[0])
    if _last(x, 2):
        n, channels = x.shape[:2]
        out = np.empty((n, out_height, out_width, channels), x.dtype)
        written = (
            max(taps) <= 2 and _written(column_shares, filled) and _written(row_shares, filled)
        )
        known = {"DOWN": taps[0], "ACROSS": taps[1]} if written else {"DOWN": 0, "ACROSS": 0}
        scratch = np.empty(threads.count() * channels, compute)
        kernels.resample_last.at(T=kind, **known)(
            n * out_height, max(1, GRAIN // (out_width * channels)), np.moveaxis(x, 1, -1), out,
            scratch, channels, height, width, out_height, out_width, *parts, *taps,
        )  # fmt: skip
        return np.moveaxis(out, -1, 1)
    spread = int((rows.max(axis=1) - rows.min(axis=1)).max()) + 1
    slots = 1 << (max(spread, taps[0]) - 1).bit_length()
    if slots > kernels.SLOTS:
        return None
    lead = x.shape[:-2]
    out = np.empty((*lead, out_height, out_width), x.dtype)
    scratch = np.empty(threads.count() * (slots + 1) * out_width, compute)
    known = {
        "ACROSS": taps[1] if taps[1] <= 4 and _written(column_shares, filled) else 0,
        "DOWN": taps[0] if taps[0] <= 4 and _written(row_shares, filled) else 0,
    }
    kernels.resample.at(T=kind, **known)(
        math.prod(lead) * out_height, max(1, GRAIN // out_width), np.ascontiguousarray(x), out,
        scratch, height, width, out_height, out_width, *parts, *taps, slots,
    )  # fmt: skip
    return out


def _written(shares: Any, filled: bool) -> bool:
    """Whether all of few taps may be written out: none is there to fill a table up."""
    return not filled or bool((shares != 0).all())


def _repeats(columns: Any, width: int) -> int:
    """Return how often each column comes in turn, if that is a few times; else 0."""
    many = len(columns) // width
    if many * width != len(columns) or not 1 <= many <= 4:
        return 0
    return many if (columns == np.arange(len(columns)) // many).all() else 0


def block_sums(g: Any, spatial: Any) -> Any:
    """Return the sums of the blocks that a plane's last dims are cut into, or None."""
    kind = type_of(g.dtype)
    height, width = spatial
    down, across = g.shape[-2] // height, g.shape[-1] // width
    if kind is None or kind.kind != "f" or not 1 <= across <= 4 or not g.size or not usable():
        return None
    if (down * height, across * width) != g.shape[-2:]:
        return None
    compute = np.float64 if g.dtype.itemsize == 8 else np.float32
    lead = g.shape[:-2]
    out = np.empty((*lead, height, width), g.dtype)
    kernels.block_sums.at(T=kind, REPEAT=across)(
        math.prod(lead) * height, max(1, GRAIN // (g.shape[-1] * down)), np.ascontiguousarray(g),
        out, np.empty(threads.count() * width, compute), width, down,
    )  # fmt: skip
    return out


def _nearest(x: Any, down: Any, across: Any) -> Any:
    kind = _BY_SIZE.get(x.dtype.itemsize)
    if kind is None or x.dtype.hasobject:
        return None
    rows, columns = (np.ascontiguousarray(t[0].astype(np.int32)) for t in (down, across))
    height, width = x.shape[-2:]
    if _last(x, 2):
        n, channels = x.shape[:2]
        out = np.empty((n, len(rows), len(columns), channels), x.dtype)
        kernels.nearest_last.at(T=kind)(
            n * len(rows), max(1, GRAIN // (len(columns) * channels)), np.moveaxis(x, 1, -1), out,
            channels, height, width, len(rows), len(columns), rows, columns,
        )  # fmt: skip
        return np.moveaxis(out, -1, 1)
    lead = x.shape[:-2]
    out = np.empty((*lead, len(rows), len(columns)), x.dtype)
    kernels.nearest.at(T=kind, REPEAT=_repeats(columns, width))(
        math.prod(lead) * len(rows), max(1, GRAIN // len(columns)), np.ascontiguousarray(x), out,
        height, width, len(rows), len(columns), rows, columns,
    )  # fmt: skip
    return out
