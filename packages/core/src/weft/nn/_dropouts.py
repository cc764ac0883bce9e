"""Dropout with PyTorch's arguments in nn.functional: `training` and `inplace`, with defaults."""

from __future__ import annotations

from weft import Tensor
from weft.nn import _functions
from weft.nn._activations import written
from weft.ops.dropouts import feature_dropout


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """The op `dropout`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.dropout, p, training)
    return _functions.dropout(input, p, training)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """The op `alpha_dropout`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.alpha_dropout, p, training)
    return _functions.alpha_dropout(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """The op `feature_alpha_dropout`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.feature_alpha_dropout, p, training)
    return _functions.feature_alpha_dropout(input, p, training)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability p.

    Args:
        input: the sequence or the batch of them.
        p: the probability; the channels that stay are divided by 1 − p.
        training: whether anything happens.
        inplace: write the result into the input.
    """
    return _channel_dropout("dropout1d", input, p, training, inplace, axes=1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, H, W) with probability p.

    Three dimensions are refused: PyTorch reads them as (N, C, L) and warns.

    Args:
        input: the batch of images.
        p: the probability; the channels that stay are divided by 1 − p.
        training: whether anything happens.
        inplace: write the result into the input.
    """
    return _channel_dropout("dropout2d", input, p, training, inplace, axes=2)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p.

    Args:
        input: the volume or the batch of them.
        p: the probability; the channels that stay are divided by 1 − p.
        training: whether anything happens.
        inplace: write the result into the input.
    """
    return _channel_dropout("dropout3d", input, p, training, inplace, axes=3)


def _channel_dropout(
    who: str, input: Tensor, p: float, training: bool, inplace: bool, *, axes: int
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{who}: p must lie in [0, 1], got {p}")
    if input.ndim != axes + 2 and (input.ndim != axes + 1 or axes == 2):
        unbatched = "" if axes == 2 else f"{axes + 1} or "
        raise ValueError(
            f"{who} expects an input of {unbatched}{axes + 2} dimensions, got {input.ndim} "
            f"(input.shape == {tuple(input.shape)})"
        )
    drop = feature_dropout_of_one if input.ndim == axes + 1 else feature_dropout
    return written(input, drop, p, training) if inplace else drop(input, p, training)


def feature_dropout_of_one(input: Tensor, p: float, training: bool) -> Tensor:
    if not training or not p:
        return input
    return feature_dropout(input.unsqueeze(0), p, training).squeeze(0)
