"""Class numbers: one-hot vectors, and rows of a table."""

from __future__ import annotations

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import check_places
from weft.ops.indexing import getitem


@composite(
    samples=(Sample(integers(4, low=0, high=3), 3), Sample(integers(2, low=0, high=3))),
    namespaces=catalogue.FUNCTIONAL,
    not_differentiable="its argument is a class number",
)
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 in the place of each class, 0 elsewhere.

    Args:
        input: (...), int64 class numbers.
        num_classes: how many classes; -1 takes one more than the largest number.

    Returns:
        Tensor: (..., num_classes), int64.

    Raises:
        IndexError: a class number is negative or too large.
    """
    from weft.ops.creation import arange

    count = int(input._data.max()) + 1 if num_classes == -1 else num_classes
    check_places("one_hot", input._data, count)
    return (input.unsqueeze(-1) == arange(count)).to(dtypes.int64)


@composite(
    samples=(
        Sample(integers(2, 3, low=0, high=4), array(4, 2)),
        Sample(integers(3, low=0, high=4), array(4, 2), padding_idx=1),
    ),
    namespaces=catalogue.FUNCTIONAL,
    errors=(
        ErrorSample(array(2), array(3, 2), error=DTypeError, match="integer"),
        ErrorSample(integers(2, low=7), array(3, 2), error=IndexError, match="of length 3"),
    ),
)
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of a table, by number.

    Args:
        input: (...), int64 row numbers.
        weight: (rows, features).
        padding_idx: a row that gets no gradient.

    Returns:
        Tensor: (..., features).

    Raises:
        DTypeError: input is not integer.
        IndexError: a number is not of a row.
    """
    from weft.ops.casting import detach
    from weft.ops.comparison import where

    if input.dtype.category != 1:
        raise DTypeError(f"embedding: row numbers must be integer, got {input.dtype}")
    check_places("embedding", input._data, weight.shape[0])
    rows = getitem(weight, input)
    if padding_idx is None:
        return rows
    return where((input == padding_idx).unsqueeze(-1), detach(rows), rows)
