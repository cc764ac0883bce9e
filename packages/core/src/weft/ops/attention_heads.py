"""Attention of several heads between learned projections: what MultiheadAttention computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.affine import linear
from weft.ops.attention import scaled_dot_product_attention
from weft.ops.comparison import where
from weft.ops.creation import zeros
from weft.ops.dropouts import dropout
from weft.ops.families.composite import composite
from weft.ops.joining import cat, split
from weft.ops.matmul import matmul
from weft.ops.padding import constant_pad
from weft.ops.softmax import softmax

_NEVER = -math.inf
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
            error=ShapeError, match="must be embed_dim 6",
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
    namespaces=catalogue.FUNCTIONAL,
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
        is_causal: that attn_mask, which must come too, shuts out the keys after each query: it is
            then not read where the fused kernel alone can do that.

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
    weights: Any = in_proj_weight
    if use_separate_proj_weight:
        weights = [q_proj_weight, k_proj_weight, v_proj_weight]
    if weights is None or (type(weights) is list and any(w is None for w in weights)):
        raise ValueError(
            f"{name}: needs in_proj_weight, or with use_separate_proj_weight q_proj_weight, "
            f"k_proj_weight and v_proj_weight"
        )
    return multi_head(
        name, query, key, value, embed_dim_to_check, num_heads, weights, in_proj_bias,
        out_proj_weight, out_proj_bias, bias_k=bias_k, bias_v=bias_v, add_zero_attn=add_zero_attn,
        dropout_p=dropout_p if training else 0.0, key_padding_mask=key_padding_mask,
        need_weights=need_weights, attn_mask=attn_mask, static_k=static_k, static_v=static_v,
        average_attn_weights=average_attn_weights, is_causal=is_causal,
    )  # fmt: skip


def multi_head(
    name: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    in_weights: Tensor | Sequence[Tensor],
    in_bias: Tensor | None,
    out_weight: Tensor,
    out_bias: Tensor | None,
    *,
    batch_first: bool = False,
    bias_k: Tensor | None = None,
    bias_v: Tensor | None = None,
    add_zero_attn: bool = False,
    dropout_p: float = 0.0,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Return the output, and the weights if they are asked for.

    Without them it is one fused op that keeps none. The arguments are those of
    ``nn.functional.multi_head_attention_forward``, with the projections of query, key and value as
    one matrix or as three; sequences are (L, N, E), or (N, L, E) with ``batch_first``, or (L, E).
    """
    at = 0 if batch_first else 1
    single = _check_shapes(name, query, key, value, embed_dim, num_heads, at)
    if single:
        query, key, value = _with_batch(query, key, value, at)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise ShapeError(
            f"{name}: is_causal is a hint about attn_mask, which is missing; pass it too, as "
            f"nn.Transformer.generate_square_subsequent_mask(sz) makes it"
        )
    q, k, v = _projected(name, query, key, value, in_weights, in_bias, num_heads, batch_first)
    batch, _, rows, _ = q.shape
    width = embed_dim
    k = k if static_k is None else _given_heads(name, "static_k", static_k, k)
    v = v if static_v is None else _given_heads(name, "static_v", static_v, v)
    known = k.shape[2]
    if (bias_k is None) != (bias_v is None):
        raise ValueError(f"{name}: bias_k and bias_v come together")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise ValueError(f"{name}: bias_k and bias_v do not go with static_k and static_v")
        k, v = _with_bias(k, bias_k), _with_bias(v, bias_v)
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
    more = k.shape[2] - known
    causal = is_causal and not need_weights and key_padding_mask is None and not more
    if causal:
        mask = None
    else:
        sizes = (batch, num_heads, rows, known)
        mask = _merged(name, key_padding_mask, attn_mask, sizes, q.dtype)
        if mask is not None and more:  # all may see the keys that were put behind
            mask = constant_pad(
                mask, widths=((0, 0), (0, 0), (0, 0), (0, more)), value=float(_seen(mask))
            )
    weights: Tensor | None = None
    if need_weights:
        out, weights = _weighted(q, k, v, mask, dropout_p)
        if average_attn_weights:
            weights = weights.mean(1)
    else:
        out = scaled_dot_product_attention(q, k, v, mask, dropout_p, causal)
    if batch_first:
        joined = out.transpose(1, 2).reshape((batch, rows, width))
    else:
        joined = out.permute(2, 0, 1, 3).reshape((rows, batch, width))
    out = linear(joined, out_weight, out_bias)
    if single:
        return out.squeeze(at), None if weights is None else weights.squeeze(0)
    return out, weights


def _check_shapes(
    name: str, query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int, at: int
) -> bool:
    """Return whether the sequences have no batch dim; ``at`` is where it is."""
    shape = query.shape
    shapes = [shape, shape if key is query else key.shape]
    shapes.append(shapes[1] if value is key else value.shape)
    dims = len(shape)
    if dims not in (2, 3) or not dims == len(shapes[1]) == len(shapes[2]):
        raise ShapeError(
            f"{name}: query, key and value must all have 3 dims (L, N, E), or 2 without N; got "
            f"{', '.join(str(tuple(one)) for one in shapes)}"
        )
    if shape[-1] != embed_dim:
        raise ShapeError(
            f"{name}: query's last dim must be embed_dim {embed_dim}, got query.shape == "
            f"{tuple(shape)}"
        )
    if num_heads < 1 or embed_dim % num_heads:
        raise ValueError(f"{name}: num_heads must divide {embed_dim}, got {num_heads}")
    if key is not query or value is not key:
        fit = shapes[1][:-1] == shapes[2][:-1]
        if not fit or (dims == 3 and shapes[1][at] != shape[at]):
            raise ShapeError(
                f"{name}: key and value must have one length, and query's batch; got query, key "
                f"and value of {', '.join(str(tuple(one)) for one in shapes)}, of which dim {at} "
                f"is the batch"
            )
    return dims == 2


def _with_batch(query: Tensor, key: Tensor, value: Tensor, at: int) -> tuple[Tensor, ...]:
    """Return the sequences as a batch of one; those that were one tensor stay one."""
    q = query.unsqueeze(at)
    k = q if key is query else key.unsqueeze(at)
    v = q if value is query else k if value is key else value.unsqueeze(at)
    return q, k, v


# --- projections and heads ---------------------------------------------------------------------


def _projected(
    name: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor | Sequence[Tensor],
    bias: Tensor | None,
    num_heads: int,
    batch_first: bool,
) -> Sequence[Tensor]:
    """Return the projected heads, by one product for sequences that are the same."""
    width = query.shape[2]
    size = width // num_heads

    def heads(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        """Project a sequence and view what comes as heads: (batch, heads, length, size)."""
        out = linear(x, w, b)
        first, second, total = out.shape
        parted = out.reshape((first, second, total // size, size))
        return parted.transpose(1, 2) if batch_first else parted.permute(1, 2, 0, 3)

    if isinstance(weights, Tensor):
        if weights.shape[0] != 3 * width:
            raise ShapeError(
                f"{name}: in_proj_weight must have 3 * {width} rows, got {tuple(weights.shape)}"
            )
        if query is key and key is value:
            whole: Sequence[Tensor] = heads(query, weights, bias).chunk(3, 1)
            return whole
        if key is value:
            of_query, of_key = split(weights, [width, 2 * width])
            biases = (None, None) if bias is None else split(bias, [width, 2 * width])
            return heads(query, of_query, biases[0]), *heads(key, of_key, biases[1]).chunk(2, 1)
        weights = weights.chunk(3)
    each = [None] * 3 if bias is None else list(bias.chunk(3))
    return [heads(x, w, b) for x, w, b in zip((query, key, value), weights, each, strict=True)]


def _given_heads(name: str, what: str, x: Tensor, like: Tensor) -> Tensor:
    """Return static keys or values, (batch heads, length, size), with heads of their own dim."""
    batch, heads, _, size = like.shape
    if x.ndim != 3 or x.shape[0] != batch * heads or x.shape[2] != size:
        raise ShapeError(
            f"{name}: {what} must be ({batch * heads}, S, {size}), got {tuple(x.shape)}"
        )
    return x.reshape((batch, heads, x.shape[1], size))


def _with_bias(x: Tensor, bias: Tensor) -> Tensor:
    """Put a learned key or value, (1, 1, E), behind all others."""
    batch, heads, _, size = x.shape
    row = bias.reshape((1, heads, 1, size)).expand((batch, heads, 1, size))
    return cat([x, row], 2)


def _with_zeros(x: Tensor) -> Tensor:
    batch, heads, _, size = x.shape
    return cat([x, zeros((batch, heads, 1, size), dtype=x.dtype, device=x.device)], 2)


# --- masks -------------------------------------------------------------------------------------


def _merged(
    name: str,
    padding: Tensor | None,
    shut: Tensor | None,
    sizes: tuple[int, int, int, int],
    dtype: Any,
) -> Tensor | None:
    """Return both masks as one of four dims: bool, true where a key is seen; or to be added."""
    batch, heads, rows, keys = sizes
    if padding is not None:
        _check_kind(name, "key_padding_mask", padding)
        if tuple(padding.shape) != (batch, keys):
            raise ShapeError(
                f"{name}: key_padding_mask must be {(batch, keys)}, got shape "
                f"{tuple(padding.shape)}"
            )
        padding = padding.reshape((batch, 1, 1, keys))
    if shut is not None:
        _check_kind(name, "attn_mask", shut)
        wanted = {2: (rows, keys), 3: (batch * heads, rows, keys)}
        if tuple(shut.shape) != wanted.get(shut.ndim):
            raise ShapeError(
                f"{name}: attn_mask must be {wanted[2]} or {wanted[3]}, got shape "
                f"{tuple(shut.shape)}"
            )
        whole = (1, 1) if shut.ndim == 2 else (batch, heads)
        shut = shut.reshape((*whole, rows, keys))
    given = [mask for mask in (shut, padding) if mask is not None]
    if not given:
        return None
    if all(mask.dtype is dtypes.bool_ for mask in given):
        return ~(given[0] | given[1] if len(given) == 2 else given[0])
    parts = [_additive(mask, dtype) for mask in given]
    return parts[0] + parts[1] if len(parts) == 2 else parts[0]


def _check_kind(name: str, what: str, mask: Tensor) -> None:
    if mask.dtype is not dtypes.bool_ and not mask.dtype.is_floating_point:
        raise DTypeError(f"{name}: {what} must be bool or floating, got {mask.dtype}")


def _additive(mask: Tensor, dtype: Any) -> Tensor:
    """Return a mask that is added: of truth values those that are true are shut out."""
    if mask.dtype is dtypes.bool_:
        return where(mask, zeros((), dtype=dtype, device=mask.device) + _NEVER, 0.0)
    return mask.to(dtype)


def _seen(mask: Tensor) -> bool:
    """Return what a mask says of a key that is seen."""
    return mask.dtype is dtypes.bool_


def _weighted(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float
) -> tuple[Tensor, Tensor]:
    """Return attention by ops of its own, and its weights (batch, heads, L, S)."""
    scores = matmul(q * math.sqrt(1 / q.shape[3]), k.transpose(2, 3))
    if mask is not None:
        scores = where(mask, scores, _NEVER) if mask.dtype is dtypes.bool_ else scores + mask
    weights = softmax(scores, -1)
    if p:
        weights = dropout(weights, p, True)
    return matmul(weights, v), weights
