"""Attention: values weighted by scaled dot products of queries with keys."""

from __future__ import annotations

import math

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, booleans
from weft._core.tensor import Tensor
from weft.ops.attended import attended
from weft.ops.comparison import where
from weft.ops.creation import arange
from weft.ops.dropouts import dropout
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
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
    q, k, v = query.shape, key.shape, value.shape
    for what, shape in (("query", q), ("key", k), ("value", v)):
        if len(shape) < 2:
            raise ShapeError(f"{name}: {what} must have at least 2 dims, got {tuple(shape)}")
    if q[-1] != k[-1]:
        raise ShapeError(
            f"{name}: query and key must have the same last dim, got {tuple(query.shape)} and "
            f"{tuple(key.shape)}"
        )
    if k[-2] != v[-2]:
        raise ShapeError(
            f"{name}: there must be as many keys as values, got {tuple(key.shape)} and "
            f"{tuple(value.shape)}"
        )
    factor = 1 / math.sqrt(q[-1]) if scale is None else scale
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{name}: dropout_p must be in [0, 1], got {dropout_p}")
    if dropout_p < 1 and (enable_gqa or q[:-2] == k[:-2]):
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
