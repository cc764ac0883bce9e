"""Triangles of matrices."""

from __future__ import annotations

from weft._core import dtypes
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite


def _triangle(name: str, input: Tensor, diagonal: int, lower: bool) -> Tensor:
    from weft.ops.comparison import where
    from weft.ops.creation import arange

    if input.ndim < 2:
        raise ShapeError(f"{name}: expected at least 2 dims, got shape {tuple(input.shape)}")
    rows = arange(input.shape[-2], device=input.device).reshape(-1, 1)
    offset = arange(input.shape[-1], device=input.device) - rows
    zero = False if input.dtype is dtypes.bool_ else 0  # 0 would make integers of booleans
    return where(offset <= diagonal if lower else offset >= diagonal, input, zero)


@composite(
    samples=(Sample(array(3, 4)), Sample(array(2, 3, 3), 1), Sample(array(3, 3), -1)),
    errors=(ErrorSample(array(3), error=ShapeError, match="at least 2 dims"),),
    inplace=True,
    out=True,
)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices; the rest is 0.

    Args:
        input: (..., n, m).
        diagonal: the last diagonal kept; 0 is the main one, positive ones lie above.

    Returns:
        Tensor: (..., n, m).
    """
    return _triangle("tril", input, diagonal, True)


@composite(
    samples=(Sample(array(3, 4)), Sample(array(2, 3, 3), 1), Sample(array(3, 3), -1)),
    errors=(ErrorSample(array(3), error=ShapeError, match="at least 2 dims"),),
    inplace=True,
    out=True,
)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices; the rest is 0.

    Args:
        input: (..., n, m).
        diagonal: the first diagonal kept; 0 is the main one, positive ones lie above.

    Returns:
        Tensor: (..., n, m).
    """
    return _triangle("triu", input, diagonal, False)
