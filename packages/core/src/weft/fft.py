"""Discrete Fourier transforms, as in ``torch.fft``."""

from typing import Any

from weft._core import lazy
from weft._names import FUNCTIONS

_TABLE = FUNCTIONS["weft.fft"]
__all__ = [*_TABLE]


def __getattr__(name: str) -> Any:
    return lazy.attribute(__name__, _TABLE, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TABLE})
