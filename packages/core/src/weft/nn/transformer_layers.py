"""The layers of a transformer: attention and a network for each position, with residual sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import functional as F
from weft.nn.activation import GELU, ReLU
from weft.nn.attention import MultiheadAttention
from weft.nn.dropout import Dropout
from weft.nn.linear import Linear
from weft.nn.module import Module
from weft.nn.normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]
_BY_NAME = {"relu": F.relu, "gelu": F.gelu}


def activation_of(who: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    """The function that a layer's setting stands for.

    Raises:
        ValueError: a name other than "relu" and "gelu".
    """
    if not isinstance(activation, str):
        return activation
    if activation not in _BY_NAME:
        raise ValueError(
            f'{who}: activation must be "relu", "gelu" or a callable, got {activation!r}'
            f"{did_you_mean(activation, _BY_NAME)}"
        )
    return _BY_NAME[activation]


class _Layer(Module):
    """What layers of encoders and decoders share.

    The modules are made in PyTorch's order, which is that of the state_dict.
    """

    self_attn: MultiheadAttention
    linear1: Linear
    dropout: Dropout
    linear2: Linear
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    norm_first: bool
    activation: Callable[[Tensor], Tensor]
    #: Which sublayers are normalised: attentions and the network.
    _sublayers: int

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in ("self_attn", "multihead_attn")[: self._sublayers - 1]:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **made
            )
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        for i in range(1, self._sublayers + 1):
            self.add_module(f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made))
        for i in range(1, self._sublayers + 1):
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = activation_of(type(self).__name__, activation)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "activation"):  # pickles older than the setting
            self.activation = F.relu

    def _sa_block(
        self,
        x: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Self-attention and dropout."""
        attended = self.self_attn(
            x, x, x, key_padding_mask, need_weights=False, attn_mask=attn_mask, is_causal=is_causal
        )
        return self.dropout1(attended[0])

    def _network(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a network for each position, each added to its input and normalised.

    `x = norm1(x + attention(x))`, `x = norm2(x + network(x))`; with `norm_first` the norms are
    before attention and network instead, `x = x + attention(norm1(x))`, and so on.

    Args:
        d_model: length of the input's last axis.
        nhead: how many heads the attention has.
        dim_feedforward: length of the network's hidden layer.
        dropout: probability of dropout of weights, after the activation and of what is added.
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: `eps` of the norms.
        batch_first: whether sequences are (batch, length, features) instead of
            (length, batch, features).
        norm_first: whether the norms are before attention and network.
        bias: whether linear layers and norms have biases.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Raises:
        ValueError: an unknown activation, or sizes that `MultiheadAttention` refuses.

    Source: Vaswani et al., arXiv:1706.03762; PyTorch's `torch.nn.TransformerEncoderLayer`. There is
    one way of computing: what PyTorch's quicker one of evaluation wants is not asked for.

    Example:
        >>> layer = weft.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> layer(weft.rand(3, 5, 8)).shape
        weft.Size([3, 5, 8])
    """

    _sublayers = 2

    @property
    def activation_relu_or_gelu(self) -> int:
        """PyTorch's number for the activation: 1 for relu, 2 for gelu, 0 for others."""
        if self.activation is F.relu or isinstance(self.activation, ReLU):
            return 1
        if self.activation is F.gelu or isinstance(self.activation, GELU):
            return 2
        return 0

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The sequence after the layer.

        Args:
            src: (L, N, d_model), (N, L, d_model) with `batch_first`, or (L, d_model).
            src_mask: `attn_mask` of the attention.
            src_key_padding_mask: its `key_padding_mask`.
            is_causal: whether `src_mask` is causal, which is then quicker.

        Returns:
            laid out like `src`.
        """
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _ff_block(self, x: Tensor) -> Tensor:
        """The network for each position, and dropout."""
        return self.dropout2(self._network(x))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's result, and a network for each position.

    Each is added to its input and normalised, as in `TransformerEncoderLayer`, whose arguments it
    has.

    Args:
        d_model: length of the last axes.
        nhead: how many heads each attention has.
        dim_feedforward, dropout, activation, layer_norm_eps: as for `TransformerEncoderLayer`.
        batch_first, norm_first, bias, device, dtype: likewise.

    Raises:
        ValueError: an unknown activation, or sizes that `MultiheadAttention` refuses.

    Source: Vaswani et al., arXiv:1706.03762; PyTorch's `torch.nn.TransformerDecoderLayer`.

    Example:
        >>> layer = weft.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> layer(weft.rand(3, 4, 8), weft.rand(3, 5, 8)).shape
        weft.Size([3, 4, 8])
    """

    _sublayers = 3
    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence after the layer.

        Args:
            tgt: (L, N, d_model), (N, L, d_model) with `batch_first`, or (L, d_model).
            memory: the encoder's result, likewise with a length of its own.
            tgt_mask: `attn_mask` of the self-attention.
            memory_mask: `attn_mask` of the attention to `memory`.
            tgt_key_padding_mask: `key_padding_mask` of the self-attention.
            memory_key_padding_mask: `key_padding_mask` of the attention to `memory`.
            tgt_is_causal: whether `tgt_mask` is causal, which is then quicker.
            memory_is_causal: whether `memory_mask` is causal.

        Returns:
            laid out like `tgt`.
        """
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, *other))
        return self.norm3(x + self._ff_block(x))

    def _mha_block(
        self,
        x: Tensor,
        mem: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attention to `mem`, and dropout."""
        attended = self.multihead_attn(
            x, mem, mem, key_padding_mask, need_weights=False, attn_mask=attn_mask,
            is_causal=is_causal,
        )  # fmt: skip
        return self.dropout2(attended[0])

    def _ff_block(self, x: Tensor) -> Tensor:
        """The network for each position, and dropout."""
        return self.dropout3(self._network(x))
