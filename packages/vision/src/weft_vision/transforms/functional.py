"""Image transforms as functions of tensors (..., height, width), uint8 or floating."""

from __future__ import annotations

from collections.abc import Sequence

import weft
from weft import nn
from weft_vision.transforms._interpolation import InterpolationMode
from weft_vision.transforms._resample import resample, resample_uint8
from weft_vision.transforms._weights import nearest_indices

__all__ = ["center_crop", "normalize", "resize", "to_dtype"]

# The largest value of each integer dtype that images come in.
_LARGEST = {
    weft.uint8: 2**8 - 1,
    weft.uint16: 2**16 - 1,
    weft.int8: 2**7 - 1,
    weft.int16: 2**15 - 1,
    weft.int32: 2**31 - 1,
    weft.int64: 2**63 - 1,
}


def resize(
    image: weft.Tensor,
    size: int | Sequence[int],
    interpolation: str = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool = True,
) -> weft.Tensor:
    """The image at another size.

    An antialiased uint8 image is resized as Pillow does it, the width first and then the height:
    bit for bit what Pillow 10 to 12 give. (Pillow 13 takes the height first for some sizes.) A
    floating image agrees with PyTorch's `interpolate`, antialiased or not, and the result is
    differentiable.

    Args:
        image: (..., height, width), uint8 or floating.
        size: (height, width), or one number for the shorter side, the longer one in proportion,
            rounded down.
        interpolation: "nearest", "nearest-exact", "bilinear" or "bicubic".
        max_size: with one number as size, an upper bound for the longer side.
        antialias: average all covered pixels when shrinking; the nearest modes ignore it.

    Returns:
        (..., new height, new width) in the dtype of `image`; the image itself if nothing changes.

    Raises:
        ValueError: sizes below 1, an empty image, an unknown interpolation, `max_size` beside a
            (height, width) size or not above the shorter side.
        TypeError: an integer dtype other than uint8 (the nearest modes take any).

    Source: torchvision's `transforms.v2.functional.resize`.

    Example:
        >>> import weft
        >>> from weft_vision.transforms import functional as F
        >>> tuple(F.resize(weft.zeros(3, 300, 451), 256).shape)
        (3, 256, 384)
    """
    mode = InterpolationMode.parse(interpolation)
    _require_image("resize", image)
    old_height, old_width = image.shape[-2:]
    height, width = _target_size(old_height, old_width, size, max_size)
    if (height, width) == (old_height, old_width):
        return image
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        exact = mode is InterpolationMode.NEAREST_EXACT
        rows = weft.tensor(nearest_indices(old_height, height, exact=exact), device=image.device)
        columns = weft.tensor(nearest_indices(old_width, width, exact=exact), device=image.device)
        return image[..., rows, :][..., columns]
    if image.dtype.is_floating_point:
        return resample(image, height, width, kernel=mode.value, antialias=antialias)
    if image.dtype != weft.uint8:
        raise TypeError(
            f"resize: expects a uint8 or floating image for {mode.value!r}, got {image.dtype}; "
            "convert it with to_dtype first or use 'nearest'"
        )
    if antialias:
        return resample_uint8(image, height, width, kernel=mode.value)
    single = resample(image.to(weft.float32), height, width, kernel=mode.value, antialias=False)
    return single.round().clamp(0, 255).to(weft.uint8)


def center_crop(image: weft.Tensor, output_size: int | Sequence[int]) -> weft.Tensor:
    """The middle of the image; an image that is too small is padded with zeros first.

    Args:
        image: (..., height, width).
        output_size: (height, width), or one number for both.

    Returns:
        (..., height, width) of the output size; a view where no padding was needed.

    Raises:
        ValueError: a size below 1, or an empty image.

    Source: torchvision's `center_crop`, with its rounding of odd margins.
    """
    _require_image("center_crop", image)
    height, width = _pair("center_crop", "output_size", output_size)
    old_height, old_width = image.shape[-2:]
    if height > old_height or width > old_width:
        extra_width, extra_height = max(width - old_width, 0), max(height - old_height, 0)
        left, top = extra_width // 2, extra_height // 2
        image = nn.functional.pad(
            image, (left, extra_width - left, top, extra_height - top), mode="constant", value=0
        )
        old_height, old_width = image.shape[-2:]
    # Python's round takes halves to the even neighbour, and so does the library matched.
    top = round((old_height - height) / 2)
    left = round((old_width - width) / 2)
    return image[..., top : top + height, left : left + width]


def normalize(image: weft.Tensor, mean: Sequence[float], std: Sequence[float]) -> weft.Tensor:
    """(image − mean) / std, channel by channel.

    Args:
        image: (..., channels, height, width), floating.
        mean: one number a channel, or one for all.
        std: likewise, none of them zero.

    Raises:
        TypeError: the image is not floating; scale it with `to_dtype` first.
        ValueError: another number of means or deviations than channels, or a deviation of zero.
    """
    if not image.dtype.is_floating_point:
        raise TypeError(
            f"normalize: expects a floating image, got {image.dtype}; "
            "call to_dtype(image, weft.float32, scale=True) first"
        )
    if image.ndim < 3:
        raise ValueError(
            "normalize: expects an image of shape (..., channels, height, width), "
            f"got {tuple(image.shape)}"
        )
    channels = image.shape[-3]
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels):
            raise ValueError(
                f"normalize: {name} has {len(values)} values, but the image has {channels} "
                f"channels (image.shape == {tuple(image.shape)}); give 1 or {channels}"
            )
    if any(value == 0 for value in std):
        raise ValueError(f"normalize: std must not hold a zero, got {list(std)}")
    shift = weft.tensor(list(mean), dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    scale = weft.tensor(list(std), dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    return (image - shift) / scale


def to_dtype(
    image: weft.Tensor, dtype: weft.dtype = weft.float32, scale: bool = False
) -> weft.Tensor:
    """The image in another dtype, its values rescaled to that dtype's range if asked.

    A floating image spans [0, 1], an integer one 0 to the dtype's largest value.

    Args:
        image: any shape.
        dtype: the wanted dtype.
        scale: rescale; without it the numbers stay.

    Raises:
        TypeError: scaling to or from a dtype that is neither floating nor an integer up to 64 bits.

    Source: torchvision's `transforms.v2.functional.to_dtype`, its rounding included: floats go
    to integers by x · (largest + 1 − 1e-3), rounded down, so that each integer gets an equal share
    of [0, 1]; between integers bits are shifted.
    """
    if image.dtype == dtype:
        return image
    if not scale:
        return image.to(dtype)
    if image.dtype.is_floating_point and dtype.is_floating_point:
        return image.to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / _largest(image.dtype)
    largest = _largest(dtype)
    if image.dtype.is_floating_point:
        return (image.to(weft.float64) * (largest + 1.0 - 1e-3)).to(dtype)
    old = _largest(image.dtype)
    if largest >= old:
        return image.to(dtype) * ((largest + 1) // (old + 1))
    return (image.to(weft.int64) // ((old + 1) // (largest + 1))).to(dtype)


def _largest(dtype: weft.dtype) -> int:
    if dtype not in _LARGEST:
        raise TypeError(
            f"to_dtype: no range of values is agreed for {dtype}; scale=True takes "
            "floating dtypes, uint8, uint16 and the signed integers"
        )
    return _LARGEST[dtype]


def _require_image(who: str, image: weft.Tensor) -> None:
    if image.ndim < 2 or image.shape[-1] == 0 or image.shape[-2] == 0:
        raise ValueError(
            f"{who}: expects an image of shape (..., height, width) with at least one pixel, "
            f"got {tuple(image.shape)}"
        )


def _pair(who: str, name: str, size: int | Sequence[int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) == 1:
        pair = (pair[0], pair[0])
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(
            f"{who}: {name} must be one number or (height, width), each at least 1, got {size!r}"
        )
    return pair[0], pair[1]


def _target_size(
    height: int, width: int, size: int | Sequence[int], max_size: int | None
) -> tuple[int, int]:
    """(height, width) for torchvision's meaning of size and max_size."""
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                f"resize: max_size ({max_size}) goes with one number as size, got size={size!r}"
            )
        return _pair("resize", "size", size)
    shorter, _ = _pair("resize", "size", size)
    longer = int(shorter * max(height, width) / min(height, width))
    if max_size is not None:
        if max_size <= shorter:
            raise ValueError(
                f"resize: max_size must be above the shorter side, got max_size={max_size} "
                f"and size={shorter}"
            )
        if longer > max_size:
            shorter, longer = int(max_size * shorter / longer), max_size
    shorter = max(shorter, 1)
    return (shorter, longer) if height <= width else (longer, shorter)
