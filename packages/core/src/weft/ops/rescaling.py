"""Scaling slices down to a largest norm."""

from __future__ import annotations

import math

from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.comparison import gt, where
from weft.ops.families.composite import composite
from weft.ops.norms import norm


@composite(
    samples=(
        Sample(array(3, 4), 2, 0, 0.8),
        Sample(array(3, 4), 1, -1, 1.0),
        Sample(array(2, 3, 2), 3, 1, 0.5),
        Sample(array(3, 4, low=0.2, distinct=True), math.inf, 0, 0.7),
        Sample(array(2, 0), 2, 1, 1.0),
    ),
    errors=(
        ErrorSample(array(3), 2, 0, 1.0, error=ShapeError, match="at least 2 dims"),
        ErrorSample(array(2, 2), 0, 0, 1.0, error=ValueError, match="p must be positive"),
        ErrorSample(array(2, 2), 2, 0, -1.0, error=ValueError, match="maxnorm must not"),
        ErrorSample(array(2, 2), 2, 2, 1.0, error=IndexError, match="dim 2 is out of range"),
        ErrorSample(integers(2, 2), 2, 0, 1.0, error=DTypeError, match="floating or complex"),
    ),
    inplace=True,
    out=True,
)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Scale down the slices along a dim whose p-norm exceeds a largest one.

    Args:
        input: (...), of at least 2 dims, floating or complex.
        p: the norm's power, above 0; inf for the largest modulus.
        dim: the dim whose slices are scaled.
        maxnorm: the largest norm that stays.

    Returns:
        Tensor: (...). A slice is multiplied by maxnorm / (norm + 1e-7) where that is below 1.

    Raises:
        ShapeError: input has fewer than 2 dims.
        ValueError: p is not positive, or maxnorm is negative.
        IndexError: the dim is out of range.
        DTypeError: input is neither floating nor complex.
    """
    if input.ndim < 2:
        raise ShapeError(f"renorm: input must have at least 2 dims, got {tuple(input.shape)}")
    if not p > 0:
        raise ValueError(f"renorm: p must be positive, got {p}")
    if not maxnorm >= 0:
        raise ValueError(f"renorm: maxnorm must not be negative, got {maxnorm}")
    if input.dtype.category < 2:
        raise DTypeError(f"renorm: expected a floating or complex tensor, got {input.dtype}")
    at = canonical_dim("renorm", dim, input.ndim)
    others = tuple(d for d in range(input.ndim) if d != at)
    own = input.dtype
    x = input.float() if own.itemsize == 2 else input
    length = norm(x, p, others, True) if input._data.size else x.sum(others, True).abs()
    scale = where(gt(length, maxnorm), maxnorm / (length + 1e-7), 1.0)
    out = x * scale
    return out if out.dtype is own else out.to(own)
