"""Stacks of a transformer's layers, and the encoder and decoder together."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import weft
from weft import Tensor
from weft._backend import ndarray
from weft.nn import functional as F
from weft.nn import init
from weft.nn.containers import ModuleList
from weft.nn.module import Module
from weft.nn.normalization import LayerNorm
from weft.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)


def _get_clones(module: Module, N: int) -> ModuleList:
    """`N` copies of a module, which share nothing; under PyTorch's name, as model code uses it."""
    return ModuleList([deepcopy(module) for _ in range(N)])


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer: the layer of which each is a copy, with the same initial values.
        num_layers: how many.
        norm: a module applied at the end, or None.
        enable_nested_tensor: whether padding may be left out of the result, as PyTorch does it in
            evaluation: positions that `src_key_padding_mask` shuts out then come out as zeros. It
            happens where PyTorch's conditions hold: `batch_first`, `norm_first=False`, an even
            number of heads, "relu" or "gelu", no recording of gradients and no other mask.
        mask_check: whether that also asks for padding to stand at each sequence's end.

    Source: PyTorch's `torch.nn.TransformerEncoder`.

    Example:
        >>> layer = weft.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> weft.nn.TransformerEncoder(layer, 2)(weft.rand(3, 5, 8)).shape
        weft.Size([3, 5, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor and _may_leave_out(encoder_layer)
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The sequence after all layers.

        Args:
            src: (L, N, d_model), (N, L, d_model) with `batch_first`, or (L, d_model).
            mask: `attn_mask` of every layer.
            src_key_padding_mask: `key_padding_mask` of every layer.
            is_causal: whether `mask` is causal; None looks.

        Returns:
            laid out like `src`.
        """
        causal = _detect_is_causal_mask(mask, is_causal)
        output = src
        for layer in self.layers:
            output = layer(
                output,
                src_mask=mask,
                is_causal=causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        if src_key_padding_mask is not None and self._leaves_out(src, mask, src_key_padding_mask):
            output = output.masked_fill(src_key_padding_mask.unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _leaves_out(self, src: Tensor, mask: Tensor | None, padding: Tensor) -> bool:
        """Whether PyTorch would compute this without the padding."""
        if not getattr(self, "use_nested_tensor", False) or not self.num_layers:
            return False
        first: Any = self.layers[0]
        if first.training or src.ndim != 3 or mask is not None or padding.dtype is not weft.bool:
            return False
        if weft.is_grad_enabled() and (
            src.requires_grad or any(p.requires_grad for p in first.parameters())
        ):
            return False
        if weft.is_autocast_enabled() or type(padding._data) is not ndarray:
            return False
        return not self.mask_check or not bool((padding[:, :-1] > padding[:, 1:]).any())


def _may_leave_out(layer: Module) -> bool:
    if not isinstance(layer, TransformerEncoderLayer) or layer.norm_first:
        return False
    attention = layer.self_attn
    return (
        attention.batch_first
        and attention._qkv_same_embed_dim
        and attention.in_proj_bias is not None
        and layer.activation_relu_or_gelu != 0
        and layer.norm1.eps == layer.norm2.eps
        and attention.num_heads % 2 == 0
    )


class TransformerDecoder(Module):
    """A stack of decoder layers.

    Args:
        decoder_layer: the layer of which each is a copy, with the same initial values.
        num_layers: how many.
        norm: a module applied at the end, or None.

    Source: PyTorch's `torch.nn.TransformerDecoder`.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence after all layers; arguments as for `TransformerDecoderLayer`.

        Args:
            tgt: (L, N, d_model), (N, L, d_model) with `batch_first`, or (L, d_model).
            memory: the encoder's result.
            tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask: the masks.
            tgt_is_causal: whether `tgt_mask` is causal; None looks.
            memory_is_causal: whether `memory_mask` is causal.

        Returns:
            laid out like `tgt`.
        """
        causal = _detect_is_causal_mask(tgt_mask, tgt_is_causal)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder, and a decoder that attends to its result.

    Args:
        d_model: length of the sequences' last axes.
        nhead: how many heads each attention has.
        num_encoder_layers: how many layers the encoder has.
        num_decoder_layers: how many layers the decoder has.
        dim_feedforward, dropout, activation: as for `TransformerEncoderLayer`.
        custom_encoder: a module to be the encoder instead.
        custom_decoder: a module to be the decoder instead.
        layer_norm_eps, batch_first, norm_first, bias, device, dtype: as for
            `TransformerEncoderLayer`.

    All parameters of two or more axes are drawn from Glorot and Bengio's uniform distribution.

    Source: Vaswani et al., arXiv:1706.03762; PyTorch's `torch.nn.Transformer`.

    Example:
        >>> model = weft.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        >>> mask = model.generate_square_subsequent_mask(4)
        >>> model(weft.rand(3, 5, 8), weft.rand(3, 4, 8), tgt_mask=mask).shape
        weft.Size([3, 4, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        layer = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            first = TransformerEncoderLayer(*layer)
            self.encoder: Any = TransformerEncoder(first, num_encoder_layers, norm())
        else:
            self.encoder = custom_encoder
        if custom_decoder is None:
            last = TransformerDecoderLayer(*layer)
            self.decoder: Any = TransformerDecoder(last, num_decoder_layers, norm())
        else:
            self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw all parameters of two or more axes anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The decoder's result.

        Args:
            src: what the encoder reads: (S, N, d_model), (N, S, d_model) with `batch_first`, or
                (S, d_model).
            tgt: what the decoder reads, likewise with a length T of its own.
            src_mask, tgt_mask, memory_mask: `attn_mask` of the encoder (S, S), of the decoder's
                self-attention (T, T) and of its attention to the encoder's result (T, S).
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: their
                `key_padding_mask`, (N, S), (N, T) and (N, S).
            src_is_causal, tgt_is_causal: whether those masks are causal; None looks.
            memory_is_causal: whether `memory_mask` is causal.

        Returns:
            laid out like `tgt`.

        Raises:
            weft.ShapeError: the sequences differ in batch, or have not `d_model` features.
        """
        at = 0 if self.batch_first else 1
        if src.ndim == 3 and tgt.ndim == 3 and src.shape[at] != tgt.shape[at]:
            raise weft.ShapeError(
                f"Transformer: src and tgt must have one batch in dim {at}, got "
                f"{tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise weft.ShapeError(
                f"Transformer: src and tgt must have d_model={self.d_model} features, got "
                f"{tuple(src.shape)} and {tuple(tgt.shape)}"
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Any = None, dtype: weft.dtype | None = None
    ) -> Tensor:
        """The mask with which position i sees positions 0 to i: -inf above the diagonal, else 0.

        Args:
            sz: how many positions.
            device: where it lies.
            dtype: its dtype; the default dtype when None.
        """
        return _generate_square_subsequent_mask(sz, device, dtype)


def _generate_square_subsequent_mask(
    sz: int, device: Any = None, dtype: weft.dtype | None = None
) -> Tensor:
    return weft.triu(weft.full((sz, sz), -math.inf, dtype=dtype, device=device), diagonal=1)


def _detect_is_causal_mask(
    mask: Tensor | None, is_causal: bool | None = None, size: int | None = None
) -> bool:
    """Whether `mask` shuts out just the keys after each query; what is said goes before looking."""
    if is_causal is not None or mask is None:
        return is_causal is True
    if type(mask._data) is not ndarray or mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        return False
    if size not in (None, mask.shape[0]):
        return False
    if mask.dtype is weft.bool:
        causal = weft.triu(weft.ones(mask.shape, dtype=weft.bool), diagonal=1)
    else:
        causal = _generate_square_subsequent_mask(mask.shape[0], dtype=mask.dtype)
    return weft.equal(mask, causal)
