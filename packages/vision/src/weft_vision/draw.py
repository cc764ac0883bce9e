"""A picture with what a classifier said about it: labels and bars in a panel below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

import weft
from weft_vision import io
from weft_vision.presets import Picture, picture_to_tensor

__all__ = ["draw_predictions"]

_PAPER = (250, 249, 246)
_INK = (34, 34, 34)
_FAINT = (226, 222, 214)
_FIRST = (186, 73, 41)  # the bar of the likeliest class
_OTHER = (120, 132, 148)
_MINIMUM_WIDTH = 360


def draw_predictions(
    image: Picture, predictions: Sequence[Mapping[str, Any]], *, title: str | None = None
) -> weft.Tensor:
    """The picture above a panel with one row a prediction: label, bar, percent.

    Args:
        image: a path, bytes, a Pillow image, or a uint8 tensor (channels, height, width).
        predictions: mappings with "label" and "probability" (in [0, 1]), the likeliest first, as
            the task `image-classification` returns them.
        title: a line above the rows, the model's name for instance.

    Returns:
        uint8 tensor, (3, height + panel, width); a picture narrower than 360 pixels is centred on
        a panel of that width.

    Raises:
        ValueError: no predictions, or a probability outside [0, 1].
    """
    if not predictions:
        raise ValueError("draw_predictions: needs at least one prediction, got none")
    for p in predictions:
        if not 0.0 <= p["probability"] <= 1.0:
            raise ValueError(
                f"draw_predictions: the probability of {p['label']!r} must be in [0, 1], "
                f"got {p['probability']!r}"
            )
    picture = io.to_pil_image(picture_to_tensor(image)).convert("RGB")
    width = max(picture.width, _MINIMUM_WIDTH)
    size = max(13, width // 32)  # of the letters, in pixels
    font = ImageFont.load_default(size)
    row = round(size * 1.7)
    rows = len(predictions) + (title is not None)
    canvas = Image.new("RGB", (width, picture.height + rows * row + 2 * size), _PAPER)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    y = picture.height + size
    if title is not None:
        pen.text((size, y + row / 2), title, fill=_INK, font=font, anchor="lm")
        y += row
    bar_left, bar_right = round(width * 0.48), width - round(4.6 * size)
    for i, p in enumerate(predictions):
        middle = y + row / 2
        label = _shortened(str(p["label"]), font, bar_left - 2 * size)
        pen.text((size, middle), label, fill=_INK, font=font, anchor="lm")
        top, bottom = middle - size * 0.42, middle + size * 0.42
        pen.rectangle((bar_left, top, bar_right, bottom), fill=_FAINT)
        length = round((bar_right - bar_left) * p["probability"])
        if length > 0:
            colour = _FIRST if i == 0 else _OTHER
            pen.rectangle((bar_left, top, bar_left + length, bottom), fill=colour)
        percent = f"{100 * p['probability']:.1f} %"
        pen.text((width - size, middle), percent, fill=_INK, font=font, anchor="rm")
        y += row
    return io.pil_to_tensor(canvas)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    """The text, cut with dots if it is longer than the room in pixels."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "...") > room:
        text = text[:-1]
    return text.rstrip() + "..."
