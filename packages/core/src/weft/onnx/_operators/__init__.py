"""What reads the operators of ONNX, a family a file; the table of all of them."""

from __future__ import annotations

from weft.onnx._call import Lower
from weft.onnx._operators import (
    activations,
    arithmetic,
    choosing,
    constants,
    control,
    convolution,
    joining,
    normalization,
    padding,
    pooling,
    products,
    quantization,
    recurrent,
    reductions,
    resizing,
    shapes,
    signals,
)
from weft.onnx._registry import OPERATORS

__all__ = ["FAMILIES", "OPERATORS", "reader_of"]

#: The modules that enter readers in the table as they are imported.
FAMILIES = (
    activations, arithmetic, choosing, constants, control, convolution, joining, normalization,
    padding, pooling, products, quantization, recurrent, reductions, resizing, shapes, signals,
)  # fmt: skip


def reader_of(domain: str, name: str, opset: int) -> Lower | None:
    """Return what reads an operator of an opset, or None where nothing does."""
    for since, lower in OPERATORS.get((domain, name), ()):
        if since <= opset:
            return lower
    return None
