"""Factorisations under their older names at the top level: cholesky, qr, svd, lu and their kin."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops import orthogonal
from weft.ops.cholesky import factor
from weft.ops.determinants import SAMPLES as _DETERMINANT
from weft.ops.determinants import SLogDet, determinant_of, signed_log_of
from weft.ops.exponential import log
from weft.ops.families.composite import composite
from weft.ops.lu import (
    LUFactorEx,
    int32_pivots,
    lu_packed,
    solved,
)
from weft.ops.matmul import matmul
from weft.ops.matrices import mH, mT, require_matrices, require_square
from weft.ops.memory import contiguous
from weft.ops.pseudo_inverses import pinv_of
from weft.ops.singular import singular_parts, singular_values
from weft.ops.solve_triangular import solution_shape, triangular_solution
from weft.ops.solving import INVERSE_SAMPLES, inverted

_SQUARE = (ErrorSample(array(2, 3), error=ShapeError, match="must be square"),)
_ZEROS = array(2, 2, 2, low=0.0, high=0.0)


class SVD(NamedTuple):
    """A = U diag(S) V^H."""

    U: Tensor
    S: Tensor
    V: Tensor


class QR(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor


class TriangularSolution(NamedTuple):
    """The solution, and a copy of the matrix."""

    solution: Tensor
    cloned_coefficient: Tensor


# --- determinants and inverses -----------------------------------------------------------------


@composite(samples=_DETERMINANT, errors=_SQUARE)
def det(input: Tensor) -> Tensor:
    """Determinant of a square matrix: ``linalg.det``.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: (...). Of an empty matrix it is 1.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    return determinant_of("det", input, "input")


@composite(samples=_DETERMINANT, errors=_SQUARE, out=True)
def slogdet(input: Tensor) -> SLogDet:
    """Sign and logarithm of the modulus of a determinant: ``linalg.slogdet``.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        named tuple (sign, logabsdet): both (...). Of a singular matrix 0 and -inf.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    return SLogDet(*signed_log_of("slogdet", input, "input"))


@composite(samples=_DETERMINANT, errors=_SQUARE)
def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant of a square matrix.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: (...); -inf where the determinant is 0, NaN where it is negative.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    sign, logarithm = signed_log_of("logdet", input, "input")
    return log(sign) + logarithm  # the logarithm of the sign is 0, -inf, NaN, or the phase


@composite(
    samples=INVERSE_SAMPLES,
    errors=(
        *_SQUARE,
        ErrorSample(_ZEROS, error=LinAlgError, match="inverse: matrix 0 of the batch is singular"),
    ),
    out=True,
)
def inverse(input: Tensor) -> Tensor:
    """Inverse of a square matrix: ``linalg.inv``.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: (..., n, n).

    Raises:
        LinAlgError: a matrix is singular; the message says which.
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    return inverted("inverse", input, "input", True)[0]


@composite(
    samples=(Sample(array(4, 3, form="spread")), Sample(array(3, 3, form="spread"), 0.01)),
    errors=(ErrorSample(array(3), error=ShapeError, match="must be a matrix"),),
)
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Moore-Penrose pseudo-inverse: ``linalg.pinv`` with another default.

    Args:
        input: (..., n, m), float32, float64 or complex.
        rcond: singular values up to rcond times the largest count as 0.

    Returns:
        Tensor: (..., m, n).

    Raises:
        ShapeError: input is no matrix.
        DTypeError: input is of integers or half precision.
        LinAlgError: input holds NaN or infinity.
    """
    return pinv_of("pinverse", input, None, rcond, False)


# --- Cholesky ----------------------------------------------------------------------------------


@composite(
    samples=(
        Sample(array(3, 3, form="positive")),
        Sample(array(2, 3, 3, form="positive"), True),
    ),
    errors=(*_SQUARE, ErrorSample(_ZEROS, error=LinAlgError, match="is not positive-definite")),
    out=True,
)
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Cholesky factor of a positive-definite matrix: ``linalg.cholesky``.

    Args:
        input: (..., n, n), symmetric or Hermitian and positive-definite.
        upper: whether to return U = L^H.

    Returns:
        Tensor: (..., n, n).

    Raises:
        LinAlgError: a matrix is not positive-definite; the message says which.
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    return factor("cholesky", input, upper, True)[0]


def _from_factor(triangle: Tensor, b: Tensor, upper: bool) -> Tensor:
    """Return the solution of L L^H x = b, or U^H U x = b."""
    other = mH(triangle)
    first, second = (other, triangle) if upper else (triangle, other)
    inner = triangular_solution(first, b, upper=False, unit=False)
    out: Tensor = triangular_solution(second, inner, upper=True, unit=False)
    return out


@composite(
    samples=(
        Sample(array(3, 2), array(3, 3, form="spread")),
        Sample(array(2, 3, 2), array(3, 3, form="spread"), True),
        Sample(array(3, 1, kind="complex"), array(3, 3, kind="complex", form="spread")),
    ),
    errors=(
        ErrorSample(array(3, 2), array(2, 3), error=ShapeError, match="L must be square"),
        ErrorSample(array(3, 2), array(2, 2), error=ShapeError, match="have 2 rows"),
    ),
    out=True,
)
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Solution X of A X = B from the Cholesky factor of A.

    Args:
        B: (..., n, k).
        L: (..., n, n), the factor; only its triangle is read. Leading dims broadcast.
        upper: whether the factor is U = L^H.

    Returns:
        Tensor: (..., n, k).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: an argument is of integers or half precision.
    """
    require_square("cholesky_solve", L, "L")
    require_matrices("cholesky_solve", B, "B")
    solution_shape("cholesky_solve", L, B)
    return _from_factor(L, B, upper)


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 3, 3, form="spread"), True),
    ),
    errors=_SQUARE,
    out=True,
)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Inverse of a matrix from its Cholesky factor.

    Args:
        L: (..., n, n), the factor; only its triangle is read.
        upper: whether the factor is U = L^H.

    Returns:
        Tensor: (..., n, n).

    Raises:
        ShapeError: L is not square.
        DTypeError: L is of integers or half precision.
    """
    require_square("cholesky_inverse", L, "L")
    from weft.ops.broadcasting import expand_to
    from weft.ops.creation import eye

    same = expand_to(eye(L.shape[-1], dtype=L.dtype, device=L.device), tuple(L.shape))
    return _from_factor(L, same, upper)


# --- triangular systems ------------------------------------------------------------------------


@composite(
    samples=(
        Sample(array(3, 2), array(3, 3, form="spread")),
        Sample(array(2, 3, 2), array(2, 3, 3, form="spread"), False),
        Sample(array(3, 2), array(3, 3, form="spread"), transpose=True, unitriangular=True),
    ),
    errors=(
        ErrorSample(array(3, 2), array(2, 3), error=ShapeError, match="A must be square"),
        ErrorSample(array(3, 2), array(2, 2), error=ShapeError, match="have 2 rows"),
    ),
    out=True,
)
def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> TriangularSolution:
    """Solution X of A X = b for a triangular matrix: ``linalg.solve_triangular``, reversed.

    Args:
        b: (..., n, k).
        A: (..., n, n), of which one triangle is read; leading dims broadcast.
        upper: whether A is upper triangular.
        transpose: whether A^T stands in place of A.
        unitriangular: whether the diagonal of A is taken to be 1.

    Returns:
        named tuple (solution, cloned_coefficient): X, and a copy of A with the dims of both.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: an argument is of integers or half precision.
    """
    require_square("triangular_solve", A, "A")
    require_matrices("triangular_solve", b, "b")
    shape = solution_shape("triangular_solve", A, b)
    from weft.ops.broadcasting import expand_to

    matrix, own = (mT(A), not upper) if transpose else (A, upper)
    x = triangular_solution(matrix, b, upper=own, unit=unitriangular)
    return TriangularSolution(x, expand_to(A, (*shape[:-2], *tuple(A.shape)[-2:])).clone())


# --- LU ----------------------------------------------------------------------------------------


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 3, 3, form="spread"), get_infos=True),
    ),
    errors=(
        ErrorSample(array(3), error=ShapeError, match="must be a matrix"),
        ErrorSample(_ZEROS, error=LinAlgError, match="matrix 0 of the batch is singular"),
    ),
)
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """LU factors in one matrix: ``linalg.lu_factor``, or with ``get_infos`` ``lu_factor_ex``.

    Args:
        A: (..., n, m), float32, float64 or complex.
        pivot: whether rows are exchanged.
        get_infos: whether to return a report instead of raising where a pivot is 0.

    Returns:
        tuple of Tensor: LU (..., n, m) and pivots (..., k), int32; with ``get_infos`` a named
        tuple (LU, pivots, info).

    Raises:
        LinAlgError: without ``get_infos``, a pivot is 0.
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("lu", A, "A")
    packed, pivots, info = lu_packed(A, pivot=pivot, check="" if get_infos else "lu")
    return LUFactorEx(packed, pivots, info) if get_infos else (packed, pivots)


@composite(
    samples=(
        Sample(array(3, 2), array(3, 3, form="spread"), int32_pivots(3)),
        Sample(array(2, 3, 2), array(2, 3, 3, form="spread"), int32_pivots(2, 3)),
    ),
    errors=(
        ErrorSample(
            array(3, 1), array(3, 3), integers(3, low=1, high=2), error=DTypeError, match="int32"
        ),
    ),
    out=True,
)
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """Solution X of A X = b from the LU factors of A: ``linalg.lu_solve``, reversed.

    Args:
        b: (..., n, k).
        LU_data: (..., n, n), of ``lu_factor``.
        LU_pivots: (..., n), int32, of ``lu_factor``.

    Returns:
        Tensor: (..., n, k).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: LU_pivots is not int32, or b or LU_data of integers or half precision.
    """
    return solved("lu_solve", LU_data, LU_pivots, b, True, False)


# --- QR and singular values --------------------------------------------------------------------


@composite(
    samples=(*orthogonal.QR_SAMPLES, Sample(array(3, 3, form="spread"), False)),
    errors=(ErrorSample(array(3), error=ShapeError, match="must be a matrix"),),
    out=True,
)
def qr(input: Tensor, some: bool = True) -> QR:
    """QR factors: ``linalg.qr``.

    Args:
        input: (..., n, m), float32, float64 or complex.
        some: whether the form is reduced; else Q is square.

    Returns:
        named tuple (Q, R).

    Raises:
        ShapeError: input is no matrix.
        DTypeError: input is of integers or half precision.
        GradError: in backward, Q is not determined.
    """
    require_matrices("qr", input, "input")
    return QR(*orthogonal.factors(input, "reduced" if some else "complete"))


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 3, 4, form="spread")),
        Sample(array(3, 3, form="spread"), some=False),
        Sample(array(4, 3, form="spread"), compute_uv=False),
    ),
    errors=(ErrorSample(array(3), error=ShapeError, match="must be a matrix"),),
    out=True,
)
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SVD:
    """Singular value decomposition A = U diag(S) V^H: ``linalg.svd``, but with V and not V^H.

    Args:
        input: (..., n, m), float32, float64 or complex.
        some: whether U is (..., n, k) and V (..., m, k), k = min(n, m); else they are square.
        compute_uv: whether vectors are wanted; else U (..., n, n) and V (..., m, m) are zeros.

    Returns:
        named tuple (U, S, V).

    Raises:
        ShapeError: input is no matrix.
        DTypeError: input is of integers or half precision.
        LinAlgError: input holds NaN or infinity.
        GradError: in backward, as ``linalg.svd``.
    """
    require_matrices("svd", input, "input")
    if compute_uv:
        u, s, vh = singular_parts(input, full=not some)
        return SVD(u, s, contiguous(mH(vh)))
    from weft.ops.creation import zeros_like

    row, column = input.detach(), mT(input.detach())
    left, right = matmul(row, column), matmul(column, row)
    return SVD(zeros_like(left), singular_values(input), zeros_like(right))
