"""The factors that ``lu_factor`` packs into one matrix, taken apart: lu_unpack."""

from __future__ import annotations

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.creation import zeros
from weft.ops.families.composite import composite
from weft.ops.lu import LU, int32_pivots, permutation, unpacked


@composite(
    samples=(
        Sample(array(3, 3, form="spread"), int32_pivots(3)),
        Sample(array(2, 4, 3), int32_pivots(2, 3)),
        Sample(array(3, 4), int32_pivots(3)),
        Sample(array(3, 3), int32_pivots(3), unpack_pivots=False),
    ),
    errors=(
        ErrorSample(
            array(3, 3), integers(3, low=1, high=2), error=DTypeError, match="must be int32"
        ),
        ErrorSample(array(3, 3), int32_pivots(2), error=ShapeError, match="LU_pivots must have"),
        ErrorSample(array(3), int32_pivots(3), error=ShapeError, match="LU_data must be a matrix"),
    ),
    methods=(),
    out=True,
)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LU:
    """P, L and U from what ``lu_factor`` returns.

    Args:
        LU_data: (..., n, m), of any dtype.
        LU_pivots: (..., k), int32, k = min(n, m).
        unpack_data: whether L and U are wanted; else they are empty.
        unpack_pivots: whether P is wanted; else it is empty.

    Returns:
        named tuple (P, L, U): (..., n, n), (..., n, k) and (..., k, m).

    Raises:
        DTypeError: LU_pivots is not int32.
        ShapeError: the shapes do not fit.
    """
    if LU_data.ndim < 2:
        raise ShapeError(
            f"lu_unpack: LU_data must be a matrix or a batch of matrices, (..., n, m), got "
            f"LU_data.shape == {tuple(LU_data.shape)}"
        )
    if LU_pivots.dtype is not dtypes.int32:
        raise DTypeError(
            f"lu_unpack: LU_pivots must be int32, as lu_factor gives it, got {LU_pivots.dtype}"
        )
    rows, columns = LU_data.shape[-2:]
    wanted = (*tuple(LU_data.shape)[:-2], min(rows, columns))
    if tuple(LU_pivots.shape) != wanted:
        raise ShapeError(
            f"lu_unpack: LU_pivots must have shape {wanted} for LU_data of shape "
            f"{tuple(LU_data.shape)}, got {tuple(LU_pivots.shape)}"
        )
    empty = zeros((0,), dtype=LU_data.dtype, device=LU_data.device)
    order = permutation(LU_pivots, rows, LU_data.dtype) if unpack_pivots else empty
    return LU(order, *(unpacked(LU_data) if unpack_data else (empty, empty)))
