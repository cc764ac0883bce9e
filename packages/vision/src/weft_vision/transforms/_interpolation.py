"""The ways to interpolate, by torchvision's names."""

from __future__ import annotations

import difflib
from enum import StrEnum


class InterpolationMode(StrEnum):
    """How a resized image takes its values from the original.

    `nearest` is PyTorch's nearest neighbour, which takes the pixel at floor(i · scale);
    `nearest-exact` takes the one under the centre, as Pillow does.
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"

    @classmethod
    def parse(cls, name: str) -> InterpolationMode:
        """The mode of that name.

        Raises:
            ValueError: there is none; the message suggests the nearest.
        """
        try:
            return cls(name.lower())
        except ValueError:
            near = difflib.get_close_matches(name.lower(), [m.value for m in cls], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"resize: interpolation must be one of {[m.value for m in cls]}, got {name!r}{hint}"
            ) from None
