"""Cross entropy of a linear layer's logits in chunks of the batch, so that they are never whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor
from weft.nn import _functions

if TYPE_CHECKING:
    from weft.nn.linear_cross_entropy import LinearCrossEntropyOptions


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """The op `linear_cross_entropy`; with `options` in chunks, which are computed twice.

    The logits of a chunk are forgotten and made again in the backward pass, so that the memory they
    take is that of one chunk.
    """
    settings: dict[str, Any] = {
        "linear_bias": linear_bias,
        "weight": weight,
        "ignore_index": ignore_index,
        "label_smoothing": label_smoothing,
    }
    if options is None or input.ndim != 2 or reduction not in ("mean", "sum", "none"):
        return _functions.linear_cross_entropy(
            input, linear_weight, target, reduction=reduction, **settings
        )
    rows = options.rows(input.shape[0], input.shape[1], linear_weight.shape[0])
    kept = "none" if reduction == "none" else "sum"
    parts = list(_parts(input, linear_weight, target, rows, {**settings, "reduction": kept}))
    if reduction == "none":
        return weft.cat(parts)
    wide = input.dtype if options.acc_dtype is None else options.acc_dtype
    total = weft.stack([part.to(wide) for part in parts]).sum()
    if reduction == "mean":
        total = total / _divisor(input, linear_weight, target, weight, ignore_index)
    return total.to(input.dtype)


def _parts(
    input: Tensor, linear_weight: Tensor, target: Tensor, rows: int, settings: dict[str, Any]
) -> Iterator[Tensor]:
    """The losses of the chunks, each of which keeps nothing but its arguments."""
    from weft.utils.checkpoint import checkpoint

    for begin in range(0, max(input.shape[0], 1), rows):
        yield checkpoint(
            _functions.linear_cross_entropy,
            input[begin : begin + rows],
            linear_weight,
            target[begin : begin + rows],
            preserve_rng_state=False,
            **settings,
        )


def _divisor(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int | None,
) -> Any:
    """What the mean divides by: the weights that count, or the number of distributions."""
    if target.dtype.is_floating_point:
        return input.shape[0] * math.prod(linear_weight.shape[1:-1])
    counted = target != (-100 if ignore_index is None else ignore_index)
    if weight is None:
        return counted.sum()
    return weft.where(counted, weight[weft.where(counted, target, 0)], 0).sum()
