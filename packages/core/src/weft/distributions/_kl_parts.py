"""What formulas of divergences share."""

from __future__ import annotations

import math

import weft
from weft import Tensor


def squares_of_solution(factor: Tensor, matrix: Tensor) -> Tensor:
    """Return the sum of squares of a triangular system's solution: a trace with an inverse.

    Args:
        factor: (..., D, D), lower triangular.
        matrix: (..., D, M); the batches broadcast.
    """
    return weft.linalg.solve_triangular(factor, matrix, upper=False).square().sum((-2, -1))


def infinite(like: Tensor, other: Tensor) -> Tensor:
    """Return inf in the common shape of two parameters."""
    shape = weft.broadcast_shapes(tuple(like.shape), tuple(other.shape))
    return weft.full(shape, math.inf, dtype=like.dtype, device=like.device)
