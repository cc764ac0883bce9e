"""Programs that are run in weft and in torch, each given the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Program = Callable[[Any], Any]


class Programs(list[Program]):
    """Those of one file: each is entered by decorating it with the list."""

    def __call__(self, program: Program) -> Program:
        self.append(program)
        return program


def leaf(lib: Any, *values: float) -> Any:
    """Return a tensor that requires grad; of 1 and 2 where no values are given."""
    return lib.tensor(list(values or (1.0, 2.0)), requires_grad=True)
