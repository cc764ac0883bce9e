"""A layer's weight read as a matrix: one row for each output."""

from __future__ import annotations

from weft import Tensor
from weft.nn.conv_transpose import TransposedConvolution
from weft.nn.module import Module


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with `dim` in front and all other dims as one."""
    if dim:
        weight = weight.movedim(dim, 0)
    return weight.flatten(1)


def stretched_dim(module: Module) -> int:
    """The dim of a module's weight in which its outputs are."""
    return int(isinstance(module, TransposedConvolution))
