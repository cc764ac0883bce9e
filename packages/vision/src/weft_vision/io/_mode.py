"""Which channels a decoded image has."""

from __future__ import annotations

import difflib
from enum import StrEnum


class ImageReadMode(StrEnum):
    """The channels that `decode_image` returns; torchvision's names, as strings.

    `unchanged` keeps grey, grey with alpha, RGB or RGB with alpha as the file has them; a palette
    becomes RGB (with alpha where it has transparent entries), and CMYK becomes RGB.
    """

    UNCHANGED = "unchanged"
    GRAY = "gray"
    GRAY_ALPHA = "gray_alpha"
    RGB = "rgb"
    RGB_ALPHA = "rgb_alpha"

    @classmethod
    def parse(cls, mode: str) -> ImageReadMode:
        """The mode of that name, in either case.

        Raises:
            ValueError: there is none; the message suggests the nearest.
        """
        try:
            return cls(mode.lower())
        except ValueError:
            near = difflib.get_close_matches(mode.lower(), [m.value for m in cls], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"decode_image: mode must be one of {[m.value for m in cls]}, got {mode!r}{hint}"
            ) from None
