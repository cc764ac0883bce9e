"""Attention as one op with one derivative, which keeps no weights: what runs on plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.generator import Generator
from weft._core.kernels import prefer
from weft._core.modes import here
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, booleans, integers
from weft._core.tensor import Tensor, wrap
from weft.ops.comparison import where
from weft.ops.creation import arange, ones
from weft.ops.draws import source_of
from weft.ops.dropped import dropped, kept_of, scaled
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import is_array_like, require_real, unrecorded
from weft.ops.joining import cat
from weft.ops.matmul import matmul
from weft.ops.reductions import sum

_kernels = Launcher("attention")
_Q, _K, _V = array(2, 2, 3, 4), array(2, 2, 5, 4), array(2, 2, 5, 3)
_FEW = array(2, 1, 5, 4), array(2, 1, 5, 3)
_SEED = integers(1, 3, high=100)
_G = array(2, 2, 3, 3)

_NAME = "scaled_dot_product_attention"


def _shape(
    q: Any, k: Any, v: Any, mask: Any, seed: Any, *, scale: float, causal: bool, p: float
) -> Any:
    require_real(_NAME, q)
    # what is exponentiated is kept as it was computed: half precision would be wrong by per cents
    wide = np.dtype(np.float32) if q.dtype.itemsize == 2 else q.dtype
    return Aval((*q.shape[:3], v.shape[3]), q.dtype), Aval(q.shape[:3], wide)


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
        chosen = mask.dtype is dtypes.bool_
        scores = where(mask, scores, -math.inf) if chosen else scores + mask.to(scores.dtype)
    if causal:
        rows, columns = (arange(n, device=q.device) for n in (q.shape[2], k.shape[2]))
        scores = where(rows.unsqueeze(1) >= columns, scores, -math.inf)
    weights: Tensor = (scores - sums.unsqueeze(3)).exp()
    return weights


def _factors(weights: Tensor, seed: Any, p: float) -> Any:
    """Return what dropout multiplies the weights by."""
    if not p:
        return 1
    batch, *rest = tuple(weights.shape)
    each = batch // seed.shape[0]
    whole = ones((each, *rest), dtype=weights.dtype, device=weights.device)
    parts = [dropped(whole, seed[i], p=p)[0] for i in range(seed.shape[0])]
    return cat(parts, 0) if len(parts) > 1 else parts[0]


def _wide(*tensors: Any) -> list[Any]:
    """Return tensors in the dtype that half precision is computed in."""
    return [
        x if x is None or x.dtype.itemsize > 2 or x.dtype is dtypes.bool_ else x.to(dtypes.float32)
        for x in tensors
    ]


def _vjp(
    needs: Any, gs: Any, outs: Any, q: Any, k: Any, v: Any, mask: Any, seed: Any, *, scale: Any,
    causal: Any, p: Any,
) -> Any:  # fmt: skip
    (g, g_sums), (out, sums) = gs, outs
    if g_sums is None and unrecorded(g, q, k, v, out, sums):
        settings = {"scale": scale, "causal": causal, "p": p}
        return *attend_slopes(g, q, k, v, mask, seed, out, sums, **settings), None, None
    heads, own, dtype = q.shape[1], k.shape[1], q.dtype
    g, out, q, k, v = _wide(g, out, q, k, v)
    k, v = _shared(k, heads), _shared(v, heads)
    weights = _weights(q, k, mask, sums, scale, causal)
    factors = _factors(weights, seed, p)
    slopes: Any = 0
    to_v = None
    if g is not None:
        to_v = _gathered(matmul((weights * factors).transpose(2, 3), g), own).to(dtype)
        slopes = matmul(g, v.transpose(2, 3)) * factors - sum(g * out, 3, True)
    if g_sums is not None:
        slopes = slopes + g_sums.unsqueeze(3)
    slopes = weights * slopes * scale
    to_k = _gathered(matmul(slopes.transpose(2, 3), q), own).to(dtype)
    return matmul(slopes, k).to(dtype), to_k, to_v, None, None


def _jvp(
    tangents: Any, outs: Any, q: Any, k: Any, v: Any, mask: Any, seed: Any, *, scale: Any,
    causal: Any, p: Any,
) -> Any:  # fmt: skip
    out, sums = outs
    heads, dtype = q.shape[1], q.dtype
    t_q, t_k, t_v, out, q, k, v = _wide(*tangents[:3], out, q, k, v)
    t_q, t_k, t_v = (None if t is None else _shared(t, heads) for t in (t_q, t_k, t_v))
    k, v = _shared(k, heads), _shared(v, heads)
    weights = _weights(q, k, mask, sums, scale, causal)
    factors = _factors(weights, seed, p)
    slopes = weights * 0
    for a, b in ((t_q, k), (q, t_k)):
        if a is not None and b is not None:
            slopes = slopes + weights * matmul(a, b.transpose(2, 3)) * scale
    total = sum(slopes, 3)
    moved = matmul(slopes * factors, v) - total.unsqueeze(3) * out
    if t_v is not None:
        moved = moved + matmul(weights * factors, t_v)
    return moved.to(dtype), total


def _merged(size: int, batched: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Return arguments in which the batch axis and that of examples are one."""
    count = args[0].shape[1 if batched[0] else 0]
    merged = []
    for a in all_batched(size, batched, args):
        if a is not None:
            if a.ndim == 5 and a.shape[1] != count:  # a mask that all examples share
                a = a.expand((size, count, *tuple(a.shape)[2:]))
            a = a.reshape((size * a.shape[1], *tuple(a.shape)[2:]))
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
    saves=("q", "k", "v", "mask", "seed", "out"),
    outputs=2,
    promote=False,
    samples=(
        Sample(_Q, _K, _V, None, None, scale=0.5, causal=False, p=0.0),
        Sample(_Q, _K, _V, None, None, scale=0.4, causal=True, p=0.0),
        Sample(_Q, *_FEW, None, None, scale=0.5, causal=False, p=0.0),
        Sample(_Q, _K, _V, booleans(2, 1, 3, 5), None, scale=0.5, causal=False, p=0.0),
        Sample(_Q, *_FEW, None, _SEED, scale=0.5, causal=True, p=0.3),
    ),
    keyword_only=("scale", "causal", "p"),
    namespaces=(),
    methods=(),
    out=False,
)
def attend(
    xp: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    seed: Any,
    *,
    scale: float,
    causal: bool,
    p: float,
) -> tuple[Any, Any]:
    """Values weighted by how well their keys match the queries.

    Args:
        q: the queries, (batch, heads, rows, width).
        k: the keys, (batch, shared heads, keys, width), of which each serves as many heads.
        v: the values, (batch, shared heads, keys, depth).
        mask: four dims that broadcast to (batch, heads, rows, keys): bool, true where a key is
            seen, or what is added to the scores; or None. It gets no gradient.
        seed: (n, 3) of 64 bits, where dropout's random numbers come from, as ``dropped`` takes
            it, each for an n-th part of the batch; or None.
        scale: a factor of the scores.
        causal: whether query i sees the keys 0 to i only.
        p: the probability with which a weight becomes 0.

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
    return xp.matmul(_left(xp, weights / total, seed, p), v), sums[..., 0]


def _left(xp: Any, weights: Any, seed: Any, p: float) -> Any:
    """Return what dropout leaves of weights."""
    if not p:
        return weights
    shape = (weights.shape[0] // len(seed), *weights.shape[1:])
    kept = [kept_of(xp, shape, own, p) for own in seed]
    return scaled(xp, weights, kept[0] if len(kept) == 1 else xp.concatenate(kept), p)


def _scores(xp: Any, q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    scores = xp.matmul(q, k.swapaxes(2, 3)) * q.dtype.type(scale)
    if mask is not None and mask.dtype == bool:
        scores = xp.where(mask, scores, xp.full_like(scores, -math.inf))
    elif mask is not None:
        scores = scores + mask
    if causal:
        seen = xp.arange(q.shape[2])[:, None] >= xp.arange(k.shape[2])
        scores = xp.where(seen, scores, xp.full_like(scores, -math.inf))
    return scores


_ALONE = not_differentiable("attend calls it only where nothing is recorded")


@custom(
    shape=lambda g, q, k, v, mask, seed, out, sums, *, scale, causal, p: tuple(
        Aval(x.shape, g.dtype) for x in (q, k, v)
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(
            _G, _Q, _K, _V, None, None, _G, array(2, 2, 3), scale=0.5, causal=False, p=0.0
        ),
        Sample(
            _G, _Q, *_FEW, booleans(1, 1, 3, 5), None, _G, array(2, 2, 3), scale=0.5, causal=True,
            p=0.0,
        ),
        Sample(
            _G, _Q, *_FEW, None, _SEED, _G, array(2, 2, 3), scale=0.5, causal=False, p=0.3
        ),
    ),
    keyword_only=("scale", "causal", "p"),
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
    seed: Any,
    out: Any,
    sums: Any,
    *,
    scale: float,
    causal: bool,
    p: float,
) -> tuple[Any, Any, Any]:
    """The cotangents of what :func:`attend` takes, at once.

    Args:
        g: the cotangent of its first result.
        q: the queries,
        k: keys,
        v: values,
        mask: mask,
        seed: and seed.
        out: its results:
        sums: both of them.
        scale: as there.
        causal: as there.
        p: as there.

    Returns:
        tuple: the cotangents of queries, keys and values.
    """
    own, times = k.shape[1], q.shape[1] // k.shape[1]
    if times > 1:
        k, v = (xp.repeat(x, times, axis=1) for x in (k, v))
    weights = xp.exp(_scores(xp, q, k, mask, scale, causal) - sums[..., None])
    inner = (g * out).sum(axis=-1, keepdims=True)
    to_weights = _left(xp, xp.matmul(g, v.swapaxes(2, 3)), seed, p)
    slopes = weights * (to_weights - inner) * q.dtype.type(scale)
    to_k = xp.matmul(slopes.swapaxes(2, 3), q)
    to_v = xp.matmul(_left(xp, weights, seed, p).swapaxes(2, 3), g)
    if times > 1:
        to_k, to_v = (
            x.reshape(x.shape[0], own, times, *x.shape[2:]).sum(axis=2) for x in (to_k, to_v)
        )
    return xp.matmul(slopes, k), to_k, to_v


def _attend_on_cpu(*arrays: Any, scale: float, causal: bool, p: float) -> Any:
    return _kernels.forward(*arrays, scale, causal, p) if _kernels else None


def _slopes_on_cpu(*arrays: Any, scale: float, causal: bool, p: float) -> Any:
    return _kernels.backward(*arrays, scale, causal, p) if _kernels else None


prefer(catalogue.ops["attend"], _attend_on_cpu)
prefer(catalogue.ops["attend_slopes"], _slopes_on_cpu)


# --- for whom ----------------------------------------------------------------------------------


def attended(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    causal: bool,
    p: float,
    generator: Generator | None = None,
) -> Tensor | None:
    """Return attention by the op, or None for what it does not take.

    It takes plain arrays of one dtype, of the same dims before heads, and a mask that gets no
    gradient. A weight is dropped with probability p, as :func:`weft.dropout` would drop it.
    """
    dtype = query.dtype
    if not dtype.is_floating_point or dtype.itemsize == 1:
        return None
    for x in (query, key, value):
        if not is_array_like(x) or x.dtype is not dtype:
            return None
    q, k, v = query.shape, key.shape, value.shape
    if 0 in q or 0 in k or 0 in v:
        return None
    if mask is not None:
        if not is_array_like(mask) or mask._node is not None or not mask.numel():
            return None
        if mask.dtype is not dtype and mask.dtype is not dtypes.bool_:
            return None
    if p:
        # inside vmap whoever draws has to ask how; and numbers are drawn as the default dtype says
        if here.batches or dtypes.get_default_dtype() is not dtypes.float32:
            return None
        if not all(type(x._data) is ndarray for x in (query, key, value)):
            return None  # what stands for an array would keep this call's numbers
    dims = len(q)
    if dims > 4 or len(k) != dims or q[:-3] != k[:-3] or k[:-1] != v[:-1]:
        return None
    if dims > 2 and q[-3] % k[-3]:
        return None
    missing = 4 - dims
    if missing:
        query, key, value = (x[(None,) * missing] for x in (query, key, value))
    wanted = (*(1,) * missing, *q[:-1], k[-2])
    if mask is not None:
        if mask.ndim > 4 - missing:
            return None
        mask = mask[(None,) * (4 - mask.ndim)]
        if any(n not in (1, full) for n, full in zip(mask.shape, wanted, strict=True)):
            return None
    seed = None
    if p:
        seed = wrap(np.array([source_of(generator).key(math.prod(wanted))], np.uint64))
    settings = {"scale": float(scale), "causal": causal, "p": float(p)}
    out: Tensor = attend(query, key, value, mask, seed, **settings)[0]
    return out[(0,) * missing] if missing else out
