"""Runs the kernels of attention on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels.attention import BLOCK, KEYS, attention_backward, attention_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE

#: Multiplications that are worth a thread.
_GRAIN = 500_000


def _dense(x: Any) -> Any:
    """Return an array whose rows lie without gaps: itself, or a copy."""
    return x if x.strides[3] == x.itemsize or x.shape[3] == 1 else np.ascontiguousarray(x)


def _beside(x: Any, rows: int, width: int) -> Any:
    """Return new memory for as many heads of rows, in the order in which x has rows and heads.

    Where the heads of a row lie together they were parted from one array, and will be joined again:
    both are then views.
    """
    batch, heads = x.shape[:2]
    if x.strides[1] < x.strides[2] and heads > 1:
        return np.empty((batch, rows, heads, width), x.dtype).transpose(0, 2, 1, 3)
    return np.empty((batch, heads, rows, width), x.dtype)


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


def forward(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    """Return what the op ``attend`` does; None for what the kernel does not take."""
    if q.dtype not in WIDE or not (q.size and k.size and v.size):
        return None
    q, k, v = map(_dense, (q, k, v))
    batch, heads, rows, width = q.shape
    shared, keys, depth = v.shape[1:]
    out = _beside(q, rows, depth)
    sums = np.empty((batch, heads, rows), q.dtype)
    team = threads.count()
    # heads are shared out whole, unless they are too few
    chunks = 1 if batch * heads >= 2 * team else min(-(-rows // BLOCK), -(-4 * team // heads))
    scratch = np.empty(team * (width + BLOCK) * keys, q.dtype)
    run = attention_forward.at(T=type_of(q.dtype), CAUSAL=causal, MASKED=mask is not None)
    each = max(1, rows * keys * (width + depth) // chunks)
    run(
        batch * heads * chunks, -(-_GRAIN // each), q, k, v, mask, out, sums, scratch,
        _strides(q, k, v, out, mask), heads, heads // shared, rows, keys, width, depth, chunks,
        scale,
    )  # fmt: skip
    return out, sums


def backward(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    scale: float,
    causal: bool,
) -> Any:
    """Return what the op ``attend_slopes`` does; None for what the kernel does not take."""
    if q.dtype not in WIDE or not (q.size and k.size and v.size):
        return None
    g, q, k, v, out = map(_dense, (g, q, k, v, out))
    batch, heads, rows, width = q.shape
    shared, keys, depth = v.shape[1:]
    to_q = _beside(q, rows, width)
    to_k = _beside(k, keys, width)
    to_v = _beside(v, keys, depth)
    scratch = np.empty(threads.count() * (width + depth + 2 * BLOCK) * min(keys, KEYS), q.dtype)
    run = attention_backward.at(T=type_of(q.dtype), CAUSAL=causal, MASKED=mask is not None)
    each = max(1, rows * keys * (3 * width + 2 * depth) * (heads // shared))
    run(
        batch * shared, -(-_GRAIN // each), g, q, k, v, mask, out, np.ascontiguousarray(sums),
        to_q, to_k, to_v, scratch, _strides(q, k, v, out, mask, g, to_q, to_k, to_v), heads,
        heads // shared, rows, keys, width, depth, scale,
    )  # fmt: skip
    return to_q, to_k, to_v
