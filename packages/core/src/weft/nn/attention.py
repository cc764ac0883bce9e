"""MultiheadAttention: attention of several heads between learned projections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft
from weft import Tensor
from weft.nn import init

# where PyTorch has them: code that says torch.nn.attention says weft.nn.attention
from weft.nn.attention_backends import SDPBackend as SDPBackend
from weft.nn.attention_backends import sdpa_kernel as sdpa_kernel
from weft.nn.linear import NonDynamicallyQuantizableLinear
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.ops.attention_heads import multi_head


class MultiheadAttention(Module):
    """Lets each position of a sequence gather from all positions of another, by several heads.

    Each head compares its part of the projected queries with its part of the projected keys, and
    weights its part of the projected values by the softmax of `q kᵀ / √(embed_dim / num_heads)`.

    Args:
        embed_dim: length of the queries' last axis, E; shared by the heads.
        num_heads: how many heads; must divide `embed_dim`.
        dropout: probability with which a weight becomes 0 in training.
        bias: whether the projections add learned biases.
        add_bias_kv: whether a learned key and value follow all others.
        add_zero_attn: whether a key and a value of zeros follow all others.
        kdim: length of the keys' last axis; `embed_dim` when None.
        vdim: length of the values' last axis; `embed_dim` when None.
        batch_first: whether batched sequences are (batch, length, features) instead of
            (length, batch, features).
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        in_proj_weight: (3 E, E), the projections of query, key and value, by Glorot and Bengio's
            uniform distribution at first; None if `kdim` or `vdim` differ from E.
        q_proj_weight: (E, E), k_proj_weight: (E, kdim), v_proj_weight: (E, vdim) in that case,
            likewise; else None.
        in_proj_bias: (3 E,), zeros at first, or None.
        out_proj: the projection of what the heads found, with a bias of zeros at first.
        bias_k: (1, 1, E), bias_v: (1, 1, E), normal at first, or None.

    Raises:
        ValueError: a size is not positive, or `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al., arXiv:1706.03762; PyTorch's `torch.nn.MultiheadAttention`. Without
    weights (`need_weights=False`) it keeps none, and is quicker.

    Example:
        >>> attention = weft.nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = weft.rand(3, 5, 8)
        >>> out, weights = attention(x, x, x)
        >>> out.shape, weights.shape
        (weft.Size([3, 5, 8]), weft.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"MultiheadAttention: embed_dim and num_heads must be positive, got {embed_dim} "
                f"and {num_heads}"
            )
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads must divide embed_dim, got num_heads={num_heads} "
                f"and embed_dim={embed_dim}"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        made = {"device": device, "dtype": dtype}
        shapes: dict[str, tuple[int, ...] | None]
        if self._qkv_same_embed_dim:
            shapes = {
                "in_proj_weight": (3 * embed_dim, embed_dim),
                "q_proj_weight": None, "k_proj_weight": None, "v_proj_weight": None,
            }  # fmt: skip
        else:
            shapes = {
                "q_proj_weight": (embed_dim, embed_dim),
                "k_proj_weight": (embed_dim, self.kdim),
                "v_proj_weight": (embed_dim, self.vdim),
                "in_proj_weight": None,
            }
        shapes["in_proj_bias"] = (3 * embed_dim,) if bias else None
        for name, shape in shapes.items():
            new = None if shape is None else Parameter(weft.empty(shape, **made))
            self.register_parameter(name, new)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = Parameter(weft.empty((1, 1, embed_dim), **made))
            self.bias_v = Parameter(weft.empty((1, 1, embed_dim), **made))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections of the input and the learned key and value anew; zero the biases."""
        for weight in self._in_weights():
            init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None and self.bias_v is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def _in_weights(self) -> Sequence[Any]:
        """The projections of the input: one matrix, or three."""
        if self._qkv_same_embed_dim:
            return (self.in_proj_weight,)
        return (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)  # pickles older than kdim and vdim
        super().__setstate__(state)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The attended values, and the weights or None.

        Args:
            query: (L, N, E), (N, L, E) with `batch_first`, or (L, E).
            key: likewise with length S and `kdim` features.
            value: likewise with length S and `vdim` features.
            key_padding_mask: (N, S), or (S,) without a batch: bool, true for keys that no query
                sees; or floating, added to the scores.
            need_weights: whether to return the weights; without them it is one fused op.
            attn_mask: (L, S), or (N · num_heads, L, S) for each example and head: bool, true where
                a query does not see a key; or floating, added to the scores.
            average_attn_weights: whether the returned weights are the mean over the heads.
            is_causal: that `attn_mask`, which must come too, shuts out the keys after each query;
                the mask is then not read where the kernel can do without.

        Returns:
            The output, laid out like the query, and (N, L, S) weights, or (N, num_heads, L, S) if
            not averaged; without N for an input that has no batch.

        Raises:
            weft.ShapeError: shapes do not fit.
            weft.DTypeError: a mask is neither bool nor floating.

        A query that sees no key gets 0 before the last projection; if weights are asked for, NaN,
        as in PyTorch.
        """
        weights = self._in_weights()
        return multi_head(
            "MultiheadAttention", query, key, value, self.embed_dim, self.num_heads,
            weights[0] if len(weights) == 1 else weights, self.in_proj_bias,
            self.out_proj.weight, self.out_proj.bias,
            batch_first=self.batch_first, bias_k=self.bias_k, bias_v=self.bias_v,
            add_zero_attn=self.add_zero_attn, dropout_p=self.dropout if self.training else 0.0,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one, for batched self-attention; neither changes its dtype.

        Args:
            attn_mask: (L, L) or (N · num_heads, L, L), or None.
            key_padding_mask: (N, L), or None.
            query: (N, L, E); only its shape is read.

        Returns:
            The mask and its kind: 1 for the padding alone, (N, L); 2 for (N, num_heads, L, L); None
            and None without masks.
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length = query.shape[0], query.shape[1]
        if attn_mask.ndim == 3:
            merged = attn_mask.reshape((batch, -1, length, length))
        else:
            shape = (batch, self.num_heads, length, length)
            merged = attn_mask.reshape((1, 1, length, length)).expand(shape)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.reshape((batch, 1, 1, length))
        return merged, 2
