"""Weighted resampling along the two image axes, as matrix products over bands of the weights.

The matrix that maps an axis of n pixels to m has a few non-zero entries a row, in a band. A whole
matrix product would spend n · m work a row; instead some neighbouring output pixels are made at a
time from the input pixels that they reach, a small dense product each. Autograd sees narrow,
matmul and cat, and needs no rule of its own.
"""

from __future__ import annotations

import functools
import math

import weft
from weft_vision.transforms._weights import Taps, taps

# Output pixels made by one product: enough to keep a matrix product busy, few enough that the
# inputs they reach are not many more than each needs.
_BAND = 32

# Pillow's fixed-point weights for 8-bit images: 22 fractional bits.
_FIXED_POINT_BITS = 22


def resample(
    image: weft.Tensor, height: int, width: int, *, kernel: str, antialias: bool
) -> weft.Tensor:
    """A floating image of another size, in its own dtype; differentiable.

    Args:
        image: (..., old height, old width), floating.
        height: rows of the result.
        width: columns of the result.
        kernel: "bilinear" or "bicubic".
        antialias: stretch the kernel when shrinking.

    Returns:
        (..., height, width).
    """
    old_height, old_width = image.shape[-2:]
    if width != old_width:
        bands = _bands(old_width, width, kernel, antialias, False)
        image = weft.cat(
            [
                image.narrow(-1, start, matrix.shape[0]) @ matrix.to(image)
                for start, matrix in bands
            ],
            dim=-1,
        )
    if height != old_height:
        bands = _bands(old_height, height, kernel, antialias, False)
        image = weft.cat(
            [
                matrix.to(image).transpose(0, 1) @ image.narrow(-2, start, matrix.shape[0])
                for start, matrix in bands
            ],
            dim=-2,
        )
    return image


def resample_uint8(image: weft.Tensor, height: int, width: int, *, kernel: str) -> weft.Tensor:
    """An antialiased 8-bit image of another size; each axis equals Pillow's bit for bit.

    Pillow rounds the weights to 22-bit fixed point and the image to 8 bits between the two passes.
    The sums are integers below 2**53, so a product of float64 matrices computes them exactly.

    Args:
        image: (..., old height, old width), uint8.
        height: rows of the result.
        width: columns of the result.
        kernel: "bilinear" or "bicubic".

    Returns:
        (..., height, width), uint8.
    """
    old_height, old_width = image.shape[-2:]
    if width != old_width:
        bands = _bands(old_width, width, kernel, True, True)
        image = weft.cat(
            [
                _rounded(
                    image.narrow(-1, start, matrix.shape[0]).to(weft.float64)
                    @ matrix.to(image.device)
                )
                for start, matrix in bands
            ],
            dim=-1,
        )
    if height != old_height:
        bands = _bands(old_height, height, kernel, True, True)
        image = weft.cat(
            [
                _rounded(
                    matrix.to(image.device).transpose(0, 1)
                    @ image.narrow(-2, start, matrix.shape[0]).to(weft.float64)
                )
                for start, matrix in bands
            ],
            dim=-2,
        )
    return image


def _rounded(sums: weft.Tensor) -> weft.Tensor:
    """Fixed-point sums as 8-bit samples: halves go up, what overshoots is clipped."""
    scaled = (sums + 2.0 ** (_FIXED_POINT_BITS - 1)) * 2.0**-_FIXED_POINT_BITS
    return scaled.floor().clamp(0, 255).to(weft.uint8)


@functools.lru_cache(maxsize=16)
def _bands(
    input_size: int, output_size: int, kernel: str, antialias: bool, fixed_point: bool
) -> tuple[tuple[int, weft.Tensor], ...]:
    """For each band of output pixels: its first input pixel and its matrix (inputs, outputs)."""
    rows = taps(input_size, output_size, kernel, antialias)
    return tuple(_band(rows[i : i + _BAND], fixed_point) for i in range(0, output_size, _BAND))


def _band(rows: tuple[Taps, ...], fixed_point: bool) -> tuple[int, weft.Tensor]:
    first = min(row.start for row in rows)
    last = max(row.start + len(row.weights) for row in rows)
    columns = []
    for row in rows:
        weights = [_fixed(w) for w in row.weights] if fixed_point else list(row.weights)
        before, after = row.start - first, last - row.start - len(weights)
        columns.append([0.0] * before + weights + [0.0] * after)
    return first, weft.tensor(columns, dtype=weft.float64).transpose(0, 1).contiguous()


def _fixed(weight: float) -> float:
    """The weight in units of 2**-22, rounded as Pillow rounds: halves away from zero."""
    scaled = weight * 2.0**_FIXED_POINT_BITS
    return float(math.floor(scaled + 0.5) if weight >= 0 else math.ceil(scaled - 0.5))
