"""Diagonals of matrices, taken and put."""

from __future__ import annotations

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.creation import arange
from weft.ops.families.composite import composite
from weft.ops.indexing import getitem
from weft.ops.joining import narrow
from weft.ops.padding import constant_pad
from weft.ops.shape import movedim


@composite(
    samples=(
        Sample(array(3, 4)),
        Sample(array(3, 4), 1),
        Sample(array(2, 3, 4), -1, 0, 2),
        Sample(array(2, 3), 5),
    ),
    errors=(ErrorSample(array(2, 3), 0, 1, -1, error=ValueError, match="must differ"),),
)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Take a diagonal of two dims; it becomes the last dim.

    Args:
        input: a tensor of at least two dims.
        offset: which diagonal; 0 is the main one, positive ones lie above.
        dim1: the dim that counts rows.
        dim2: the dim that counts columns.

    Returns:
        Tensor: without the two dims, and the diagonal's length last. A copy; PyTorch gives a view.

    Raises:
        ValueError: the dims are the same.
    """
    a, b = canonical_dim("diagonal", dim1, input.ndim), canonical_dim("diagonal", dim2, input.ndim)
    if a == b:
        raise ValueError(f"diagonal: dim1 and dim2 must differ, both name dim {a}")
    matrices = movedim(input, (a, b), (-2, -1))
    rows, columns = matrices.shape[-2:]
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    along = arange(length)
    return getitem(matrices, (..., along + max(-offset, 0), along + max(offset, 0)))


@composite(
    samples=(Sample(array(3, 4)), Sample(array(3)), Sample(array(3), -1), Sample(array(3), 2)),
    errors=(ErrorSample(array(2, 2, 2), error=ShapeError, match="one or two dims"),),
    out=True,
)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with a given diagonal and zeros elsewhere.

    Args:
        input: (n, m), or (k,).
        diagonal: which one; 0 is the main one, positive ones lie above.

    Returns:
        Tensor: the diagonal, or (k + |diagonal|, k + |diagonal|).

    Raises:
        ShapeError: input has neither one nor two dims.
    """
    if input.ndim == 2:
        return _taken(input, diagonal)
    if input.ndim != 1:
        raise ShapeError(f"diag: expected one or two dims, got input.shape == {tuple(input.shape)}")
    k = input.shape[0]
    size = k + abs(diagonal)
    # a row of the diagonal's element and k zeros more, flattened, puts each one column further
    spread = constant_pad(input.unsqueeze(1), widths=((0, 0), (0, size)), value=0.0)
    square = narrow(spread.reshape(-1), 0, 0, k * size).reshape((k, size))
    below, right = max(-diagonal, 0), max(diagonal, 0)
    if right:
        square = constant_pad(square, widths=((0, 0), (right, 0)), value=0.0)
        square = narrow(square, 1, 0, size)
    whole: Tensor = constant_pad(square, widths=((below, size - k - below), (0, 0)), value=0.0)
    return whole


_taken = diagonal
