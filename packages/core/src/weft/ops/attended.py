"""Attention as one op with one derivative, which keeps no weights: what runs on plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.creation import arange
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import is_array_like, require_real, unrecorded
from weft.ops.matmul import matmul
from weft.ops.reductions import sum

_kernels = Launcher("attention")
_Q, _K, _V = array(2, 2, 3, 4), array(2, 2, 5, 4), array(2, 2, 5, 3)
_FEW = array(2, 1, 5, 4), array(2, 1, 5, 3)


_NAME = "scaled_dot_product_attention"


def _shape(q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool) -> Any:
    require_real(_NAME, q)
    return Aval((*q.shape[:3], v.shape[3]), q.dtype), Aval(q.shape[:3], q.dtype)


# --- by ops, for derivatives of derivatives ----------------------------------------------------


def _shared(x: Tensor, heads: int) -> Tensor:
    """Return keys or values with each head repeated, so that there are as many as queries."""
    batch, own, rows, width = tuple(x.shape)
    if own == heads:
        return x
    wide: Tensor = x.unsqueeze(2).expand((batch, own, heads // own, rows, width))
    return wide.reshape((batch, heads, rows, width))


def _gathered(x: Tensor, own: int) -> Tensor:
    """Undo :func:`_shared` to cotangents: add up those of heads that share."""
    batch, heads, rows, width = tuple(x.shape)
    if own == heads:
        return x
    parted: Tensor = x.reshape((batch, own, heads // own, rows, width))
    return sum(parted, 2)


def _weights(q: Any, k: Any, mask: Any, sums: Any, scale: float, causal: bool) -> Tensor:
    """Return the weights again from the logarithms of their sums."""
    scores = matmul(q, k.transpose(2, 3)) * scale
    if mask is not None:
        scores = scores + mask
    if causal:
        rows, columns = (arange(n, device=q.device) for n in (q.shape[2], k.shape[2]))
        scores = where(rows.unsqueeze(1) >= columns, scores, -math.inf)
    weights: Tensor = (scores - sums.unsqueeze(3)).exp()
    return weights


def _vjp(
    needs: Any, gs: Any, outs: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: Any, causal: Any
) -> Any:
    (g, g_sums), (out, sums) = gs, outs
    if g_sums is None and unrecorded(g, q, k, v, out, sums):
        return *attend_slopes(g, q, k, v, mask, out, sums, scale=scale, causal=causal), None
    heads, own = q.shape[1], k.shape[1]
    k, v = _shared(k, heads), _shared(v, heads)
    weights = _weights(q, k, mask, sums, scale, causal)
    slopes: Any = 0
    to_v = None
    if g is not None:
        to_v = _gathered(matmul(weights.transpose(2, 3), g), own)
        slopes = matmul(g, v.transpose(2, 3)) - sum(g * out, 3, True)
    if g_sums is not None:
        slopes = slopes + g_sums.unsqueeze(3)
    slopes = weights * slopes * scale
    to_k = _gathered(matmul(slopes.transpose(2, 3), q), own)
    return matmul(slopes, k), to_k, to_v, None


def _jvp(
    tangents: Any, outs: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: Any, causal: Any
) -> Any:
    out, sums = outs
    heads = q.shape[1]
    t_q, t_k, t_v = (None if t is None else _shared(t, heads) for t in tangents[:3])
    k, v = _shared(k, heads), _shared(v, heads)
    weights = _weights(q, k, mask, sums, scale, causal)
    slopes = weights * 0
    for a, b in ((t_q, k), (q, t_k)):
        if a is not None and b is not None:
            slopes = slopes + weights * matmul(a, b.transpose(2, 3)) * scale
    total = sum(slopes, 3)
    moved = matmul(slopes, v) - total.unsqueeze(3) * out
    return (moved if t_v is None else moved + matmul(weights, t_v)), total


def _merged(size: int, batched: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Return arguments in which the batch axis and that of examples are one."""
    count = args[0].shape[1 if batched[0] else 0]
    merged = []
    for a in all_batched(size, batched, args):
        if a is not None:
            if a.shape[1] != count:  # a mask that all examples share
                a = a.expand((size, count, *tuple(a.shape)[2:]))
            a = a.reshape((size * count, *tuple(a.shape)[2:]))
        merged.append(a)
    return merged


def _parted(size: int, outs: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(x.reshape((size, -1, *tuple(x.shape)[1:])) for x in outs)


def _batch(size: int, batched: Sequence[bool], *args: Any, **settings: Any) -> Any:
    return _parted(size, attend(*_merged(size, batched, args), **settings))


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, **settings: Any) -> Any:
    return _parted(size, attend_slopes(*_merged(size, batched, args), **settings))


# --- the ops -----------------------------------------------------------------------------------


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("q", "k", "v", "mask", "out"),
    outputs=2,
    promote=False,
    samples=(
        Sample(_Q, _K, _V, None, scale=0.5, causal=False),
        Sample(_Q, _K, _V, None, scale=0.4, causal=True),
        Sample(_Q, *_FEW, None, scale=0.5, causal=False),
    ),
    keyword_only=("scale", "causal"),
    namespaces=(),
    methods=(),
    out=False,
)
def attend(
    xp: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool
) -> tuple[Any, Any]:
    """Values weighted by how well their keys match the queries.

    Args:
        q: the queries, (batch, heads, rows, width).
        k: the keys, (batch, shared heads, keys, width), of which each serves as many heads.
        v: the values, (batch, shared heads, keys, depth).
        mask: what is added to the scores, broadcasting to (batch, heads, rows, keys), or None; it
            gets no gradient.
        scale: a factor of the scores.
        causal: whether query i sees the keys 0 to i only.

    Returns:
        tuple: (batch, heads, rows, depth); and for the derivative the logarithm of each row's sum
        of exponentials, infinite for a query that sees nothing, whose result is 0.
    """
    require_real(_NAME, q)
    times = q.shape[1] // k.shape[1]
    if times > 1:
        k, v = (xp.repeat(x, times, axis=1) for x in (k, v))
    scores = _scores(xp, q, k, mask, scale, causal)
    top = scores.max(axis=-1, keepdims=True)
    if causal or mask is not None:
        top = xp.where(xp.isneginf(top), xp.zeros_like(top), top)
    weights = xp.exp(scores - top)
    total = weights.sum(axis=-1, keepdims=True)
    sums = top + xp.log(total)
    if causal or mask is not None:
        blind = total == 0
        total = xp.where(blind, xp.ones_like(total), total)
        sums = xp.where(blind, xp.full_like(sums, math.inf), sums)
    return xp.matmul(weights / total, v), sums[..., 0]


def _scores(xp: Any, q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    scores = xp.matmul(q, k.swapaxes(2, 3)) * q.dtype.type(scale)
    if mask is not None:
        scores = scores + mask
    if causal:
        seen = xp.arange(q.shape[2])[:, None] >= xp.arange(k.shape[2])
        scores = xp.where(seen, scores, xp.full_like(scores, -math.inf))
    return scores


_ALONE = not_differentiable("attend calls it only where nothing is recorded")


@custom(
    shape=lambda g, q, k, v, mask, out, sums, *, scale, causal: tuple(
        Aval(x.shape, g.dtype) for x in (q, k, v)
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(
            array(2, 2, 3, 3), _Q, _K, _V, None, array(2, 2, 3, 3), array(2, 2, 3), scale=0.5,
            causal=False,
        ),
        Sample(
            array(2, 2, 3, 3), _Q, *_FEW, None, array(2, 2, 3, 3), array(2, 2, 3), scale=0.5,
            causal=True,
        ),
    ),
    keyword_only=("scale", "causal"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def attend_slopes(
    xp: Any,
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    *,
    scale: float,
    causal: bool,
) -> tuple[Any, Any, Any]:
    """The cotangents of what :func:`attend` takes, at once.

    Args:
        g: the cotangent of its first result.
        q: the queries,
        k: keys,
        v: values,
        mask: and mask.
        out: its results:
        sums: both of them.
        scale: as there.
        causal: as there.

    Returns:
        tuple: the cotangents of queries, keys and values.
    """
    own, times = k.shape[1], q.shape[1] // k.shape[1]
    if times > 1:
        k, v = (xp.repeat(x, times, axis=1) for x in (k, v))
    weights = xp.exp(_scores(xp, q, k, mask, scale, causal) - sums[..., None])
    inner = (g * out).sum(axis=-1, keepdims=True)
    slopes = weights * (xp.matmul(g, v.swapaxes(2, 3)) - inner) * q.dtype.type(scale)
    to_k = xp.matmul(slopes.swapaxes(2, 3), q)
    to_v = xp.matmul(weights.swapaxes(2, 3), g)
    if times > 1:
        to_k, to_v = (
            x.reshape(x.shape[0], own, times, *x.shape[2:]).sum(axis=2) for x in (to_k, to_v)
        )
    return xp.matmul(slopes, k), to_k, to_v


def _attend_on_cpu(q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool) -> Any:
    return _kernels.forward(q, k, v, mask, scale, causal) if _kernels else None


def _slopes_on_cpu(*arrays: Any, scale: float, causal: bool) -> Any:
    return _kernels.backward(*arrays, scale, causal) if _kernels else None


prefer(catalogue.ops["attend"], _attend_on_cpu)
prefer(catalogue.ops["attend_slopes"], _slopes_on_cpu)


# --- for whom ----------------------------------------------------------------------------------


def attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, causal: bool
) -> Tensor | None:
    """Return attention by the op, or None for what it does not take.

    It takes plain arrays of one dtype, of the same dims before heads, and a mask that gets no
    gradient.
    """
    tensors = [query, key, value, *([] if mask is None else [mask])]
    dtype = query.dtype
    if dtype.is_complex or not all(is_array_like(x) and x.dtype is dtype for x in tensors):
        return None
    if (mask is not None and mask._node is not None) or not all(x.numel() for x in tensors):
        return None
    lead = tuple(query.shape)[:-3]
    if query.ndim != key.ndim or tuple(key.shape)[:-3] != lead or query.ndim > 4:
        return None
    if query.ndim != value.ndim or tuple(value.shape)[:-1] != tuple(key.shape)[:-1]:
        return None
    if query.ndim > 2 and (not key.shape[-3] or query.shape[-3] % key.shape[-3]):
        return None
    missing = 4 - query.ndim
    if missing:
        query, key, value = (x[(None,) * missing] for x in (query, key, value))
    if mask is not None:
        if mask.ndim > 4 - missing:
            return None
        mask = mask[(None,) * (4 - mask.ndim)]
        wanted = (*tuple(query.shape)[:3], key.shape[2])
        if any(n not in (1, full) for n, full in zip(mask.shape, wanted, strict=True)):
            return None
    out: Tensor = attend(query, key, value, mask, scale=float(scale), causal=causal)[0]
    return out[(0,) * missing] if missing else out
