"""Special functions, as in ``torch.special``."""

from typing import Any

from weft._core import lazy
from weft._names import FUNCTIONS

_TABLE = FUNCTIONS["weft.special"]
__all__ = [*_TABLE]


def __getattr__(name: str) -> Any:
    return lazy.attribute(__name__, _TABLE, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TABLE})
