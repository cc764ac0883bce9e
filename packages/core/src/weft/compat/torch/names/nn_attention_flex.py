"""``torch.nn.attention.flex_attention``: its names, for code that imports them."""

from __future__ import annotations

from weft.compat.torch._refusing import refusal

__all__ = ["AuxRequest", "BlockMask", "create_block_mask", "flex_attention"]

_BLOCK = 128


class BlockMask:
    """A mask made for flex_attention, which there are none of."""


flex_attention = create_block_mask = create_mask = refusal(
    "flex_attention: weft attends by scaled_dot_product_attention, which takes any mask"
)
_DEFAULT_SPARSE_BLOCK_SIZE = _BLOCK


class AuxRequest:
    """What else flex_attention is to return."""
