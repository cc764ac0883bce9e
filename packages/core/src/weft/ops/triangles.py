"""Triangles of matrices."""

from __future__ import annotations

import operator
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.kernels import prefer
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear

_kernels = Launcher("edges")


@linear(
    shape=lambda x, *, diagonal, lower: x,
    transpose=lambda g, x, *, diagonal, lower: triangle(g, diagonal=diagonal, lower=lower),
    batch=with_params("triangle", lambda size, params: params),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(3, 4), diagonal=0, lower=True),
        Sample(array(2, 3, 3), diagonal=1, lower=False),
    ),
)
def triangle(xp: Any, x: Any, *, diagonal: int, lower: bool) -> Any:
    """Keep what lies on one side of a diagonal of matrices.

    Args:
        input: (..., n, m).
        diagonal: the diagonal, which is kept; 0 is the main one, positive ones lie above.
        lower: whether what lies below is kept; what lies above else.

    Returns:
        Tensor: (..., n, m), 0 elsewhere.
    """
    rows, columns = xp.arange(x.shape[-2])[:, None], xp.arange(x.shape[-1])
    kept = columns - rows <= diagonal if lower else columns - rows >= diagonal
    return xp.where(kept, x, xp.zeros((), x.dtype))


def _on_cpu(x: Any, *, diagonal: int, lower: bool) -> Any:
    if x.size < 1024 or not _kernels:
        return None
    return _kernels.triangle(x, diagonal=diagonal, lower=lower)


prefer(catalogue.ops["triangle"], _on_cpu)


def _triangle(name: str, input: Tensor, diagonal: int, lower: bool) -> Tensor:
    if input.ndim < 2:
        raise ShapeError(f"{name}: expected at least 2 dims, got shape {tuple(input.shape)}")
    out: Tensor = triangle(input, diagonal=operator.index(diagonal), lower=lower)
    return out


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
