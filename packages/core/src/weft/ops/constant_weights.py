"""Convolutions and layers whose weight is not being trained keep it in oneDNN's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend.cpu import onednn_convolution, onednn_matmul, switches
from weft._core.made import forget, made_of
from weft._core.modes import flags, here
from weft._core.tensor import Tensor

#: Elements of a weight from which it is worth keeping: looking whether it is unchanged takes two
#: microseconds.
WORTHWHILE = 4096


#: Elements of a layer's weight from which it is, as its product takes a few microseconds itself.
OF_A_LAYER = 1 << 16


def with_weight(run: Callable[..., Tensor], weight: Tensor, *args: Any, **settings: Any) -> Tensor:
    """Return ``run(*args, **settings)``, a convolution by ``weight``."""
    made = _kept(weight)
    if made is None:
        return run(*args, **settings)
    onednn_convolution.constant(weight._data, made)
    try:
        return run(*args, **settings)
    finally:
        onednn_convolution.constant(None, None)


def layer_with_weight(run: Callable[..., Tensor], weight: Tensor, *args: Any) -> Tensor:
    """Return ``run(*args)``, a product with the transpose of ``weight``."""
    made = _kept(weight)
    if made is None:
        return run(*args)
    onednn_matmul.constant(weight._data, made)
    try:
        return run(*args)
    finally:
        onednn_matmul.constant(None, None)


def _kept(weight: Tensor) -> list[Any] | None:
    """Return what is kept of a weight, to be added to; None if nothing is to be."""
    if weight._node is not None and (not flags.any or here.grad):
        forget(weight)  # it is being trained: its values change with each step
        return None
    size = getattr(weight._data, "size", 0)
    if not switches.packing or type(size) is not int or size < WORTHWHILE:
        return None
    return made_of(weight)
