"""Moving elements between channels and space, and dropout of whole channels."""

from __future__ import annotations

import weft
from weft import Tensor
from weft.nn import _functions


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Move channels into space: (…, C·r², H, W) becomes (…, C, H·r, W·r).

    Args:
        input: (…, C·r², H, W).
        upscale_factor: r.

    Raises:
        ValueError: fewer than three axes, or channels not divisible by r².

    Source: Shi et al. 2016.
    """
    factor = upscale_factor
    if input.ndim < 3 or factor <= 0 or input.shape[-3] % factor**2:
        raise ValueError(
            f"pixel_shuffle: the input must be (…, C, H, W) with C divisible by "
            f"upscale_factor² = {factor}², got shape {tuple(input.shape)}"
        )
    *lead, channels, height, width = input.shape
    out = input.reshape(-1, channels // factor**2, factor, factor, height, width)
    out = out.permute(0, 1, 4, 2, 5, 3)
    return out.reshape(*lead, channels // factor**2, height * factor, width * factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Move space into channels: (…, C, H·r, W·r) becomes (…, C·r², H, W).

    Args:
        input: (…, C, H·r, W·r).
        downscale_factor: r.

    Raises:
        ValueError: fewer than three axes, or height or width not divisible by r.
    """
    factor = downscale_factor
    if input.ndim < 3 or factor <= 0 or input.shape[-1] % factor or input.shape[-2] % factor:
        raise ValueError(
            f"pixel_unshuffle: the input must be (…, C, H, W) with H and W divisible by "
            f"downscale_factor = {factor}, got shape {tuple(input.shape)}"
        )
    *lead, channels, height, width = input.shape
    high, wide = height // factor, width // factor
    out = input.reshape(-1, channels, high, factor, wide, factor).permute(0, 1, 3, 5, 2, 4)
    return out.reshape(*lead, channels * factor**2, high, wide)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of `groups` groups out in turn.

    Args:
        input: (N, C, …).
        groups: a divisor of C.

    Raises:
        ValueError: fewer than three axes, or C not divisible by `groups`.

    Source: Zhang et al. 2017.
    """
    if input.ndim < 3 or groups <= 0 or input.shape[1] % groups:
        raise ValueError(
            f"channel_shuffle: the input must be (N, C, …) with C divisible by groups={groups}, "
            f"got shape {tuple(input.shape)}"
        )
    batch, channels, *rest = input.shape
    split = input.reshape(batch, groups, channels // groups, *rest)
    return split.transpose(1, 2).reshape(input.shape)


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
    if not training or p == 0:
        return input
    kept = weft.ones(*input.shape[:-axes], *(1,) * axes, dtype=input.dtype)
    mask = _functions.dropout(kept, p, True)
    return input.mul_(mask) if inplace else input * mask
