"""Starts the kernels that normalise rows and groups of channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import norms as kernels
from weft._backend.cpu.launch import group_columns
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
_layers: dict[Any, Callable[..., Any]] = {}
_empty = np.empty
#: Chunks of rows that have sums of their own, at most, and the fewest rows of one.
CHUNKS, CHUNK_ROWS = 32, 16


def _fits(x: Any, *others: Any) -> bool:
    """Whether kernels take the dtype, which all arrays must have."""
    dtype = x.dtype
    if dtype not in FLOATS or not x.size:
        return False
    for one in others:  # noqa: SIM110  # a generator takes several times as long
        if one is not None and one.dtype != dtype:
            return False
    return True


def layer_forward(
    x: Any, weight: Any = None, bias: Any = None, *, dims: int, eps: float, centred: bool
) -> Any:
    """Normalise the last dims; see ``layer_normalised``."""
    dtype, size = x.dtype, x.size
    key = (dtype, weight is None, bias is None, centred)
    run = _layers.get(key)
    if run is None:
        if dtype not in FLOATS:
            return None
        run = _layers[key] = kernels.layer_forward.at(
            T=FLOATS[dtype], WEIGHT=weight is not None, BIAS=bias is not None, CENTRED=centred
        )
    if not size:
        return None
    if not x.flags.c_contiguous:
        x = dense(x)
    if weight is not None:  # each question is asked once, in place: small rows take no longer
        if weight.dtype != dtype:
            return None
        if not weight.flags.c_contiguous:
            weight = dense(weight)
    if bias is not None:
        if bias.dtype != dtype:
            return None
        if not bias.flags.c_contiguous:
            bias = dense(bias)
    shape = x.shape
    n = shape[-1] if dims == 1 else math.prod(shape[-dims:])
    out = _empty(shape, dtype)
    run(size // n, 24576 // n or 1, x, weight, bias, out, n, eps)
    return out


def layer_backward(
    g: Any, x: Any, weight: Any = None, *, dims: int, eps: float, centred: bool, params: bool
) -> Any:
    """Return the cotangents of x and of weight and bias; see ``layer_slopes``."""
    if not _fits(x, g, weight):
        return None
    kind = FLOATS[x.dtype]
    key = ("layer backward", kind, weight is None, centred, params)
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernels.layer_backward.at(
            T=kind, WEIGHT=weight is not None, CENTRED=centred, PARAMS=params
        )
    shape = x.shape
    n = shape[-1] if dims == 1 else math.prod(shape[-dims:])
    rows = x.size // n
    g, x = dense(g), dense(x)
    weight = None if weight is None else dense(weight)
    dx = np.empty(shape, x.dtype)
    if not params:
        run(rows, grain(n), g, x, weight, dx, None, None, rows, 1, n, eps)
        return dx, np.empty(0, x.dtype), np.empty(0, x.dtype)
    chunk = max(CHUNK_ROWS, -(-rows // CHUNKS))
    chunks = -(-rows // chunk)
    dw, db = np.empty((chunks, n), COMPUTED[x.dtype]), np.empty((chunks, n), COMPUTED[x.dtype])
    run(chunks, grain(chunk * n), g, x, weight, dx, dw, db, rows, chunk, n, eps)
    if dims == 1:
        return dx, joined(dw, x.dtype), joined(db, x.dtype)
    own = shape[-dims:]
    return dx, joined(dw, x.dtype).reshape(own), joined(db, x.dtype).reshape(own)


def joined(parts: Any, dtype: Any) -> Any:
    """Return the sums over chunks of (chunks, n), in the chunks' order."""
    chunks, n = parts.shape
    if chunks == 1 and parts.dtype == dtype:
        return parts[0]
    out = np.empty(n, dtype)
    run = kernels.join.at(T=FLOATS[dtype], C=FLOATS[parts.dtype])
    run(-(-n // 64), grain(64 * chunks), parts, out, chunks, n)
    return out


def group_forward(x: Any, weight: Any = None, bias: Any = None, *, groups: int, eps: float) -> Any:
    """Normalise groups of channels; see ``group_normalised``."""
    if not _fits(x, weight, bias):
        return None
    kind = FLOATS[x.dtype]
    key = ("group", kind, weight is None, bias is None)
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernels.group_forward.at(
            T=kind, WEIGHT=weight is not None, BIAS=bias is not None
        )
    if x.ndim > 2 and not x.flags.c_contiguous:
        turned = channels_last(x)
        if turned is not None:
            out = group_columns.forward(turned, weight, bias, groups, eps)
            return channels_first(out, x.ndim)
    examples, every = x.shape[:2]
    channels = every // groups
    n = x.size // (examples * every)
    x = dense(x)
    weight = None if weight is None else dense(weight)
    bias = None if bias is None else dense(bias)
    out = np.empty(x.shape, x.dtype)
    steps = grain(channels * n)
    run(examples * groups, steps, x, weight, bias, out, groups, channels, n, eps)
    return out


def group_backward(
    g: Any, x: Any, weight: Any = None, *, groups: int, eps: float, params: bool
) -> Any:
    """Return the cotangents of x and of weight and bias; see ``group_slopes``."""
    if not _fits(x, g, weight):
        return None
    kind = FLOATS[x.dtype]
    key = ("group backward", kind, weight is None, params)
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernels.group_backward.at(
            T=kind, WEIGHT=weight is not None, PARAMS=params
        )
    if x.ndim > 2 and not x.flags.c_contiguous:
        turned = channels_last(x)
        if turned is not None:
            dx, dw, db = group_columns.backward(rows_like(g, x), turned, weight, groups, eps)
            dx = channels_first(dx, x.ndim)
            if not params:
                return dx, np.empty(0, x.dtype), np.empty(0, x.dtype)
            return dx, joined(dw, x.dtype), joined(db, x.dtype)
    examples, every = x.shape[:2]
    channels = every // groups
    n = x.size // (examples * every)
    g, x = dense(g), dense(x)
    weight = None if weight is None else dense(weight)
    dx = np.empty(x.shape, x.dtype)
    dw = np.empty((examples, every), COMPUTED[x.dtype]) if params else None
    db = np.empty((examples, every), COMPUTED[x.dtype]) if params else None
    steps = grain(channels * n)
    run(examples * groups, steps, g, x, weight, dx, dw, db, groups, channels, n, eps)
    if not params:
        return dx, np.empty(0, x.dtype), np.empty(0, x.dtype)
    return dx, joined(dw, x.dtype), joined(db, x.dtype)
