"""Abstract values: a shape and a dtype without data, which is also what a meta tensor holds."""

from __future__ import annotations

import math
from typing import Any

from weft._core.errors import GradError


class Aval:
    """What an op's shape rule takes and returns. Stored in a tensor, it is the ``meta`` device."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype  # the array library's dtype object, as arrays carry it

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def like(self, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Aval:
        """Return this aval with another shape or dtype."""
        return Aval(
            self.shape if shape is None else tuple(shape), self.dtype if dtype is None else dtype
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aval) and self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


class Unsaved(Aval):
    """An argument that a derivative rule did not ask the tape to keep: shape and dtype only."""

    __slots__ = ("_where",)

    def __init__(self, shape: tuple[int, ...], dtype: Any, where: str) -> None:
        super().__init__(shape, dtype)
        self._where = where

    def __getattr__(self, name: str) -> Any:
        raise GradError(
            f"{self._where}: the derivative rule reads .{name} of an argument that `saves` does "
            f"not name; add it to the op's saves="
        )
