"""The lookup behind Embedding: the core's, with PyTorch's norm limit and frequency scaling."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.nn import _functions

_ABOVE_NORM = 1e-7  # PyTorch's: keeps a shortened vector just below the limit


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table, by number.

    Args:
        input: (…), integer row numbers.
        weight: (rows, features).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are longer are shortened to it, in place, before they are read.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a row's gradient by how often it was read.
        sparse: refused; gradients are dense.

    Returns:
        (…, features).

    Raises:
        ValueError: `padding_idx` is no row, or `sparse` is asked for.
        IndexError: a number is not of a row.

    Source: PyTorch's `torch.nn.functional.embedding`.
    """
    if sparse:
        raise ValueError("embedding: sparse=True is not supported, weft has no sparse gradients")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(
                f"embedding: padding_idx must lie within the {rows} rows, got {padding_idx}"
            )
        padding_idx %= rows
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    out = _functions.embedding(input, weight, padding_idx)
    if not scale_grad_by_freq or not weight.requires_grad:
        return out
    flat = input.reshape(-1)
    ones = weft.ones(flat.shape, dtype=weight.dtype)
    counts = weft.scatter_add(weft.zeros(rows, dtype=weight.dtype), 0, flat, ones)
    per_row = counts[input].unsqueeze(-1)
    # The value stays as it is; only the gradient is divided.
    return out.detach() + (out - out.detach()) / per_row


def _shorten(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are read, and longer than `max_norm`, down to it, in place."""
    with weft.no_grad():
        numbers = input.reshape(-1)
        read = weight.detach()[numbers]
        lengths = (read.abs() ** norm_type).sum(-1, keepdim=True) ** (1.0 / norm_type)
        shortened = read * (max_norm / (lengths + _ABOVE_NORM))
        # A row that is read twice is written twice with the same values.
        weight[numbers] = weft.where(lengths > max_norm, shortened, read)
