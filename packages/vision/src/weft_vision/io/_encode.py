"""Tensors to image files; a file appears whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path

import weft
from weft_vision.io._pillow import to_pil_image


def encode_png(input: weft.Tensor, compression_level: int = 6) -> bytes:
    """The image as the bytes of a PNG file, lossless.

    Args:
        input: (channels, height, width), uint8, 1 to 4 channels.
        compression_level: 0 (fast) to 9 (small).

    Raises:
        ValueError: another shape, or a level out of range.
        TypeError: another dtype.
    """
    if not 0 <= compression_level <= 9:
        raise ValueError(f"encode_png: compression_level must be in 0..9, got {compression_level}")
    buffer = io.BytesIO()
    to_pil_image(input).save(buffer, format="PNG", compress_level=compression_level)
    return buffer.getvalue()


def encode_jpeg(input: weft.Tensor, quality: int = 75) -> bytes:
    """The image as the bytes of a JPEG file.

    Args:
        input: (channels, height, width), uint8, 1 or 3 channels.
        quality: 1 (small) to 100 (good).

    Raises:
        ValueError: another shape, or a quality out of range.
        TypeError: another dtype.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"encode_jpeg: quality must be in 1..100, got {quality}")
    if input.ndim == 3 and input.shape[0] in (2, 4):
        raise ValueError(
            f"encode_jpeg: JPEG has no alpha, got {input.shape[0]} channels "
            f"(input.shape == {tuple(input.shape)}); drop the last or write a PNG"
        )
    buffer = io.BytesIO()
    to_pil_image(input).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def write_png(
    input: weft.Tensor, filename: str | os.PathLike[str], compression_level: int = 6
) -> None:
    """Write the image to a PNG file; see `encode_png`."""
    _write_whole(Path(filename), encode_png(input, compression_level))


def write_jpeg(input: weft.Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write the image to a JPEG file; see `encode_jpeg`."""
    _write_whole(Path(filename), encode_jpeg(input, quality))


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the target and rename, so that no reader sees half a file."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
