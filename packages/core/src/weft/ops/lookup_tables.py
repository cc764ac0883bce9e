"""The lookups as PyTorch has them at its top level: the table first, modes by number."""

from __future__ import annotations

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.bags import bagged
from weft.ops.families.composite import composite
from weft.ops.lookup import rows_of


@composite(
    samples=(
        Sample(array(4, 2), integers(2, 3, low=0, high=4)),
        Sample(array(4, 2), integers(3, low=0, high=4), 1),
        Sample(array(3, 2), integers(5, low=0, high=3), -1, True),
    ),
    errors=(
        ErrorSample(array(3, 2), integers(2, low=7), error=IndexError, match="of length 3"),
        ErrorSample(array(3, 2), integers(2, high=3), 5, error=ValueError, match="3 rows"),
    ),
    methods=(),
    key="weft.embedding",
)
def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table, by number: as in ``weft.nn.functional``, the table first.

    Args:
        weight: (rows, features).
        indices: (...), int64 row numbers.
        padding_idx: a row that gets no gradient; negative for none.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was read.
        sparse: refused; gradients are dense.

    Returns:
        Tensor: (..., features).

    Raises:
        DTypeError: the numbers are not integer.
        IndexError: a number is not of a row.
        ValueError: padding_idx is no row, or sparse is asked for.
    """
    padding = None if padding_idx < 0 else padding_idx
    return rows_of("embedding", indices, weight, padding, scale_grad_by_freq, sparse)


_OFFSETS = integers(1, low=0, high=1)


@composite(
    samples=(
        Sample(array(5, 2), integers(4, low=0, high=5), _OFFSETS, False, 1),
        Sample(array(5, 2, distinct=True), integers(4, low=0, high=5), _OFFSETS, False, 2),
        Sample(
            array(5, 2), integers(4, low=0, high=5), _OFFSETS, False, 0, False, array(4), False
        ),
        Sample(
            array(5, 2), integers(4, low=0, high=5), _OFFSETS, False, 1, False, None, False, 2
        ),
    ),
    errors=(
        ErrorSample(
            array(5, 2), integers(4, high=5), _OFFSETS, False, 3, error=ValueError, match="0 .sum."
        ),
        ErrorSample(
            array(5, 2), integers(4, high=5), integers(2, low=3, high=4), error=ValueError,
            match="begin with 0",
        ),
        ErrorSample(
            array(5, 2), integers(2, 2, high=5), _OFFSETS, error=ShapeError, match="one dim"
        ),
        ErrorSample(
            array(5, 2), integers(4, high=5), _OFFSETS, False, 1, False, array(4), error=ValueError,
            match="per_sample_weights",
        ),
    ),
    methods=(),
    key="weft.embedding_bag",
)  # fmt: skip
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows of a table joined in bags, and which row went where.

    Args:
        weight: (rows, features).
        indices: (n,), int64 row numbers, one bag after the other.
        offsets: (bags,), int64, where each bag begins.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was read.
        mode: 0 sum, 1 mean, 2 max.
        sparse: refused; gradients are dense.
        per_sample_weights: (n,), a factor for each row read; for sums only.
        include_last_offset: whether offsets ends with n, where no bag begins.
        padding_idx: a row that counts in no bag.

    Returns:
        tuple: the bags (bags, features); the bag of each index (n,); how many rows count in each
        bag (bags,); and for max the rows of the largest (bags, features), else the sizes again.
        PyTorch leaves some of the last three empty or zero where it does not need them.

    Raises:
        ShapeError: a shape does not fit.
        DTypeError: numbers are not integer.
        IndexError: a number is not of a row.
        ValueError: a setting is out of range.
    """
    if isinstance(mode, bool) or mode not in (0, 1, 2):
        raise ValueError(f"embedding_bag: mode must be 0 (sum), 1 (mean) or 2 (max), got {mode!r}")
    return bagged(
        weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
