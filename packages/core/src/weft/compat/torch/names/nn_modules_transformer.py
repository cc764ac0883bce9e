"""``torch.nn.modules.transformer``: copies of a layer, an activation's function, causal masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.nn.transformer import (
    _detect_is_causal_mask,
    _generate_square_subsequent_mask,
    _get_clones,
)
from weft.nn.transformer_layers import activation_of

__all__ = [
    "_detect_is_causal_mask",
    "_generate_square_subsequent_mask",
    "_get_activation_fn",
    "_get_clones",
    "_get_seq_len",
]


def _get_activation_fn(activation: str) -> Callable[[Any], Any]:
    """Return the function of a name, "relu" or "gelu"."""
    return activation_of("_get_activation_fn", activation)


def _get_seq_len(src: Any, batch_first: bool) -> int:
    """Return the length of a sequence, or of a batch of them."""
    length: int = src.shape[1 if batch_first and src.ndim == 3 else 0]
    return length
