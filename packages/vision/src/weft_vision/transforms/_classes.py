"""The transforms as objects that remember their settings; each calls its function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import weft
from weft import nn
from weft_vision.transforms import functional
from weft_vision.transforms._interpolation import InterpolationMode


class Compose:
    """Apply transforms one after another.

    Args:
        transforms: callables from tensor to tensor, in order.
    """

    def __init__(self, transforms: Sequence[Callable[[weft.Tensor], weft.Tensor]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: weft.Tensor) -> weft.Tensor:
        """The image after all transforms."""
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        """One transform a line."""
        inside = "".join(f"\n    {transform!r}" for transform in self.transforms)
        return f"Compose({inside}\n)"


class Resize(nn.Module):
    """Resize an image; see `functional.resize` for the arguments."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: str = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        super().__init__()
        self.size = size
        self.interpolation = InterpolationMode.parse(interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, image: weft.Tensor) -> weft.Tensor:
        """The image, (..., height, width), at the size."""
        return functional.resize(
            image, self.size, self.interpolation, self.max_size, self.antialias
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"size={self.size}, interpolation={self.interpolation.value!r}, "
            f"max_size={self.max_size}, antialias={self.antialias}"
        )


class CenterCrop(nn.Module):
    """Keep the middle of an image; see `functional.center_crop`."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, image: weft.Tensor) -> weft.Tensor:
        """The middle of the image, (..., height, width)."""
        return functional.center_crop(image, self.size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"size={self.size}"


class ToDtype(nn.Module):
    """Change an image's dtype; see `functional.to_dtype`."""

    def __init__(self, dtype: weft.dtype = weft.float32, scale: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def forward(self, image: weft.Tensor) -> weft.Tensor:
        """The image in the dtype."""
        return functional.to_dtype(image, self.dtype, self.scale)

    def extra_repr(self) -> str:
        """The settings."""
        return f"dtype={self.dtype}, scale={self.scale}"


class Normalize(nn.Module):
    """Subtract a mean and divide by a deviation a channel; see `functional.normalize`."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)

    def forward(self, image: weft.Tensor) -> weft.Tensor:
        """The normalised image, (..., channels, height, width)."""
        return functional.normalize(image, self.mean, self.std)

    def extra_repr(self) -> str:
        """The settings."""
        return f"mean={self.mean}, std={self.std}"
