"""The factored step of Adafactor by kernels: which matrices they take."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft._backend.cpu import switches

#: Elements from which kernels are worth their calls.
_LEAST = 2048


def factored_step(p: Tensor, g: Tensor, state: dict[str, Any], *settings: float) -> bool:
    """Update a matrix, or a batch of them, by kernels; False if they do not take it."""
    if g.ndim < 2 or g.numel() < _LEAST or not switches.codegen:
        return False
    from weft._backend.cpu.launch import factored

    arrays = (p._data, g._data, state["row_var"]._data, state["col_var"]._data)
    if not factored.is_taken(*arrays):
        return False
    factored.step(*arrays, *settings)
    return True
