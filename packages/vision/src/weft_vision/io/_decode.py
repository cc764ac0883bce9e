"""Image files to tensors: what may be read, how much, and what is said when it cannot be."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

import weft
from weft_vision.io._errors import ImageDecodeError, ImageTooLargeError
from weft_vision.io._mode import ImageReadMode
from weft_vision.io._pillow import pil_to_tensor

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview

# Pillow can open 40 formats, some by starting other programs (EPS by Ghostscript). Only these are
# tried: what a photo may come in, each with a decoder inside Pillow.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")

# What Pillow raises over damaged files, by what it reads them with: its own decoders OSError and
# SyntaxError, its parsers ValueError, EOFError, IndexError, KeyError, struct and zlib.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)

# How the files begin whose formats have a mark.
_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*")

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(
    input: ImageSource,
    mode: str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> weft.Tensor:
    """Read an image file into a tensor.

    JPEG (grey, RGB, CMYK), PNG (all kinds, 16-bit samples reduced to 8), GIF (its first frame),
    BMP, WebP, TIFF and PNM are read, each told by its content and not by the file's name.

    Args:
        input: a path, or the bytes of a file.
        mode: the channels to return, an `ImageReadMode` or its name: "unchanged", "gray",
            "gray_alpha", "rgb" or "rgb_alpha". Alpha is dropped, not blended, when the mode has
            none.
        apply_exif_orientation: turn the picture as the camera's EXIF tag says.

    Returns:
        uint8 tensor, (channels, height, width).

    Raises:
        FileNotFoundError: there is no file at the path.
        ImageDecodeError: the content is not one of these formats, or is damaged or truncated.
        ImageTooLargeError: it has more pixels than Pillow's `Image.MAX_IMAGE_PIXELS`; told before
            the pixels are unpacked.

    Source: torchvision's `decode_image`, which takes neither paths nor 16-bit samples down to 8.

    Example:
        >>> import weft, weft_vision
        >>> png = weft_vision.io.encode_png(weft.zeros(3, 2, 4, dtype=weft.uint8))
        >>> tuple(weft_vision.io.decode_image(png).shape)
        (3, 2, 4)
    """
    wanted = ImageReadMode.parse(mode)
    data, name = _read(input)
    image = _load(data, name)
    if apply_exif_orientation:
        image = _upright(image)
    try:
        return pil_to_tensor(image, wanted)
    except ImageDecodeError as error:
        raise ImageDecodeError(f"{name} cannot be decoded: {error}") from error


def _load(data: bytes, name: str) -> Image.Image:
    """The unpacked image; whatever Pillow finds wrong becomes one sentence of ours."""
    limit = Image.MAX_IMAGE_PIXELS
    try:
        with _pillows_warnings():
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            image.load()
            return image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(
            f"{name} unpacks to more than {limit} pixels, the limit against decompression bombs; "
            f"raise PIL.Image.MAX_IMAGE_PIXELS if you trust it ({error})"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageDecodeError(_unidentified(name, data)) from error
    except MemoryError as error:
        raise ImageTooLargeError(f"{name} does not fit into memory when unpacked") from error
    except _DAMAGE as error:
        raise ImageDecodeError(
            f"{name} is a damaged or truncated image ({len(data)} bytes): {error}"
        ) from error


@contextmanager
def _pillows_warnings() -> Iterator[None]:
    """What Pillow only warns of is either an error here or nothing."""
    with warnings.catch_warnings():
        # Metadata (EXIF, TIFF tags) that nobody asked for.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        # Between one and two times the limit Pillow only warns. The limit is the limit.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _read(source: ImageSource) -> tuple[bytes, str]:
    """The file's bytes, and what to call it in messages."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return data, f"the image given as {len(data)} bytes"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return path.read_bytes(), str(path)
    raise TypeError(
        f"decode_image: input must be a path or bytes, got {type(source).__name__}; "
        "a Pillow image goes through weft_vision.io.pil_to_tensor"
    )


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says; a broken tag says nothing."""
    try:
        with _pillows_warnings():
            orientation = image.getexif().get(_EXIF_ORIENTATION)
    except _DAMAGE:
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _unidentified(name: str, data: bytes) -> str:
    """Why bytes that no decoder took were not taken."""
    known = "JPEG, PNG, GIF, BMP, WebP, TIFF and PNM are read"
    if not data:
        return f"{name} is empty, not an image; {known}"
    if data.startswith(_MARKS):
        return f"{name} is a damaged or truncated image ({len(data)} bytes)"
    start = data[:24]
    text = all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start)
    looks = "it looks like text and " if text else ""
    return f"{name} is not an image: {looks}starts with {start!r}; {known}"
