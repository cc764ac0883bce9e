"""Modules that only move elements: flatten, unflatten, pixel and channel shuffles."""

from __future__ import annotations

from collections.abc import Sequence

from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class Flatten(Module):
    """Makes one axis of the axes from `start_dim` to `end_dim`.

    Args:
        start_dim: the first axis; the batch stays by default.
        end_dim: the last axis, included.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Makes several axes of one.

    Args:
        dim: the axis.
        unflattened_size: the lengths that it is divided into; one of them may be -1.

    Raises:
        TypeError: `dim` is no integer or `unflattened_size` no sequence of integers.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an integer, got {dim!r}")
        if not (
            isinstance(unflattened_size, Sequence)
            and all(isinstance(length, int) for length in unflattened_size)
        ):
            raise TypeError(
                "Unflatten: unflattened_size must be a sequence of integers, "
                f"got {unflattened_size!r}"
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class PixelShuffle(Module):
    """Moves channels into space: (…, C·r², H, W) becomes (…, C, H·r, W·r).

    Args:
        upscale_factor: r.

    Source: Shi et al. 2016.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Moves space into channels: (…, C, H·r, W·r) becomes (…, C·r², H, W).

    Args:
        downscale_factor: r.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deals the channels of `groups` groups out in turn. Source: Zhang et al. 2017.

    Args:
        groups: a divisor of the channels.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
