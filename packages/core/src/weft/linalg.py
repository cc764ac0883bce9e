"""Linear algebra: decompositions, solvers, norms, as in ``torch.linalg``."""

from typing import Any

from weft._core import lazy
from weft._core.errors import LinAlgError
from weft._names import FUNCTIONS

_TABLE = FUNCTIONS["weft.linalg"]
__all__ = ["LinAlgError", *_TABLE]


def __getattr__(name: str) -> Any:
    return lazy.attribute(__name__, _TABLE, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TABLE})
