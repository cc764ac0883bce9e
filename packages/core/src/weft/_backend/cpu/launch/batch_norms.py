"""Starts the kernels that normalise channels over a batch, however the channels lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import batch_norms as kernels
from weft._backend.cpu.launch.arrays import (
    COMPUTED,
    FLOATS,
    channels_first,
    channels_last,
    dense,
    grain,
    rows_like,
)

_made: dict[Any, Callable[..., Any]] = {}
#: The kernels of small tables, by what is asked for least.
_tables: dict[Any, Callable[..., Any]] = {}
_empty = np.empty
#: Elements of a chunk of rows: as many as the first cache holds, twice.
_CHUNK = 8192
#: Elements that are few enough to be read again and again by columns.
_LITTLE = 32768
_F64 = np.dtype(np.float64)


def _kernel(kernel: Any, x: Any, **given: Any) -> Callable[..., Any]:
    key = (kernel, x.dtype, *given.values())
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernel.at(T=FLOATS[x.dtype], **given)
    return run


def _fits(x: Any, *others: Any) -> bool:
    dtype = x.dtype
    if dtype not in FLOATS or not x.size or x.ndim < 2:
        return False
    for one in others:  # noqa: SIM110  # a generator takes several times as long
        if one is not None and one.dtype != dtype:
            return False
    return True


def _dense(p: Any) -> Any:
    return None if p is None else dense(p)


def _chunked(rows: int, n: int) -> tuple[int, int, int]:
    """Return the rows of a chunk, the chunks and the rows of a tile: by the shape alone."""
    several = kernels.TILE // n or 1
    chunk = max(_CHUNK // n, 8, -(-rows // 1024))
    chunk = -(-chunk // several) * several
    return chunk, -(-rows // chunk), several


def batch_forward(x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
    """Normalise channels by their own moments; see ``batch_normalised``."""
    if not _fits(x, weight, bias):
        return None
    if weight is not None and not weight.flags.c_contiguous:
        weight = dense(weight)
    if bias is not None and not bias.flags.c_contiguous:
        bias = dense(bias)
    if x.ndim == 2 and x.size <= _LITTLE and x.flags.c_contiguous:
        return _table_forward(x, weight, bias, eps)
    channels = x.shape[1]
    parts = {"WEIGHT": weight is not None, "BIAS": bias is not None}
    own = COMPUTED[x.dtype]
    means, spreads = np.empty(channels, own), np.empty(channels, own)
    turned = channels_last(x)
    if turned is None:
        x = dense(x)
        out = np.empty(x.shape, x.dtype)
        count = x.size // channels
        n = count // x.shape[0]
        run = _kernel(kernels.planes_forward, x, **parts)
        run(
            channels, grain(count), x, weight, bias, out, means, spreads, x.shape[0], channels, n,
            eps,
        )  # fmt: skip
        return out, means, spreads
    rows = x.size // channels
    if x.size <= _LITTLE:
        out = np.empty(turned.shape, x.dtype)
        run = _kernel(kernels.little_forward, x, **parts)
        steps, blocks = grain(64 * rows), -(-channels // 64)
        run(blocks, steps, turned, weight, bias, out, means, spreads, rows, channels, eps)
        return channels_first(out, x.ndim), means, spreads
    chunk, chunks, several = _chunked(rows, channels)
    sums = np.empty((chunks, 2, channels), own)
    steps = grain(chunk * channels)
    kind = FLOATS[own]
    _kernel(kernels.columns_sums, x)(chunks, steps, turned, sums, rows, chunk, channels, several)
    _kernel(kernels.columns_moments, sums)(
        -(-channels // 64), grain(64 * chunks), sums, means, spreads, rows, chunk, chunks, channels
    )
    out = np.empty(turned.shape, x.dtype)
    _kernel(kernels.columns_apply, x, U=kind, **parts)(
        chunks,
        steps,
        turned,
        means,
        spreads,
        weight,
        bias,
        out,
        rows,
        chunk,
        channels,
        several,
        eps,
    )
    return channels_first(out, x.ndim), means, spreads


def _table_forward(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """The same of a small table (N, C), where each question counts."""
    dtype = x.dtype
    key = (dtype, weight is None, bias is None)
    run = _tables.get(key)
    if run is None:
        run = _tables[key] = _kernel(
            kernels.little_forward, x, WEIGHT=weight is not None, BIAS=bias is not None
        )
    rows, channels = shape = x.shape
    own = dtype if dtype.itemsize > 2 else COMPUTED[dtype]
    out, means, spreads = _empty(shape, dtype), _empty(channels, own), _empty(channels, own)
    steps = 24576 // (64 * rows) or 1
    run(-(-channels // 64), steps, x, weight, bias, out, means, spreads, rows, channels, eps)
    return out, means, spreads


def fixed_forward(
    x: Any, centre: Any, variance: Any, weight: Any = None, bias: Any = None, *, eps: float
) -> Any:
    """Normalise channels by given moments; see ``fixed_normalised``."""
    if not _fits(x, centre, variance, weight, bias):
        return None
    channels = x.shape[1]
    if weight is not None and not weight.flags.c_contiguous:
        weight = dense(weight)
    if bias is not None and not bias.flags.c_contiguous:
        bias = dense(bias)
    if not centre.flags.c_contiguous:
        centre = dense(centre)
    if not variance.flags.c_contiguous:
        variance = dense(variance)
    if x.ndim == 2 and x.size <= _LITTLE and x.flags.c_contiguous:
        return _table_fixed(x, centre, variance, weight, bias, eps)
    parts = {"WEIGHT": weight is not None, "BIAS": bias is not None}
    turned = channels_last(x)
    if turned is None:
        x = dense(x)
        out = np.empty(x.shape, x.dtype)
        planes = x.shape[0] * channels
        n = x.size // planes
        run = _kernel(kernels.planes_fixed, x, **parts)
        run(planes, grain(n), x, centre, variance, weight, bias, out, channels, n, eps)
        return out
    rows = x.size // channels
    chunk, chunks, several = _chunked(rows, channels)
    out = np.empty(turned.shape, x.dtype)
    _kernel(kernels.columns_apply, x, U=FLOATS[x.dtype], **parts)(
        chunks, grain(chunk * channels), turned, centre, variance, weight, bias, out, rows, chunk,
        channels, several, eps,
    )  # fmt: skip
    return channels_first(out, x.ndim)


def _table_fixed(x: Any, centre: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The same of a small table (N, C), where each question counts."""
    dtype = x.dtype
    key = (dtype, weight is None, bias is None, True)
    run = _tables.get(key)
    if run is None:
        run = _tables[key] = _kernel(
            kernels.columns_apply, x, U=FLOATS[dtype], WEIGHT=weight is not None,
            BIAS=bias is not None,
        )  # fmt: skip
    rows, channels = shape = x.shape
    chunk, chunks, several = _chunked(rows, channels)
    out = _empty(shape, dtype)
    steps = 24576 // (chunk * channels) or 1
    run(
        chunks, steps, x, centre, variance, weight, bias, out, rows, chunk, channels, several, eps
    )  # fmt: skip
    return out


def batch_backward(g: Any, x: Any, weight: Any, centre: Any, variance: Any, *, eps: float) -> Any:
    """Return the cotangents of x, weight and bias; see ``batch_slopes``."""
    if not _fits(x, g, weight) or not centre.dtype == variance.dtype == COMPUTED[x.dtype]:
        return None
    channels = x.shape[1]
    weight = _dense(weight)
    centre, variance = dense(centre), dense(variance)
    turned = channels_last(x)
    has = weight is not None
    if turned is None:
        g, x = dense(g), dense(x)
        dx = np.empty(x.shape, x.dtype)
        dw, db = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        count = x.size // channels
        run = _kernel(kernels.planes_backward, x, WEIGHT=has)
        run(
            channels, grain(count), g, x, weight, centre, variance, dx, dw, db, x.shape[0],
            channels, count // x.shape[0], eps,
        )  # fmt: skip
        return dx, dw, db
    if x.size <= _LITTLE:
        return _little(rows_like(g, x), turned, centre, variance, weight, eps, x.ndim, own=True)
    dx, sums = _columns_backward(rows_like(g, x), turned, centre, variance, weight, eps, own=True)
    dw = sums[1] / np.sqrt(variance + eps)
    return channels_first(dx, x.ndim), dw.astype(x.dtype), sums[0].astype(x.dtype)


def fixed_backward(
    g: Any, x: Any, centre: Any, variance: Any, weight: Any = None, *, eps: float
) -> Any:
    """Return the cotangent of x and two sums; see ``fixed_slopes``."""
    if not _fits(x, g, centre, variance, weight):
        return None
    channels = x.shape[1]
    weight = _dense(weight)
    centre, variance = dense(centre), dense(variance)
    turned = channels_last(x)
    if turned is None:
        g, x = dense(g), dense(x)
        dx = np.empty(x.shape, x.dtype)
        whole, along = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        count = x.size // channels
        run = _kernel(kernels.planes_fixed_backward, x, WEIGHT=weight is not None)
        run(
            channels, grain(count), g, x, weight, centre, variance, dx, whole, along, x.shape[0],
            channels, count // x.shape[0], eps,
        )  # fmt: skip
        return dx, whole, along
    if x.size <= _LITTLE:
        return _little(rows_like(g, x), turned, centre, variance, weight, eps, x.ndim, own=False)
    dx, sums = _columns_backward(rows_like(g, x), turned, centre, variance, weight, eps, own=False)
    return channels_first(dx, x.ndim), sums[0].astype(x.dtype), sums[1].astype(x.dtype)


def _little(
    g: Any, x: Any, centre: Any, variance: Any, weight: Any, eps: float, ndim: int, *, own: bool
) -> tuple[Any, Any, Any]:
    """Return the cotangent of few rows of channels, and the parameters' or two sums."""
    channels, dtype = x.shape[-1], x.dtype
    rows = x.size // channels
    dx, dw, db = np.empty(x.shape, dtype), np.empty(channels, dtype), np.empty(channels, dtype)
    run = _kernel(
        kernels.little_backward, x, U=FLOATS[centre.dtype], WEIGHT=weight is not None, OWN=own
    )
    steps, blocks = grain(64 * rows), -(-channels // 64)
    run(blocks, steps, g, x, weight, centre, variance, dx, dw, db, rows, channels, eps)
    return channels_first(dx, ndim), dw, db


def record(
    mean: Any, spread: Any, means: Any, spreads: Any, share: float, factor: float
) -> bool | None:
    """Move recorded means and variances towards new ones, in place; None if it cannot be."""
    dtype = mean.dtype
    if dtype not in FLOATS or not dtype == spread.dtype == means.dtype == spreads.dtype:
        return None
    shape = means.shape
    for one in (mean, spread):
        flags = one.flags
        if not flags.c_contiguous or not flags.writeable or one.shape != shape:
            return None
    if spreads.shape != shape or mean is spread:
        return None
    if not means.flags.c_contiguous or not spreads.flags.c_contiguous:
        return None
    run = _tables.get(dtype)
    if run is None:
        run = _tables[dtype] = _kernel(kernels.record, mean)
    run(means.size, 1 << 20, mean, spread, means, spreads, share, factor)
    return True


def _columns_backward(
    g: Any, x: Any, centre: Any, variance: Any, weight: Any, eps: float, *, own: bool
) -> tuple[Any, Any]:
    """Return the cotangent of rows of channels, and the sums of g and of g times x centred."""
    channels = x.shape[-1]
    rows = x.size // channels
    chunk, chunks, several = _chunked(rows, channels)
    steps = grain(chunk * channels)
    parts = np.empty((chunks, 2, channels), COMPUTED[x.dtype])
    kind = FLOATS[centre.dtype]
    _kernel(kernels.columns_slopes, x, U=kind)(
        chunks, steps, g, x, centre, parts, rows, chunk, channels, several
    )
    sums = np.empty((2, channels), _F64)
    _kernel(kernels.columns_join, x, C=FLOATS[parts.dtype])(
        -(-2 * channels // 64), grain(64 * chunks), parts, sums, chunks, 2 * channels
    )
    dx = np.empty(x.shape, x.dtype)
    _kernel(kernels.columns_backward, x, U=kind, WEIGHT=weight is not None, OWN=own)(
        chunks, steps, g, x, centre, variance, weight, sums, dx, rows, chunk, channels, several, eps
    )
    return dx, sums
