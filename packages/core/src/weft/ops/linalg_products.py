"""The names of ``weft.linalg`` for products and diagonals: cross, vecdot and diagonal."""

from __future__ import annotations

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes, canonical_dim
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to
from weft.ops.diagonals import diagonal as take_diagonal
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
from weft.ops.permuting import movedim
from weft.ops.products import crossed


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(3, 2), array(3, 1), dim=0),
        Sample(integers(2, 3), integers(1, 3)),
    ),
    errors=(
        ErrorSample(array(2, 2), array(2, 2), error=ShapeError, match="must have length 3"),
        ErrorSample(array(3), array(2, 3), error=ShapeError, match="as many dims"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Cross product of vectors of length 3.

    Args:
        input: a tensor whose length in ``dim`` is 3.
        other: with as many dims; those other than ``dim`` broadcast.
        dim: the dim of the vectors.

    Returns:
        Tensor: of the shape to which both broadcast.

    Raises:
        ShapeError: the dim has not length 3, or the shapes do not broadcast.
        IndexError: the dim is out of range.
    """
    return crossed("linalg.cross", input, other, dim)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(2, 3), array(3)),
        Sample(array(3, 2), array(3, 1), dim=0),
        Sample(array(4, 1, 3), array(2, 1), dim=1),
        Sample(array(2, 3, kind="complex"), array(3, kind="complex")),
    ),
    errors=(
        ErrorSample(array(2, 3), array(2), error=ShapeError, match="do not broadcast"),
        ErrorSample(array(), array(), error=ShapeError, match="both are 0-d"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products of vectors, of which the first are conjugated.

    Args:
        x: a tensor.
        y: a tensor that broadcasts with it.
        dim: the dim of the vectors, counted in the shape to which both broadcast.

    Returns:
        Tensor: of the shape to which both broadcast, without ``dim``.

    Raises:
        ShapeError: the shapes do not broadcast, or both tensors are 0-d.
        IndexError: the dim is out of range.
    """
    if not x.ndim and not y.ndim:
        raise ShapeError("linalg.vecdot: one of the tensors must have a dim, both are 0-d")
    shape = broadcast_shapes("linalg.vecdot", tuple(x.shape), tuple(y.shape))
    at = canonical_dim("linalg.vecdot", dim, len(shape))
    row, column = (movedim(expand_to(t, shape), at, -1) for t in (x, y))
    if row.dtype.is_complex:
        row = row.conj()
    return matmul(row.unsqueeze(-2), column.unsqueeze(-1)).squeeze(-1).squeeze(-1)


@composite(
    samples=(Sample(array(3, 4)), Sample(array(2, 3, 4), offset=-1, dim1=0, dim2=2)),
    errors=(ErrorSample(array(2, 3), dim1=-1, error=ValueError, match="must differ"),),
    namespaces=catalogue.LINALG,
)
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Diagonals of matrices: ``weft.diagonal`` of the last two dims.

    Args:
        A: a tensor of at least two dims.
        offset: which diagonal; 0 is the main one, positive ones lie above.
        dim1: the dim that counts rows.
        dim2: the dim that counts columns.

    Returns:
        Tensor: without the two dims, and the diagonal's length last.

    Raises:
        ValueError: the dims are the same.
        IndexError: a dim is out of range.
    """
    return take_diagonal(A, offset, dim1, dim2)
