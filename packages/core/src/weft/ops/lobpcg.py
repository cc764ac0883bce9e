"""A few extreme eigenpairs of a large Hermitian matrix, by iteration: lobpcg."""

from __future__ import annotations

from typing import Any

from weft._core.errors import ShapeError
from weft._core.limits import finfo
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs
from weft.ops.cholesky import factor
from weft.ops.eigen import hermitian_eigen
from weft.ops.extremes import amax
from weft.ops.families.composite import composite
from weft.ops.joining import cat, stack
from weft.ops.low_rank import noise
from weft.ops.matmul import matmul
from weft.ops.matrices import mH, real_part, require_square
from weft.ops.matrix_norms import vector_norm_of
from weft.ops.orthogonal import orthogonal_triangular
from weft.ops.pseudo_inverses import pinv_of
from weft.ops.reductions import sum
from weft.ops.solve_triangular import triangular_solution

_MOST_STEPS = 1000


def _best(A: Tensor, basis: Tensor, count: int, largest: bool) -> tuple[Tensor, Tensor]:
    """Return the best eigenvalues within a span, best first, and their coordinates."""
    inner = matmul(mH(basis), matmul(A, basis))
    values, vectors = hermitian_eigen((inner + mH(inner)) * 0.5, lower=True)
    if largest:
        values, vectors = values.flip((-1,)), vectors.flip((-1,))
    return values[:count], vectors[..., :count]


def _iterated(
    A: Tensor, X: Tensor, k: int, precondition: Any, steps: int, tol: float, largest: bool
) -> Tensor:
    """Return nearly eigenvectors of one matrix, (m, n).

    Each step looks for the best vectors in the span of the last ones, of the (preconditioned)
    residuals, and of the last move. Source: Knyazev, Toward the optimal preconditioned
    eigensolver (2001).
    """
    n = X.shape[-1]
    X, _ = orthogonal_triangular(X, mode="reduced")
    values, turn = _best(A, X, n, largest)
    X = matmul(X, turn)
    scale = vector_norm_of("lobpcg", A, 2, None, False)
    moved: Tensor | None = None
    for _ in range(steps):
        rest = matmul(A, X) - X * values
        error = vector_norm_of("lobpcg", rest[..., :k], 2, 0, False) / (scale + abs(values[:k]))
        if amax(error).item() < tol:
            break
        parts = (X, precondition(rest)) if moved is None else (X, precondition(rest), moved)
        basis, _ = orthogonal_triangular(cat(parts, -1), mode="reduced")
        values, turn = _best(A, basis, n, largest)
        moved = matmul(basis[..., n:], turn[n:])
        X = matmul(basis, turn)
    return X


def _differentiable(A: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and vectors that depend on A as they do to first order."""
    values = real_part(sum(X.conj() * matmul(A, X) if X.dtype.is_complex else X * matmul(A, X), -2))
    if not A.requires_grad:
        return values, X
    held, fixed = A.detach(), values.detach()
    columns = []
    from weft.ops.creation import eye

    same = eye(A.shape[-1], dtype=A.dtype, device=A.device)
    gap = finfo(A.dtype).eps ** 0.5  # the vector's own direction, which must not count
    for i in range(X.shape[-1]):
        x = X[..., i : i + 1]
        slope = pinv_of("lobpcg", held - same * fixed[i], None, gap, True)
        columns.append((x - matmul(slope, matmul(A, x) - x * fixed[i])).squeeze(-1))
    return values, stack(columns, -1)


@composite(
    samples=(
        Sample(array(9, 9, form="positive"), 2, X=array(9, 2)),
        Sample(array(2, 9, 9, form="positive"), X=array(2, 9, 1), largest=False),
    ),
    errors=(
        ErrorSample(array(3, 4), error=ShapeError, match="A must be square"),
        ErrorSample(array(5, 5), 2, error=ShapeError, match="needs at least 3 times 2 rows"),
        ErrorSample(array(9, 9), method="other", error=ValueError, match="'basic' or 'ortho'"),
        ErrorSample(array(9, 9), 2, n=1, error=ValueError, match="n must be at least k, 2"),
        ErrorSample(array(9, 9), X=array(8, 1), error=ShapeError, match="X must be"),
    ),
    methods=(),
    random=True,
)
def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: None = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """A few of the largest or smallest eigenvalues of A x = w B x, with their eigenvectors.

    It pays for large matrices; ``linalg.eigh`` finds all eigenvalues of small ones. The gradient
    is right to first order, and not to second.

    Args:
        A: (..., m, m), symmetric or Hermitian; float32, float64 or complex.
        k: how many; X's columns, or 1, if None.
        B: (..., m, m), positive-definite; the identity if None.
        X: (..., m, n), where to begin; random if None.
        n: how many vectors to iterate, at least k; k if None. More converge faster.
        iK: (..., m, m), a preconditioner, near the inverse of A.
        niter: the most steps; 1000 if None or negative.
        tol: relative size of a residual at which to stop; the root of the dtype's eps if None.
        largest: whether the largest are wanted, else the smallest; the largest if None.
        method: ``"ortho"`` or ``"basic"``, which are the same here: the basis is orthonormal.
        tracker: must be None.
        ortho_iparams: of PyTorch's own orthogonalisation, which is not used: takes no effect.
        ortho_fparams: likewise.
        ortho_bparams: likewise.

    Returns:
        tuple of Tensor: eigenvalues (..., k), best first, and eigenvectors (..., m, k), whose
        products x^H B x are 1.

    Raises:
        ShapeError: A is not square, has fewer than 3 n rows, or X does not fit.
        ValueError: method, n or tracker is none that can be.
        LinAlgError: B is not positive-definite.
    """
    require_square("lobpcg", A, "A")
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg: method must be 'basic' or 'ortho', got {method!r}")
    if tracker is not None:
        raise ValueError("lobpcg: tracker must be None; weft's iteration has no tracker")
    m = A.shape[-1]
    wanted = k if k is not None else 1 if X is None else X.shape[-1]
    count = X.shape[-1] if X is not None else n if n is not None else wanted
    if count < wanted:
        raise ValueError(f"lobpcg: n must be at least k, {wanted}, got {count}")
    if X is not None and tuple(X.shape) != (*A.shape[:-1], count):
        raise ShapeError(
            f"lobpcg: X must be {(*A.shape[:-1], 'n')} for A of shape {tuple(A.shape)}, got "
            f"{tuple(X.shape)}"
        )
    if m < 3 * count:
        raise ShapeError(
            f"lobpcg: needs at least 3 times {count} rows for {count} vectors, got A.shape == "
            f"{tuple(A.shape)}; use linalg.eigh"
        )
    start = noise((*A.shape[:-1], count), A) if X is None else X
    if A.ndim > 2:
        each = [
            lobpcg(A[i], wanted, _at(B, i, A), start[i], count, _at(iK, i, A), niter, tol, largest)
            for i in range(A.shape[0])
        ]
        return stack([w for w, _ in each], 0), stack([x for _, x in each], 0)
    lower = None
    if B is not None:  # with B = L L^H it is the plain problem of L^-1 A L^-H
        lower = factor("lobpcg", B, False, True)[0]
        half = triangular_solution(lower, A, upper=False, unit=False)
        A = mH(triangular_solution(lower, mH(half), upper=False, unit=False))
        start = matmul(mH(lower), start)

    def precondition(rest: Tensor) -> Tensor:
        if iK is None:
            return rest
        if lower is None:
            return matmul(iK, rest)
        return matmul(mH(lower.detach()), matmul(iK, matmul(lower.detach(), rest)))

    found = _iterated(
        A.detach(),
        start.detach(),
        wanted,
        precondition,
        _MOST_STEPS if niter is None or niter < 0 else niter,
        finfo(A.dtype).eps ** 0.5 if tol is None else tol,
        largest is None or largest,
    )
    values, vectors = _differentiable(A, found[..., :wanted])
    if lower is not None:
        vectors = triangular_solution(mH(lower), vectors, upper=True, unit=False)
    return values, vectors  # of a complex A the phase of each is arbitrary


def _at(x: Tensor | None, i: int, like: Tensor) -> Tensor | None:
    """Return one of a batch of matrices; one that is no batch serves for all."""
    return x if x is None or x.ndim < like.ndim else x[i]
