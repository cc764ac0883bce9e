"""Complex numbers: conjugate, parts."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear


@linear(
    shape=lambda x: x,
    transpose=lambda g, x: conj(g),
    batch=with_params("conj"),
    samples=(Sample(array(2, 3)),),
)
def conj(xp: Any, x: Any) -> Any:
    """Complex conjugate; a real tensor stays as it is.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.conjugate(x) if x.dtype.kind == "c" else xp.array(x, copy=True)


@composite(samples=(Sample(array(2, 3)),), methods=(), not_differentiable="")
def real(input: Tensor) -> Tensor:
    """Real part; a real tensor stays as it is.

    Args:
        input: (...).

    Returns:
        Tensor: (...), real.
    """
    if not input.dtype.is_complex:
        return input
    return input.to(dtypes.float32 if input.dtype is dtypes.complex64 else dtypes.float64)
