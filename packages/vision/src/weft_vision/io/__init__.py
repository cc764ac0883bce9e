"""Image files to tensors and back; Pillow decodes and encodes."""

from weft_vision.io._decode import decode_image
from weft_vision.io._encode import encode_jpeg, encode_png, write_jpeg, write_png
from weft_vision.io._errors import ImageDecodeError, ImageTooLargeError
from weft_vision.io._mode import ImageReadMode
from weft_vision.io._pillow import pil_to_tensor, to_pil_image

__all__ = [
    "ImageDecodeError",
    "ImageReadMode",
    "ImageTooLargeError",
    "decode_image",
    "encode_jpeg",
    "encode_png",
    "pil_to_tensor",
    "to_pil_image",
    "write_jpeg",
    "write_png",
]
