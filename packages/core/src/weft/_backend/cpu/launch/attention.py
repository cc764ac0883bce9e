"""Runs the kernels of attention on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels.attention import BLOCK, KEYS, attention_backward, attention_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import COMPUTED, WIDE, dense
from weft._backend.cpu.launch.conversions import converted
from weft._backend.cpu.launch.dropout import settings

#: Multiplications that are worth a thread.
_GRAIN = 500_000


def _dense(x: Any) -> Any:
    """Return an array whose rows lie without gaps: itself, or a copy."""
    return x if x.strides[3] == x.itemsize or x.shape[3] == 1 else np.ascontiguousarray(x)


def _beside(x: Any, rows: int, width: int, dtype: Any) -> Any:
    """Return new memory for as many heads of rows, in the order in which x has rows and heads.

    Where the heads of a row lie together they were parted from one array, and will be joined again:
    both are then views.
    """
    batch, heads = x.shape[:2]
    if x.strides[1] < x.strides[2] and heads > 1:
        return np.empty((batch, rows, heads, width), dtype).transpose(0, 2, 1, 3)
    return np.empty((batch, heads, rows, width), dtype)


def _steps(x: Any) -> list[int]:
    return [s // x.itemsize for s in x.strides[:3]]


def _strides(q: Any, k: Any, v: Any, out: Any, mask: Any, *more: Any) -> Any:
    """Return the strides in elements, as the kernels read them."""
    of_mask = [0] * 4
    if mask is not None:
        of_mask = [
            0 if n == 1 else s // mask.itemsize
            for n, s in zip(mask.shape, mask.strides, strict=True)
        ]
    found = [*_steps(q), *_steps(k), *_steps(v), *_steps(out), *of_mask]
    for x in more:
        found += _steps(x)
    return np.array(found, np.int64)


def _taken(q: Any, k: Any, v: Any, mask: Any) -> bool:
    if q.dtype not in COMPUTED or not (q.size and k.size and v.size):
        return False
    return mask is None or (mask.ndim == 4 and type_of(mask.dtype) is not None)


def _kinds(q: Any, mask: Any, causal: bool, p: float) -> dict[str, Any]:
    """Return what the kernels are specialised for."""
    given = q.dtype if mask is None else mask.dtype
    return {
        "T": type_of(q.dtype), "U": type_of(given), "CAUSAL": causal, "MASKED": mask is not None,
        "CHOSEN": mask is not None and given == np.bool_, "DROPPED": p > 0,
        "NARROW": q.dtype not in WIDE,
    }  # fmt: skip


def _drawn(seed: Any, p: float, dtype: Any, batch: int) -> tuple[Any, int, int, float]:
    """Return what the kernels read of dropout.

    That is where words come from, for how many of the batch each, the limit and the factor.
    """
    return (dense(seed), batch // len(seed), *settings(p, dtype)) if p else (None, 1, 0, 1.0)


def _rounded(x: Any, dtype: Any) -> Any:
    if x.dtype == dtype:
        return x
    out = converted(x, dtype)
    return x.astype(dtype) if out is None else out


def forward(
    q: Any, k: Any, v: Any, mask: Any, seed: Any, scale: float, causal: bool, p: float
) -> Any:
    """Return what the op ``attend`` does; None for what the kernel does not take."""
    if not _taken(q, k, v, mask):
        return None
    q, k, v = map(_dense, (q, k, v))
    batch, heads, rows, width = q.shape
    shared, keys, depth = v.shape[1:]
    wide = COMPUTED[q.dtype]
    out = _beside(q, rows, depth, q.dtype)
    sums = np.empty((batch, heads, rows), wide)
    team = threads.count()
    # heads are shared out whole, unless they are too few
    chunks = 1 if batch * heads >= 2 * team else min(-(-rows // BLOCK), -(-4 * team // heads))
    space = (width + BLOCK) * keys
    if q.dtype != wide:
        space += keys * depth + BLOCK * (width + depth)
    scratch = np.empty(team * space, wide)
    run = attention_forward.at(**_kinds(q, mask, causal, p))
    each = max(1, rows * keys * (width + depth) // chunks)
    words, together, limit, kept = _drawn(seed, p, wide, batch)
    run(
        batch * heads * chunks, -(-_GRAIN // each), q, k, v, mask, words, out, sums, scratch,
        _strides(q, k, v, out, mask), heads, heads // shared, rows, keys, width, depth, chunks,
        space, scale, together, limit, kept,
    )  # fmt: skip
    return out, sums


def backward(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    seed: Any,
    out: Any,
    sums: Any,
    scale: float,
    causal: bool,
    p: float,
) -> Any:
    """Return what the op ``attend_slopes`` does; None for what the kernel does not take."""
    if not _taken(q, k, v, mask):
        return None
    g, q, k, v, out = map(_dense, (g, q, k, v, out))
    batch, heads, rows, width = q.shape
    shared, keys, depth = v.shape[1:]
    wide = COMPUTED[q.dtype]
    to_q = _beside(q, rows, width, wide)
    to_k = _beside(k, keys, width, wide)
    to_v = _beside(v, keys, depth, wide)
    block = min(keys, KEYS)
    space = (width + depth + 2 * BLOCK) * block
    if q.dtype != wide:
        space += block * width + BLOCK * (width + depth)
    scratch = np.empty(threads.count() * space, wide)
    run = attention_backward.at(**_kinds(q, mask, causal, p))
    each = max(1, rows * keys * (3 * width + 2 * depth) * (heads // shared))
    words, together, limit, kept = _drawn(seed, p, wide, batch)
    sums = _rounded(dense(sums), wide)
    run(
        batch * shared, -(-_GRAIN // each), g, q, k, v, mask, words, out, sums, to_q, to_k, to_v,
        scratch, _strides(q, k, v, out, mask, g, to_q, to_k, to_v), heads, heads // shared, rows,
        keys, width, depth, space, scale, together, limit, kept,
    )  # fmt: skip
    return tuple(_rounded(x, q.dtype) for x in (to_q, to_k, to_v))
