"""What is done to a photo before a model sees it, as one object made from a model's settings."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

import weft
from weft_vision import io
from weft_vision.transforms import InterpolationMode, functional

__all__ = ["ImageClassification"]

_CHANNELS = {"rgb": 3, "gray": 1}

# Whatever a picture may be given as: a file, its bytes, a Pillow image, or a tensor.
Picture = str | os.PathLike[str] | bytes | Image.Image | weft.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """Resize, crop the middle, scale to [0, 1], normalise.

    Args:
        resize: the shorter side after resizing, in pixels; or height and width, whatever they do
            to the picture's proportions.
        crop: height and width of the crop from the middle, in pixels.
        middle: where the crop begins if an odd number of pixels is cut off: "round", the even of
            both places, as torchvision does, or "floor", the first, as transformers does.
        interpolation: "nearest", "nearest-exact", "bilinear" or "bicubic".
        antialias: average all covered pixels when shrinking.
        mode: "rgb", or "gray" for a model of one channel.
        mean: what to subtract a channel, of values in [0, 1]; ImageNet's if not given.
        std: what to divide by a channel; ImageNet's if not given.

    Source: torchvision's preset of the same name; its resizing of tensors, to which a uint8 image
    here adds that the bytes are Pillow's.

    Example:
        >>> import weft, weft_vision
        >>> prepare = weft_vision.presets.ImageClassification(resize=256, crop=224)
        >>> tuple(prepare(weft.zeros(3, 300, 451, dtype=weft.uint8)).shape)
        (3, 224, 224)
    """

    resize: int | Sequence[int] = 256
    crop: int = 224
    middle: str = "round"
    interpolation: str = "bilinear"
    antialias: bool = True
    mode: str = "rgb"
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        """Refuse what could only fail later.

        Raises:
            ValueError: a size is no positive integer, `mode` is neither "rgb" nor "gray", `mean`
                or `std` are not as many numbers as channels (those of `std` positive), `antialias`
                is no bool, or the interpolation or `middle` is unknown.
        """
        sides: list[object] = [self.resize]
        if isinstance(self.resize, list | tuple) and len(self.resize) == 2:
            sides = list(self.resize)
        for name, value in (("crop", self.crop), *(("resize", side) for side in sides)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"ImageClassification: {name} must be a size >= 1, got {value!r}")
        if self.middle not in ("round", "floor"):
            raise ValueError(
                f"ImageClassification: middle must be 'round' or 'floor', got {self.middle!r}"
            )
        if not isinstance(self.antialias, bool):
            raise ValueError(
                f"ImageClassification: antialias must be true or false, got {self.antialias!r}"
            )
        if self.mode not in _CHANNELS:
            raise ValueError(
                f"ImageClassification: mode must be 'rgb' or 'gray', got {self.mode!r}"
            )
        channels = _CHANNELS[self.mode]
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = isinstance(values, Sequence) and all(
                isinstance(v, (int, float)) for v in values
            )
            if not numbers or len(values) != channels or (name == "std" and min(values) <= 0):
                kind = "positive number" if name == "std" else "number"
                what = f"{channels} {kind}s" if channels > 1 else f"a list of 1 {kind}"
                raise ValueError(f"ImageClassification: {name} must be {what}, got {values!r}")
        InterpolationMode.parse(self.interpolation)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ImageClassification:
        """The preset that a mapping describes, as a hub entry carries it.

        Raises:
            ValueError: a setting is unknown (the nearest name is suggested) or has a wrong value.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise ValueError(f"image-classification: no preprocess setting {name!r}; {hint}")
        return cls(**settings)

    def __call__(self, source: Picture) -> weft.Tensor:
        """The picture as the model wants it.

        Args:
            source: a path, the bytes of an image file, a Pillow image, or a tensor
                (..., channels, height, width), uint8 or floating in [0, 1], with 1 (grey, shown to
                an RGB model as RGB), 3 or 4 channels (alpha is dropped). Files are turned upright
                as their EXIF orientation says.

        Returns:
            float32, (..., 3, crop, crop), or one channel if the mode is "gray": no batch axis is
            added.

        Raises:
            ImageDecodeError, ImageTooLargeError, FileNotFoundError: see `io.decode_image`.
            ValueError: a tensor of another shape, or with values that are not finite.
        """
        image = _finite(picture_to_tensor(source, self.mode))
        image = _as_rgb(image) if self.mode == "rgb" else _as_grey(image)
        size = self.resize if isinstance(self.resize, int) else list(self.resize)
        image = functional.resize(image, size, self.interpolation, antialias=self.antialias)
        if self.middle == "floor":
            image = _without_odd_end(image, self.crop)
        image = functional.center_crop(image, self.crop)
        image = functional.to_dtype(image, weft.float32, scale=True)
        return functional.normalize(image, self.mean, self.std)


def picture_to_tensor(source: Picture, mode: str = "rgb") -> weft.Tensor:
    """Any picture as a tensor; a file is read as RGB, or grey, and turned upright."""
    if isinstance(source, weft.Tensor):
        return source
    if isinstance(source, Image.Image):
        return io.pil_to_tensor(source, mode=mode)
    return io.decode_image(source, mode=mode, apply_exif_orientation=True)


def _without_odd_end(image: weft.Tensor, crop: int) -> weft.Tensor:
    """The image without its last row or column where an odd number of them is to be cut off."""
    height, width = (
        side - 1 if side > crop and (side - crop) % 2 else side for side in image.shape[-2:]
    )
    return image[..., :height, :width]


def _finite(image: weft.Tensor) -> weft.Tensor:
    """The image, which must be all numbers: one that is none would spread over the whole answer."""
    if not image.dtype.is_floating_point:
        return image
    unfit = weft.nonzero(~weft.isfinite(image))
    if len(unfit):
        place = tuple(unfit[0].tolist())
        raise ValueError(
            f"image-classification: {len(unfit)} of {image.numel()} values of the image are not "
            f"finite, the first {image[place].item()} at {place} of (…, channel, row, column); "
            "finite values in [0, 1] are required"
        )
    return image


def _as_rgb(image: weft.Tensor) -> weft.Tensor:
    channels = image.shape[-3] if image.ndim >= 3 else 0
    if channels == 3:
        return image
    if channels == 4:
        return image[..., :3, :, :]
    if channels == 1:
        return weft.cat([image, image, image], dim=-3)
    raise ValueError(
        "image-classification: expects a tensor (..., channels, height, width) with 1, 3 or 4 "
        f"channels, got {tuple(image.shape)}"
    )


def _as_grey(image: weft.Tensor) -> weft.Tensor:
    channels = image.shape[-3] if image.ndim >= 3 else 0
    if channels == 1:
        return image
    raise ValueError(
        "image-classification: the model takes grey pictures and expects a tensor "
        f"(..., 1, height, width), got {tuple(image.shape)}"
    )
