"""Resampling to a given size or by a factor, as modules over `functional.interpolate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes
from weft.nn.module import Module

Factors: TypeAlias = float | Sequence[float]


class Upsample(Module):
    """Resamples (N, C, L), (N, C, H, W) or (N, C, D, H, W) by `weft.nn.functional.interpolate`.

    Args:
        size: the output's lengths, or one number for all axes.
        scale_factor: instead, by how much each axis grows.
        mode: "nearest", "linear", "bilinear", "bicubic", "trilinear" or "nearest-exact".
        align_corners: whether the corners' centres stay corners; for the linear and cubic modes.
        recompute_scale_factor: compute positions from the rounded size instead of the factor.

    Source: PyTorch's `torch.nn.Upsample`.
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, Sequence):
            self.scale_factor: Factors | None = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resamples images by their nearest neighbours; `Upsample` with its mode is its newer name.

    Args:
        size: the output's height and width, or one number for both.
        scale_factor: instead, by how much they grow.
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resamples images linearly, corners on corners; `Upsample` is its newer name.

    Args:
        size: the output's height and width, or one number for both.
        scale_factor: instead, by how much they grow.
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
