"""Singular vectors of the largest singular values, found by random projection."""

from __future__ import annotations

from typing import NamedTuple

from weft._core import dtypes
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
from weft.ops.matrices import mH, real_dtype, require_matrices
from weft.ops.orthogonal import orthogonal_triangular
from weft.ops.random import randn
from weft.ops.reductions import mean
from weft.ops.singular import singular_parts


class LowRank(NamedTuple):
    """A is near to U diag(S) V^H."""

    U: Tensor
    S: Tensor
    V: Tensor


def noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return normal draws in a tensor's dtype, on its device; of a complex dtype both parts are."""
    dtype = like.dtype
    if not dtype.is_complex:
        drawn: Tensor = randn(shape, dtype=dtype, device=like.device)
        return drawn
    parts: Tensor = randn((*shape, 2), dtype=dtypes.of(real_dtype(dtype.numpy)), device=like.device)
    turned: Tensor = parts[..., 0] + parts[..., 1] * 1j
    return turned


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Return an orthonormal basis, (..., n, q), near the span of A's first singular vectors.

    Source: Halko, Martinsson and Tropp, Finding structure with randomness (2009), algorithm 4.4.
    """
    basis: Tensor = noise((A.shape[-1], q), A)
    basis, _ = orthogonal_triangular(matmul(A, basis), mode="reduced")
    for _ in range(niter):
        basis, _ = orthogonal_triangular(matmul(mH(A), basis), mode="reduced")
        basis, _ = orthogonal_triangular(matmul(A, basis), mode="reduced")
    return basis


def _parts(name: str, A: Tensor, q: int, niter: int) -> LowRank:
    rows, columns = A.shape[-2:]
    least = min(rows, columns)
    if not 0 <= q <= least:
        raise ShapeError(
            f"{name}: q must be from 0 to {least}, the least of A's rows and columns (A.shape == "
            f"{tuple(A.shape)}), got {q}"
        )
    if niter < 0:
        raise ValueError(f"{name}: niter must not be negative, got {niter}")
    tall = A if rows >= columns else mH(A)
    basis = _basis(tall, q, niter)
    u, s, vh = singular_parts(matmul(mH(basis), tall), full=False)
    u, v = matmul(basis, u), mH(vh)
    return LowRank(u, s, v) if rows >= columns else LowRank(v, s, u)


_ERRORS = (
    ErrorSample(array(3), error=ShapeError, match="A must be a matrix"),
    ErrorSample(array(3, 2), q=3, error=ShapeError, match="q must be from 0 to 2"),
    ErrorSample(array(3, 2), q=1, niter=-1, error=ValueError, match="niter must not be negative"),
)


@composite(
    samples=(Sample(array(7, 6, form="spread"), q=3), Sample(array(2, 4, 5, form="spread"), q=2)),
    errors=_ERRORS,
    methods=(),
    random=True,
)
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> LowRank:
    """Singular value decomposition of a matrix, or of A - M, of nearly low rank.

    Args:
        A: (..., n, m), float32, float64 or complex.
        q: how many singular values to find; a little more than the rank gives accuracy. 6 if None.
        niter: how many subspace iterations; more give accuracy. 2 if None.
        M: what to subtract from A; broadcasts to its shape.

    Returns:
        named tuple (U, S, V): (..., n, q), (..., q) and (..., m, q). Each call draws anew.

    Raises:
        ShapeError: A is no matrix, or q exceeds its rows or columns.
        ValueError: niter is negative.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("svd_lowrank", A, "A")
    if M is not None:
        A = A - expand_to(M, tuple(A.shape))
    return _parts("svd_lowrank", A, 6 if q is None else q, 2 if niter is None else niter)


@composite(
    samples=(Sample(array(7, 6, form="spread"), q=3), Sample(array(2, 4, 5), center=False)),
    errors=_ERRORS,
    methods=(),
    random=True,
)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> LowRank:
    """Principal components of the rows of a matrix of nearly low rank.

    Args:
        A: (..., n, m), n observations of m features; float32, float64 or complex.
        q: how many components to find; by default the least of 6, n and m.
        center: whether to subtract the mean observation first.
        niter: how many subspace iterations; more give accuracy.

    Returns:
        named tuple (U, S, V): (..., n, q), (..., q) and (..., m, q); the columns of V are the
        principal directions, and S^2 / (n - 1) the variances along them. Each call draws anew.

    Raises:
        ShapeError: A is no matrix, or q exceeds its rows or columns.
        ValueError: niter is negative.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("pca_lowrank", A, "A")
    count = min(6, *A.shape[-2:]) if q is None else q
    return _parts("pca_lowrank", A - mean(A, -2, True) if center else A, count, niter)
