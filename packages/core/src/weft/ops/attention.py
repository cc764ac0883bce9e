"""Attention: scaled dot products of queries with keys, and the layer of several heads."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, booleans
from weft._core.tensor import Tensor
from weft.ops.affine import linear
from weft.ops.attended import attended
from weft.ops.comparison import where
from weft.ops.creation import arange, zeros
from weft.ops.dropouts import dropout
from weft.ops.families.composite import composite
from weft.ops.joining import cat
from weft.ops.matmul import matmul
from weft.ops.padding import constant_pad
from weft.ops.softmax import softmax

_F = catalogue.FUNCTIONAL
_NEVER = -math.inf


def _repeated(name: str, x: Tensor, heads: int) -> Tensor:
    """Return keys or values with each head repeated, so that there are as many as queries."""
    own = x.shape[-3]
    if own == heads:
        return x
    if not own or heads % own:
        raise ShapeError(
            f"{name}: enable_gqa needs a number of query heads that the key and value heads "
            f"divide, got {heads} and {own}"
        )
    lead, rest = tuple(x.shape)[:-3], tuple(x.shape)[-2:]
    times = heads // own
    return x.unsqueeze(-3).expand((*lead, own, times, *rest)).reshape((*lead, heads, *rest))


_Q, _K, _V = array(2, 2, 3, 4), array(2, 2, 5, 4), array(2, 2, 5, 3)


@composite(
    samples=(
        Sample(_Q, _K, _V),
        Sample(_Q, _K, _V, booleans(3, 5)),
        Sample(_Q, _K, _V, array(2, 1, 3, 5), scale=0.3),
        Sample(_Q, _K, _V, is_causal=True),
        Sample(array(3, 4), array(5, 4), array(5, 4)),
        Sample(array(4, 3, 4), array(2, 5, 4), array(2, 5, 4), enable_gqa=True),
    ),
    errors=(
        ErrorSample(array(4), _K, _V, error=ShapeError, match="at least 2 dims"),
        ErrorSample(_Q, array(2, 2, 5, 3), _V, error=ShapeError, match="same last dim"),
        ErrorSample(_Q, _K, array(2, 2, 4, 3), error=ShapeError, match="as many keys as values"),
        ErrorSample(
            array(3, 3, 4), array(2, 5, 4), array(2, 5, 4), enable_gqa=True, error=ShapeError,
            match="3 and 2",
        ),
    ),
    namespaces=_F,
)  # fmt: skip
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Values weighted by how well their keys match the queries.

    .. math:: softmax(scale \\cdot query \\cdot key^T + mask) \\cdot value

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: broadcasts to (..., L, S): bool, true where a query may see a key; or floating,
            which is added.
        dropout_p: the probability with which a weight becomes 0; it acts whenever it is not 0.
        is_causal: whether query i sees the keys 0 to i only, besides what the mask says.
        scale: a factor of the products; 1 / sqrt(E) if None.
        enable_gqa: whether several heads (dim -3) of query share one of key and value.

    Returns:
        Tensor: (..., L, Ev). A query that may see no key gives 0, with the gradient 0.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: the mask is neither bool nor floating.
        ValueError: dropout_p is no probability.

    Source: Vaswani et al., arXiv:1706.03762; Ainslie et al., arXiv:2305.13245, for shared heads.
    """
    name = "scaled_dot_product_attention"
    for what, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 2:
            raise ShapeError(f"{name}: {what} must have at least 2 dims, got {tuple(x.shape)}")
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"{name}: query and key must have the same last dim, got {tuple(query.shape)} and "
            f"{tuple(key.shape)}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{name}: there must be as many keys as values, got {tuple(key.shape)} and "
            f"{tuple(value.shape)}"
        )
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{name}: dropout_p must be in [0, 1], got {dropout_p}")
    if dropout_p < 1 and (enable_gqa or tuple(query.shape)[:-2] == tuple(key.shape)[:-2]):
        mask = attn_mask
        if mask is not None and mask.dtype.is_floating_point:
            mask = mask.to(query.dtype)
        out = attended(query, key, value, mask, factor, is_causal, dropout_p)
        if out is not None:
            return out
    if enable_gqa and min(query.ndim, key.ndim, value.ndim) > 2:
        key, value = (_repeated(name, x, query.shape[-3]) for x in (key, value))
    scores = matmul(query * factor, key.transpose(-2, -1))
    allowed: Tensor | None = None
    if attn_mask is not None:
        if attn_mask.dtype is dtypes.bool_:
            allowed = attn_mask
        elif attn_mask.dtype.is_floating_point:
            scores = scores + attn_mask.to(scores.dtype)
        else:
            raise DTypeError(f"{name}: attn_mask must be bool or floating, got {attn_mask.dtype}")
    if is_causal:
        rows, columns = (arange(x.shape[-2], device=x.device) for x in (query, key))
        seen = rows.unsqueeze(1) >= columns
        allowed = seen if allowed is None else allowed & seen
    if allowed is not None:
        scores = where(allowed, scores, _NEVER)
    if allowed is not None or attn_mask is not None:
        blind = (scores == _NEVER).all(-1, True)
        weights = where(blind, 0.0, softmax(where(blind, 0.0, scores), -1))
    else:
        weights = softmax(scores, -1)
    if dropout_p:
        weights = dropout(weights, dropout_p, True)
    return matmul(weights, value)


def _additive(name: str, what: str, mask: Tensor, dtype: Any) -> Tensor:
    """Return a mask that is added: of truth values those that are true are shut out."""
    if mask.dtype is dtypes.bool_:
        return where(mask, zeros((), dtype=dtype, device=mask.device) + _NEVER, 0.0)
    if not mask.dtype.is_floating_point:
        raise DTypeError(f"{name}: {what} must be bool or floating, got {mask.dtype}")
    return mask.to(dtype)


def _widened(mask: Tensor | None) -> Tensor | None:
    """Return a mask for one key more, which all may see."""
    if mask is None:
        return None
    widths = (*((0, 0),) * (mask.ndim - 1), (0, 1))
    wider: Tensor = constant_pad(mask, widths=widths, value=0.0)
    return wider


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weights: list[Tensor], bias: Tensor | None
) -> list[Tensor]:
    biases = [None] * 3 if bias is None else list(bias.chunk(3))
    return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


_SEQUENCES = (array(3, 2, 4), array(5, 2, 4), array(5, 2, 4))
_LAYER = (4, 2, array(12, 4), array(12))
_OUT = (array(4, 4), array(4))


@composite(
    samples=(
        Sample(*_SEQUENCES, *_LAYER, None, None, False, 0.0, *_OUT),
        Sample(
            *_SEQUENCES, *_LAYER, array(1, 1, 4), array(1, 1, 4), True, 0.0, *_OUT,
            attn_mask=array(3, 5), average_attn_weights=False,
        ),
        Sample(
            array(3, 4), array(5, 4), array(5, 4), *_LAYER, None, None, False, 0.0, *_OUT, False,
            attn_mask=array(3, 5),
        ),
        Sample(
            array(3, 2, 4), array(5, 2, 3), array(5, 2, 2), 4, 2, None, array(12), None, None,
            False, 0.0, *_OUT, use_separate_proj_weight=True, q_proj_weight=array(4, 4),
            k_proj_weight=array(4, 3), v_proj_weight=array(4, 2),
        ),
    ),
    errors=(
        ErrorSample(
            *_SEQUENCES, 6, 2, array(12, 4), array(12), None, None, False, 0.0, *_OUT,
            error=ShapeError, match="embed_dim_to_check 6",
        ),
        ErrorSample(
            *_SEQUENCES, 4, 3, array(12, 4), array(12), None, None, False, 0.0, *_OUT,
            error=ValueError, match="num_heads",
        ),
        ErrorSample(
            *_SEQUENCES, *_LAYER, None, None, False, 0.0, *_OUT, attn_mask=array(3, 4),
            error=ShapeError, match="attn_mask must be",
        ),
        ErrorSample(
            *_SEQUENCES, *_LAYER, None, None, False, 0.0, *_OUT, is_causal=True,
            error=ValueError, match="is_causal",
        ),
    ),
    namespaces=_F,
)  # fmt: skip
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads, between learned projections: what MultiheadAttention computes.

    Args:
        query: (L, N, E), or (L, E).
        key: (S, N, E), or without N.
        value: (S, N, E), or without N.
        embed_dim_to_check: E.
        num_heads: how many heads share E.
        in_proj_weight: (3 E, E), the projections of query, key and value.
        in_proj_bias: (3 E,).
        bias_k: (1, 1, E), a key put behind all others.
        bias_v: (1, 1, E), its value.
        add_zero_attn: whether to put a key and a value of zeros behind all others.
        dropout_p: the probability with which a weight becomes 0 in training.
        out_proj_weight: (E, E), the projection of the result.
        out_proj_bias: (E,).
        training: whether dropout acts.
        key_padding_mask: (N, S), or (S,): bool, true for keys to leave out; or floating, added.
        need_weights: whether to return the weights.
        attn_mask: (L, S) or (N num_heads, L, S): bool, true where a query may not see a key; or
            floating, added.
        use_separate_proj_weight: whether the three projections come one by one.
        q_proj_weight: (E, E).
        k_proj_weight: (E, the keys' features).
        v_proj_weight: (E, the values' features).
        static_k: (N num_heads, S, E / num_heads), instead of the projected keys.
        static_v: likewise for the values.
        average_attn_weights: whether the returned weights are the mean over the heads.
        is_causal: that attn_mask is causal: a hint that PyTorch takes with the mask itself.

    Returns:
        tuple: (L, N, E); and with need_weights (N, L, S), or (N, num_heads, L, S) not averaged,
        else None. Without N where the input had none.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a setting is out of range, or what it needs is missing.
        DTypeError: a mask is neither bool nor floating.

    Source: Vaswani et al., arXiv:1706.03762.
    """
    name = "multi_head_attention_forward"
    if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
        raise ShapeError(
            f"{name}: query, key and value must all have 3 dims (L, N, E), or 2 without N; got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if is_causal and attn_mask is None:
        raise ValueError(f"{name}: is_causal is a hint about attn_mask, which is missing")
    single = query.ndim == 2
    if single:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    if width != embed_dim_to_check:
        raise ShapeError(
            f"{name}: query's last dim must be embed_dim_to_check {embed_dim_to_check}, got "
            f"query.shape == {tuple(query.shape)}"
        )
    if num_heads < 1 or width % num_heads:
        raise ValueError(f"{name}: num_heads must divide {width}, got {num_heads}")
    if use_separate_proj_weight:
        separate = [q_proj_weight, k_proj_weight, v_proj_weight]
        given = [w for w in separate if w is not None]
    else:
        given = [] if in_proj_weight is None else list(in_proj_weight.chunk(3))
    if len(given) != 3:
        raise ValueError(
            f"{name}: needs in_proj_weight of 3 parts, or with use_separate_proj_weight "
            f"q_proj_weight, k_proj_weight and v_proj_weight"
        )
    q, k, v = _projected(query, key, value, given, in_proj_bias)
    heads, size = batch * num_heads, width // num_heads
    mask = None if attn_mask is None else _additive(name, "attn_mask", attn_mask, q.dtype)
    source = key.shape[0] if static_k is None else static_k.shape[1]
    if mask is not None:
        wanted = {2: (length, source), 3: (heads, length, source)}
        if tuple(mask.shape) != wanted.get(mask.ndim):
            raise ShapeError(
                f"{name}: attn_mask must be {wanted[2]} or {wanted[3]}, got shape "
                f"{tuple(mask.shape)}"
            )
        mask = mask.unsqueeze(0) if mask.ndim == 2 else mask
    padding = None
    if key_padding_mask is not None:
        padding = _additive(name, "key_padding_mask", key_padding_mask, q.dtype)
        if tuple(padding.shape) != (batch, source):
            raise ShapeError(
                f"{name}: key_padding_mask must be {(batch, source)}, got shape "
                f"{tuple(padding.shape)}"
            )
    if (bias_k is None) != (bias_v is None):
        raise ValueError(f"{name}: bias_k and bias_v come together")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise ValueError(f"{name}: bias_k and bias_v do not go with static_k and static_v")
        k = cat([k, bias_k.expand((1, batch, width))], 0)
        v = cat([v, bias_v.expand((1, batch, width))], 0)
        mask, padding = _widened(mask), _widened(padding)

    def by_head(x: Tensor) -> Tensor:
        return x.reshape((x.shape[0], heads, size)).transpose(0, 1)

    q = by_head(q)
    k = by_head(k) if static_k is None else static_k
    v = by_head(v) if static_v is None else static_v
    if add_zero_attn:
        nothing = zeros((heads, 1, size), dtype=k.dtype, device=k.device)
        k, v = cat([k, nothing], 1), cat([v, nothing], 1)
        mask, padding = _widened(mask), _widened(padding)
    source = k.shape[1]
    if padding is not None:
        rows = padding.reshape((batch, 1, 1, source)).expand((batch, num_heads, 1, source))
        rows = rows.reshape((heads, 1, source))
        mask = rows if mask is None else mask + rows
    lost = dropout_p if training else 0.0
    weights: Tensor | None = None
    if need_weights:
        scores = matmul(q * math.sqrt(1 / size), k.transpose(1, 2))
        weights = softmax(scores if mask is None else scores + mask, -1)
        if lost:
            weights = dropout(weights, lost, True)
        out = matmul(weights, v)
        weights = weights.reshape((batch, num_heads, length, source))
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        out = scaled_dot_product_attention(q, k, v, mask, lost)
    out = linear(
        out.transpose(0, 1).reshape((length, batch, width)), out_proj_weight, out_proj_bias
    )
    if single:
        return out.squeeze(1), None if weights is None else weights.squeeze(0)
    return out, weights
