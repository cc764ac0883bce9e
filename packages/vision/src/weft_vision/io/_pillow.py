"""Pillow images to uint8 tensors and back, through bytes."""

from __future__ import annotations

from PIL import Image

import weft
from weft_vision.io._errors import ImageDecodeError
from weft_vision.io._mode import ImageReadMode

_PILLOW_MODE = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
_CHANNELS_TO_PILLOW_MODE = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pil_to_tensor(image: Image.Image, mode: str = ImageReadMode.UNCHANGED) -> weft.Tensor:
    """A Pillow image as a tensor.

    Samples of 16 bits keep their high byte, as libpng's and PyTorch's conversions to 8 bits do.
    Alpha is dropped, not blended, when `mode` has none: Pillow's and torchvision's habit.

    Args:
        image: any Pillow image of 1, 8 or 16 bits a sample.
        mode: the wanted channels, an `ImageReadMode` or its name.

    Returns:
        uint8 tensor, (channels, height, width), in memory of its own.

    Raises:
        ImageDecodeError: the samples are 32-bit numbers, which have no agreed range.
    """
    eight_bit = _to_eight_bits(image)
    wanted = ImageReadMode.parse(mode)
    target = _natural_mode(eight_bit) if wanted is ImageReadMode.UNCHANGED else _PILLOW_MODE[wanted]
    if eight_bit.mode != target:
        eight_bit = _convert(eight_bit, target)
    width, height = eight_bit.size
    # A bytearray, because a tensor over immutable bytes could not be written to.
    samples = weft.frombuffer(bytearray(eight_bit.tobytes()), dtype=weft.uint8)
    interleaved = samples.reshape(height, width, len(eight_bit.getbands()))
    return interleaved.permute(2, 0, 1).contiguous()


def to_pil_image(image: weft.Tensor) -> Image.Image:
    """A uint8 tensor as a Pillow image.

    Args:
        image: (channels, height, width) or (height, width), uint8; 1 channel is grey, 2 grey with
            alpha, 3 RGB, 4 RGB with alpha.

    Raises:
        ValueError: another shape, or an empty image.
        TypeError: another dtype.
    """
    if image.dtype != weft.uint8:
        raise TypeError(
            f"to_pil_image: expects a uint8 tensor, got {image.dtype}; convert it with "
            "weft_vision.transforms.functional.to_dtype(image, weft.uint8, scale=True)"
        )
    if image.ndim == 2:
        image = image.unsqueeze(0)
    if image.ndim != 3 or image.shape[0] not in _CHANNELS_TO_PILLOW_MODE or image.numel() == 0:
        raise ValueError(
            "to_pil_image: expects one image of shape (channels, height, width) with 1 to 4 "
            f"channels and at least one pixel, got {tuple(image.shape)}"
        )
    channels, height, width = image.shape
    interleaved = image.detach().permute(1, 2, 0).contiguous().numpy()
    return Image.frombytes(
        _CHANNELS_TO_PILLOW_MODE[channels], (width, height), interleaved.tobytes()
    )


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """The same picture with 8-bit samples.

    Pillow's own `convert("L")` of 16-bit grey clips at 255 in some releases and shifts in others.
    """
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        raw = image.tobytes("raw", "I;16B")  # big-endian whatever the image's own order is
        return Image.frombytes("L", image.size, raw[0::2])
    if image.mode in ("I", "F"):
        raise ImageDecodeError(
            f"the image has 32-bit samples (Pillow mode {image.mode!r}), whose range no format "
            "defines; scale it to 8 or 16 bits first"
        )
    return image


def _natural_mode(image: Image.Image) -> str:
    """The Pillow mode that keeps what the image holds, in one of our four channel layouts."""
    bands = image.getbands()
    transparent = bands[-1] in ("A", "a") or "transparency" in image.info
    if image.mode in ("1", "L", "LA", "La"):
        return "LA" if transparent else "L"
    return "RGBA" if transparent else "RGB"


def _convert(image: Image.Image, target: str) -> Image.Image:
    """`image.convert(target)`, where necessary in two steps that Pillow has."""
    if image.mode == "P" or (target in ("LA", "L") and image.mode not in ("1", "L", "LA", "RGBA")):
        # A palette's transparency survives only on the way through RGBA.
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if target == "LA" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == target else image.convert(target)
