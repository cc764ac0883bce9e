"""Dims that may vary in a graph that is traced."""

from __future__ import annotations

import dataclasses

from weft.graph.document import is_name

__all__ = ["Dim"]


@dataclasses.dataclass(frozen=True, slots=True)
class Dim:
    """A dim that may vary, by the name that stands for its size.

    Args:
        name: the name; dims of one name have one size.
        min: the least size that is promised; it is tried.
        max: the largest one; it is tried too.

    Raises:
        ValueError: the name is none, or the sizes are no range.

    Source: the part of PyTorch's `torch.export.Dim` that needs no solver.
    """

    name: str
    min: int | None = None
    max: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not is_name(self.name):
            raise ValueError(f"Dim: a name is a printable text, but is {self.name!r}")
        least = 0 if self.min is None else self.min
        if least < 0 or (self.max is not None and self.max < least):
            raise ValueError(
                f"Dim({self.name!r}): min must be 0 or more and max at least min, but they are "
                f"{self.min} and {self.max}"
            )
