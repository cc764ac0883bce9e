"""Index tensors: of triangles, and of flat numbers taken apart."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import shape_tuple
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.making import finished, settings_of

_MADE = "made from settings: no argument to differentiate by"


def _triangle(
    name: str, row: int, col: int, offset: int, lower: bool, settings: dict[str, Any]
) -> Tensor:
    from weft._backend import np

    for what, length in (("row", row), ("col", col)):
        if length < 0:
            raise ShapeError(f"{name}: {what} must not be negative, got {length}")
    own, place = settings_of(name, settings, dtypes.int64)
    if dtypes.of(own).category != 1:
        raise DTypeError(f"{name}: expected an integer dtype, got {dtypes.of(own)}")
    mask = np.tri(row, col, offset if lower else offset - 1, bool)
    places = np.stack(np.nonzero(mask if lower else ~mask)).astype(own)
    return finished(places, place, False)


_ERRORS = (
    ErrorSample(-1, 2, error=ShapeError, match="row must not be negative"),
    ErrorSample(2, 2, dtype=dtypes.float32, error=DTypeError, match="expected an integer dtype"),
)


@composite(
    samples=(Sample(3, 4), Sample(3, 4, -1), Sample(2, 5, 2), Sample(0, 3)),
    errors=_ERRORS,
    methods=(),
    not_differentiable=_MADE,
)
def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Places of the lower triangle of a matrix, row by row.

    Args:
        row: the matrix's rows.
        col: its columns.
        offset: the last diagonal taken; 0 is the main one, positive ones lie above.
        dtype: an integer dtype; int64 if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.

    Returns:
        Tensor: (2, number of places): row numbers, column numbers.

    Raises:
        ShapeError: a length is negative.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return _triangle("tril_indices", row, col, offset, True, settings)


@composite(
    samples=(Sample(3, 4), Sample(3, 4, -1), Sample(2, 5, 2), Sample(0, 3)),
    errors=_ERRORS,
    methods=(),
    not_differentiable=_MADE,
)
def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Places of the upper triangle of a matrix, row by row.

    Args:
        row: the matrix's rows.
        col: its columns.
        offset: the first diagonal taken; 0 is the main one, positive ones lie above.
        dtype: an integer dtype; int64 if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.

    Returns:
        Tensor: (2, number of places): row numbers, column numbers.

    Raises:
        ShapeError: a length is negative.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return _triangle("triu_indices", row, col, offset, False, settings)


@composite(
    samples=(
        Sample(integers(4, high=6), (2, 3)),
        Sample(integers(2, 2, high=24), (2, 3, 4)),
        Sample(integers(high=5), 6),
    ),
    errors=(
        ErrorSample(array(2), (2, 3), error=DTypeError, match="integer"),
        ErrorSample(integers(2), (2, -3), error=ShapeError, match="negative"),
    ),
    methods=(),
    not_differentiable="it takes places apart",
)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Take numbers of flattened elements apart into an index for each dim.

    Args:
        indices: integers, (...); numbers beyond the shape wrap round, as in PyTorch.
        shape: the shape whose elements are numbered, or an int.

    Returns:
        tuple of Tensor: of indices' shape, one for each dim.

    Raises:
        ShapeError: a length is negative.
    """
    lengths = shape_tuple("unravel_index", shape)
    if min(lengths, default=0) < 0:
        raise ShapeError(f"unravel_index: a length cannot be negative, got {lengths}")
    if indices.dtype.category != 1:
        raise DTypeError(f"unravel_index: expected integer indices, got {indices.dtype}")
    found = []
    left = indices
    for length in reversed(lengths):
        found.append(left % max(length, 1))
        left = left // max(length, 1)
    return tuple(reversed(found))
