"""Image transforms: `functional` holds the functions, the classes remember their settings."""

from weft_vision.transforms import functional
from weft_vision.transforms._classes import (
    CenterCrop,
    Compose,
    Normalize,
    Resize,
    ToDtype,
)
from weft_vision.transforms._interpolation import InterpolationMode

__all__ = [
    "CenterCrop",
    "Compose",
    "InterpolationMode",
    "Normalize",
    "Resize",
    "ToDtype",
    "functional",
]
