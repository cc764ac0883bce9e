"""``torch._utils``: flat buffers of tensors, as older training code makes them."""

from __future__ import annotations

from collections.abc import Sequence

import weft

__all__ = ["_flatten_dense_tensors", "_unflatten_dense_tensors"]


def _flatten_dense_tensors(tensors: Sequence[weft.Tensor]) -> weft.Tensor:
    """Return the tensors one after the other, as one of one dim."""
    return weft.cat([tensor.reshape(-1) for tensor in tensors])


def _unflatten_dense_tensors(
    flat: weft.Tensor, tensors: Sequence[weft.Tensor]
) -> tuple[weft.Tensor, ...]:
    """Return views of ``flat`` in the shapes of the tensors."""
    pieces = flat.split([tensor.numel() for tensor in tensors])
    return tuple(piece.view(like.shape) for piece, like in zip(pieces, tensors, strict=True))
