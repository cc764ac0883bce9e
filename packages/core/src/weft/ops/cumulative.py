"""Running sums along a dim."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear


def _canonical(input: Any, dim: Any) -> dict[str, Any]:
    return {"dim": canonical_dim("cumsum", dim, input.ndim)}


@linear(
    shape=lambda x, *, dim: x.like(dtype=_summed(x.dtype)),
    transpose=lambda g, x, *, dim: running_sum(g.flip((dim,)), dim).flip((dim,)) if g.ndim else g,
    batch=along_dim("running_sum"),
    canonical=_canonical,
    widen=True,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3), 1), Sample(array(3), 0), Sample(array(), 0)),
)
def running_sum(xp: Any, x: Any, *, dim: int) -> Any:
    """Sum of the elements up to each, along a dim.

    Args:
        input: (...).
        dim: the dim.

    Returns:
        Tensor: (...).
    """
    dtype = _summed(x.dtype)
    return xp.cumsum(x, axis=dim, dtype=dtype) if x.ndim else x.astype(dtype)


def _summed(own: Any) -> Any:
    return dtypes.int64.numpy if dtypes.of(own).category < 2 else own


@composite(
    samples=(
        Sample(array(2, 3), 1),
        Sample(array(2, 3), dim=-2),
        Sample(integers(4), 0),
        Sample(integers(4), 0, dtype=dtypes.float64),
    ),
    errors=(ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),),
    inplace=True,
    out=True,
)
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sum of the elements up to each, along a dim.

    Args:
        input: (...).
        dim: the dim.
        dtype: to convert to first; without it integers and booleans become int64.

    Returns:
        Tensor: (...).

    Raises:
        IndexError: the dim is out of range.
    """
    return running_sum(input if dtype is None else input.to(dtype), dim)
