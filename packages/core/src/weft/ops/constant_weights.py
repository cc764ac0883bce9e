"""Convolutions whose weight is not being trained keep it in oneDNN's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend.cpu import onednn_convolution as by_onednn
from weft._core.made import forget, made_of
from weft._core.modes import flags, here
from weft._core.tensor import Tensor

#: Elements of a weight from which it is worth keeping: looking whether it is unchanged takes two
#: microseconds.
WORTHWHILE = 4096


def with_weight(run: Callable[..., Tensor], weight: Tensor, *args: Any, **settings: Any) -> Tensor:
    """Return ``run(*args, **settings)``, a convolution by ``weight``."""
    if weight._node is not None and (not flags.any or here.grad):
        forget(weight)  # it is being trained: its values change with each step
        return run(*args, **settings)
    size = getattr(weight._data, "size", 0)
    made = made_of(weight) if type(size) is int and size >= WORTHWHILE else None
    if made is None:
        return run(*args, **settings)
    by_onednn.constant(weight._data, made)
    try:
        return run(*args, **settings)
    finally:
        by_onednn.constant(None, None)
