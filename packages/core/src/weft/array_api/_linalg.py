"""Functions of the standard's linalg extension that its main namespace has not."""

from __future__ import annotations

from typing import Any, NamedTuple

import weft
from weft import Tensor
from weft.array_api._manipulation import broadcast_shapes
from weft.array_api._operands import FLOATING, NUMERIC, array, axes_of, dtype_of, operands
from weft.array_api._statistical import sum as _sum


class Eig(NamedTuple):
    """What ``eig`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Eigh(NamedTuple):
    """What ``eigh`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    """What ``qr`` returns."""

    Q: Tensor
    R: Tensor


class Slogdet(NamedTuple):
    """What ``slogdet`` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    """What ``svd`` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _matrices(name: str, x: Tensor, kinds: frozenset[int] = FLOATING) -> Tensor:
    if array(name, x, kinds).ndim < 2:
        raise weft.ShapeError(f"{name}: expected at least two dimensions, got {tuple(x.shape)}")
    return x


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """Return the triangular factor of positive definite matrices, ``x = L Lᴴ``.

    Args:
        x: (..., M, M), of a floating dtype, symmetric or Hermitian.
        upper: whether to return U of ``x = Uᴴ U``.

    Returns:
        Tensor: (..., M, M).
    """
    return weft.linalg.cholesky(_matrices("cholesky", x), upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the cross product of vectors of three elements.

    Args:
        x1: (..., 3, ...), of a numeric dtype.
        x2: likewise; the other axes are broadcast.
        axis: the vectors' axis, counted from the end: negative.

    Returns:
        Tensor: of the broadcast shape.

    Raises:
        ValueError: the axis is not negative or out of range, or not 3 long in both.
    """
    array("cross", x1, NUMERIC)
    array("cross", x2, NUMERIC)
    a, b = operands("cross", NUMERIC, x1, x2)
    if not -min(a.ndim, b.ndim) <= axis < 0:
        raise ValueError(
            f"cross: axis must be negative and not below {-min(a.ndim, b.ndim)}, got {axis}"
        )
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise weft.ShapeError(
            f"cross: axis {axis} must be 3 long in both, got {a.shape[axis]} and {b.shape[axis]}"
        )
    return weft.linalg.cross(*weft.broadcast_tensors(a, b), dim=axis)


def det(x: Tensor, /) -> Tensor:
    """Return the determinants of square matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Tensor: (...).
    """
    return weft.linalg.det(_matrices("det", x))


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Return a diagonal of matrices.

    Args:
        x: (..., M, N).
        offset: which: 0 the main one, above it positive, below it negative.

    Returns:
        Tensor: (..., length of the diagonal).
    """
    if array("diagonal", x).ndim < 2:
        raise weft.ShapeError(f"diagonal: expected at least two dimensions, got {tuple(x.shape)}")
    return weft.diagonal(x, offset, -2, -1)


def eig(x: Tensor, /) -> Eig:
    """Return the eigenvalues and right eigenvectors of square matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Eig: eigenvalues (..., M) and eigenvectors (..., M, M) as columns, both complex.
    """
    return Eig(*weft.linalg.eig(_matrices("eig", x)))


def eigh(x: Tensor, /) -> Eigh:
    """Return the eigenvalues and eigenvectors of symmetric or Hermitian matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Eigh: eigenvalues (..., M), real and ascending, and eigenvectors (..., M, M) as columns.
    """
    return Eigh(*weft.linalg.eigh(_matrices("eigh", x)))


def eigvals(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of square matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Tensor: (..., M), complex.
    """
    return weft.linalg.eigvals(_matrices("eigvals", x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of symmetric or Hermitian matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Tensor: (..., M), real and ascending.
    """
    return weft.linalg.eigvalsh(_matrices("eigvalsh", x))


def inv(x: Tensor, /) -> Tensor:
    """Return the inverses of square matrices.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Tensor: (..., M, M).
    """
    return weft.linalg.inv(_matrices("inv", x))


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Return the norms of matrices.

    Args:
        x: (..., M, N), of a floating dtype.
        keepdims: whether the last two axes stay, with length 1.
        ord: which: ``"fro"``, ``"nuc"``, 1, -1, 2, -2, inf or -inf.

    Returns:
        Tensor: (...), real-valued.
    """
    return weft.linalg.matrix_norm(_matrices("matrix_norm", x), ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Return square matrices to an integer power.

    Args:
        x: (..., M, M), of a floating dtype.
        n: the power; a negative one inverts.

    Returns:
        Tensor: (..., M, M).
    """
    return weft.linalg.matrix_power(_matrices("matrix_power", x), n)


def _relative(x: Tensor, rtol: Any) -> Any:
    """Return the relative tolerance: by default the longer side times the dtype's precision."""
    if rtol is None:
        return max(x.shape[-2], x.shape[-1]) * weft.finfo(x.dtype).eps
    return rtol


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Return how many singular values of matrices are not next to zero.

    Args:
        x: (..., M, N), of a floating dtype.
        rtol: what counts as zero, relative to the greatest singular value; a number or (...).
            By default max(M, N) times the precision of the dtype.

    Returns:
        Tensor: (...), int64.
    """
    found = weft.linalg.svdvals(_matrices("matrix_rank", x))
    if found.shape[-1] == 0:
        return weft.zeros(tuple(found.shape[:-1]), dtype=weft.int64, device=x.device)
    limit = _relative(x, rtol)
    limit = limit.to(found.dtype).unsqueeze(-1) if isinstance(limit, Tensor) else limit
    large = weft.gt(found, weft.amax(found, -1, True) * limit)
    return weft.sum(large, -1)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the products of every element of a vector with every one of another.

    Args:
        x1: (M,), of a numeric dtype.
        x2: (N,).

    Returns:
        Tensor: (M, N).

    Raises:
        ValueError: one has not one dimension.
    """
    array("outer", x1, NUMERIC)
    array("outer", x2, NUMERIC)
    if x1.ndim != 1 or x2.ndim != 1:
        raise weft.ShapeError(
            f"outer: expected two vectors, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    a, b = operands("outer", NUMERIC, x1, x2)
    return weft.unsqueeze(a, 1) * b


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Return the pseudo-inverses of matrices.

    Args:
        x: (..., M, N), of a floating dtype.
        rtol: which singular values count as zero, relative to the greatest; a number or (...).
            By default max(M, N) times the precision of the dtype.

    Returns:
        Tensor: (..., N, M).
    """
    return weft.linalg.pinv(_matrices("pinv", x), rtol=_relative(x, rtol))


def qr(x: Tensor, /, *, mode: str = "reduced") -> QR:
    """Return matrices as products of an orthonormal and an upper triangular one.

    Args:
        x: (..., M, N), of a floating dtype.
        mode: ``"reduced"`` for K = min(M, N) columns of Q, ``"complete"`` for M.

    Returns:
        QR: Q (..., M, K) and R (..., K, N).

    Raises:
        ValueError: mode is neither.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return QR(*weft.linalg.qr(_matrices("qr", x), mode))


def slogdet(x: Tensor, /) -> Slogdet:
    """Return the sign and the logarithm of the magnitude of determinants.

    Args:
        x: (..., M, M), of a floating dtype.

    Returns:
        Slogdet: sign (...) of x's dtype and logabsdet (...), real-valued.
    """
    return Slogdet(*weft.linalg.slogdet(_matrices("slogdet", x)))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return x of ``x1 x = x2``.

    Args:
        x1: (..., M, M), of a floating dtype.
        x2: (M,), or (..., M, K): only one dimension makes a vector of it.

    Returns:
        Tensor: (..., M) or (..., M, K).
    """
    _matrices("solve", x1)
    array("solve", x2, FLOATING)
    a, b = operands("solve", FLOATING, x1, x2)
    if b.ndim > 1:
        lead = broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
        b = b.expand((*lead, *b.shape[-2:]))  # so that a stack of matrices is never one of vectors
        return weft.linalg.solve(a.expand((*lead, *a.shape[-2:])), b)
    solved = weft.linalg.solve(a, b.unsqueeze(-1).expand((*a.shape[:-1], 1)))
    return weft.squeeze(solved, -1)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVD:
    """Return matrices as ``U diag(S) Vh`` with orthonormal U and Vh.

    Args:
        x: (..., M, N), of a floating dtype.
        full_matrices: whether U is (..., M, M) and Vh (..., N, N), or only what S needs of them.

    Returns:
        SVD: U, S (..., min(M, N)), real-valued and descending, and Vh.
    """
    return SVD(*weft.linalg.svd(_matrices("svd", x), full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """Return the singular values of matrices.

    Args:
        x: (..., M, N), of a floating dtype.

    Returns:
        Tensor: (..., min(M, N)), real-valued and descending.
    """
    return weft.linalg.svdvals(_matrices("svdvals", x))


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Return the sums along a diagonal of matrices.

    Args:
        x: (..., M, N), of a numeric dtype.
        offset: which diagonal.
        dtype: that of the result; by default x's, for integers int64 or uint64.

    Returns:
        Tensor: (...).
    """
    _matrices("trace", x, NUMERIC)
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=dtype_of("trace", dtype, None))


def vector_norm(
    x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Return the norms of vectors.

    Args:
        x: (...), of a floating dtype.
        axis: the vectors' axes; all if None, over x flattened.
        keepdims: whether they stay, with length 1.
        ord: which: any number, inf or -inf; 0 counts what is not zero.

    Returns:
        Tensor: real-valued.
    """
    axes = axes_of("vector_norm", array("vector_norm", x, FLOATING), axis)
    if not axes:
        lone = weft.linalg.vector_norm(x.unsqueeze(-1), ord, -1)
        return lone
    return weft.linalg.vector_norm(x, ord, axes, keepdims)
