"""Moving elements between channels and space, and between groups of channels."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.layouts import contiguous_format
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.folding import windows_added


def _own(x: Tensor) -> Tensor:
    """Return a copy in order: where no element moves, a reshape would be a view of the input."""
    out: Tensor = x.clone(memory_format=contiguous_format)
    return out


@composite(
    samples=(
        Sample(array(2, 8, 2, 3), 2),
        Sample(array(9, 1, 2), 3),
        Sample(array(2, 0, 4, 2, 2), 2),
    ),
    errors=(
        ErrorSample(array(1, 6, 2, 2), 2, error=ShapeError, match="C divisible by"),
        ErrorSample(array(4, 4), 2, error=ShapeError, match="C, H, W"),
        ErrorSample(array(1, 4, 2, 2), 0, error=ValueError, match="positive"),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Move channels into space: (..., C r^2, H, W) becomes (..., C, H r, W r).

    Args:
        input: (..., C r^2, H, W).
        upscale_factor: r.

    Returns:
        Tensor: (..., C, H r, W r).

    Raises:
        ShapeError: input has fewer than three dims, or channels that r^2 does not divide.
        ValueError: r is not positive.

    Source: Shi et al., arXiv:1609.05158.
    """
    r = upscale_factor
    if r < 1:
        raise ValueError(f"pixel_shuffle: upscale_factor must be positive, got {r}")
    if input.ndim < 3 or input.shape[-3] % r**2:
        raise ShapeError(
            f"pixel_shuffle: input must be (..., C, H, W) with C divisible by upscale_factor^2 = "
            f"{r**2}, got shape {tuple(input.shape)}"
        )
    *lead, channels, height, width = input.shape
    channels //= r**2
    out = input.reshape((math.prod(lead), channels, r, r, height, width))
    return _own(out.permute(0, 1, 4, 2, 5, 3)).reshape((*lead, channels, height * r, width * r))


@composite(
    samples=(Sample(array(2, 2, 4, 6), 2), Sample(array(1, 3, 3), 3)),
    errors=(
        ErrorSample(array(1, 2, 3, 4), 2, error=ShapeError, match="H and W divisible"),
        ErrorSample(array(1, 4, 2, 2), 0, error=ValueError, match="positive"),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Move space into channels: (..., C, H r, W r) becomes (..., C r^2, H, W).

    Args:
        input: (..., C, H r, W r).
        downscale_factor: r.

    Returns:
        Tensor: (..., C r^2, H, W).

    Raises:
        ShapeError: input has fewer than three dims, or r does not divide height and width.
        ValueError: r is not positive.
    """
    r = downscale_factor
    if r < 1:
        raise ValueError(f"pixel_unshuffle: downscale_factor must be positive, got {r}")
    if input.ndim < 3 or input.shape[-1] % r or input.shape[-2] % r:
        raise ShapeError(
            f"pixel_unshuffle: input must be (..., C, H, W) with H and W divisible by "
            f"downscale_factor = {r}, got shape {tuple(input.shape)}"
        )
    *lead, channels, height, width = input.shape
    height, width = height // r, width // r
    out = input.reshape((math.prod(lead), channels, height, r, width, r)).permute(0, 1, 3, 5, 2, 4)
    return _own(out).reshape((*lead, channels * r**2, height, width))


def _dealt(name: str, input: Tensor, groups: int) -> Tensor:
    if groups < 1:
        raise ValueError(f"{name}: groups must be positive, got {groups}")
    if input.ndim < 3 or input.shape[1] % groups:
        raise ShapeError(
            f"{name}: input must be (N, C, ...) with C divisible by groups={groups}, got shape "
            f"{tuple(input.shape)}"
        )
    batch, channels, *rest = input.shape
    split = input.reshape((batch, groups, channels // groups, *rest))
    return _own(split.transpose(1, 2)).reshape(tuple(input.shape))


_DEALT = (Sample(array(2, 6, 3), 2), Sample(array(1, 6, 2, 2), 3))
_DEALT_ERRORS = (
    ErrorSample(array(1, 5, 2), 2, error=ShapeError, match="C divisible by groups=2"),
    ErrorSample(array(1, 5, 2), 0, error=ValueError, match="positive"),
)


@composite(samples=_DEALT, errors=_DEALT_ERRORS, namespaces=catalogue.BOTH, methods=())
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of several groups out in turn.

    Args:
        input: (N, C, ...).
        groups: how many groups the channels form; a divisor of C.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: groups does not divide the channels.
        ValueError: groups is not positive.

    Source: Zhang et al., arXiv:1707.01083.
    """
    return _dealt("channel_shuffle", input, groups)


@composite(
    samples=_DEALT,
    errors=_DEALT_ERRORS,
    namespaces=catalogue.BOTH,
    methods=(),
)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of several groups out in turn: :func:`channel_shuffle`.

    Args:
        input: (N, C, ...).
        groups: how many groups the channels form.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: groups does not divide the channels.
        ValueError: groups is not positive.
    """
    return _dealt("native_channel_shuffle", input, groups)


def _places_per_dim(
    name: str, sizes: Any, kernel: Any, spread: Any, pads: Any, steps: Any
) -> tuple[int, ...]:
    """Return how many windows fit along each of the two spatial dims."""
    counts = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(sizes, kernel, spread, pads, steps, strict=True)
    )
    if min(counts) < 1:
        raise ShapeError(
            f"{name}: the window {kernel} with dilation {spread} is larger than the padded image "
            f"{tuple(sizes)} (padding {pads})"
        )
    return counts


@composite(
    samples=(
        Sample(array(1, 8, 6), (3, 4), 2),
        Sample(array(2, 12, 4), (4, 5), (2, 3), dilation=(1, 2), padding=(0, 1), stride=2),
        Sample(array(4, 6), (3, 4), 2),
    ),
    errors=(
        ErrorSample(array(1, 8, 5), (3, 4), 2, error=ShapeError, match="6 windows"),
        ErrorSample(array(1, 7, 6), (3, 4), 2, error=ShapeError, match="divisible"),
        ErrorSample(array(1, 4, 1), (1, 1), 2, error=ShapeError, match="larger than"),
    ),
    namespaces=catalogue.FUNCTIONAL,
)
def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Add windows back into images: what ``nn.functional.unfold`` took apart.

    Args:
        input: (N, C prod(kernel_size), windows), or without N.
        output_size: (height, width) of the images.
        kernel_size: the windows' lengths.
        dilation: step within a window.
        padding: zeros that stood around the images.
        stride: from one window to the next.

    Returns:
        Tensor: (N, C, height, width), each element the sum of all windows that held it.

    Raises:
        ShapeError: the windows are not as many, or not as large, as the settings say.
        ValueError: a setting is out of range.
    """
    sizes = ints_per_dim("fold", "output_size", output_size, 2, 1)
    kernel = ints_per_dim("fold", "kernel_size", kernel_size, 2, 1)
    spread = ints_per_dim("fold", "dilation", dilation, 2, 1)
    pads = ints_per_dim("fold", "padding", padding, 2, 0)
    steps = ints_per_dim("fold", "stride", stride, 2, 1)
    if input.ndim not in (2, 3) or input.shape[-2] % math.prod(kernel):
        raise ShapeError(
            f"fold: input must be (N, C, windows) or (C, windows) with C divisible by the "
            f"window's {math.prod(kernel)} elements, got shape {tuple(input.shape)}"
        )
    counts = _places_per_dim("fold", sizes, kernel, spread, pads, steps)
    if input.shape[-1] != math.prod(counts):
        raise ShapeError(
            f"fold: these settings give {math.prod(counts)} windows ({counts[0]} x {counts[1]}), "
            f"but input has {input.shape[-1]} (input.shape == {tuple(input.shape)})"
        )
    x = input if input.ndim == 3 else input.unsqueeze(0)
    out: Tensor = windows_added(
        x,
        spatial=sizes,
        counts=counts,
        kernel=kernel,
        stride=steps,
        padding=pads,
        dilation=spread,
    )
    return out if input.ndim == 3 else out.squeeze(0)
