"""Eigenvalues and eigenvectors: linalg.eig, eigh, eigvals and eigvalsh."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import (
    column_phases,
    complex_dtype,
    diagonal_of,
    identity_mask,
    leading,
    like_input,
    mH,
    on_diagonal,
    real_dtype,
    real_part,
    require_square,
)
from weft.ops.solving import general_solution


class Eig(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _gaps(values: Any) -> Any:
    """Return 1 / (w_j - w_i) in row i and column j, and 0 on the diagonal."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    diagonal = identity_mask(values)
    return where(diagonal, 0.0, 1 / where(diagonal, 1.0, gaps))


# --- Hermitian matrices ------------------------------------------------------------------------


def _hermitian_vjp(needs: Any, g: Any, out: Any, x: Any, *, lower: bool) -> Any:
    values, vectors = out
    to_values, to_vectors = g
    inner = None
    if to_vectors is not None:
        turned = column_phases("linalg.eigh", matmul(mH(vectors), to_vectors))
        inner = (turned - mH(turned)) * 0.5 * _gaps(values)
    if to_values is not None:
        straight = on_diagonal(to_values)
        inner = straight if inner is None else inner + straight
    if inner is None:
        return (None,)
    return (matmul(vectors, matmul(inner.to(vectors.dtype), mH(vectors))),)


def _hermitian_jvp(tangents: Any, out: Any, x: Any, *, lower: bool) -> Any:
    values, vectors = out
    t = (tangents[0] + mH(tangents[0])) * 0.5
    turned = matmul(mH(vectors), matmul(t, vectors))
    return real_part(diagonal_of(turned)), matmul(vectors, turned * _gaps(values))


@custom(
    shape=lambda x, *, lower: (Aval(x.shape[:-1], real_dtype(x.dtype)), x),
    vjp=_hermitian_vjp,
    jvp=_hermitian_jvp,
    batch=leading("hermitian_eigen", 2),
    saves=("out",),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="positive"), lower=True),),
)
def hermitian_eigen(xp: Any, x: Any, *, lower: bool) -> Any:
    """Eigenvalues in rising order and eigenvectors of Hermitian matrices.

    Args:
        input: (..., n, n), of which one triangle is read.
        lower: which one.

    Returns:
        tuple of Tensor: (..., n), real, and (..., n, n).
    """
    finite, x = _finite_part(xp, x)
    values, vectors = _converging(xp, "linalg.eigh", xp.linalg.eigh, x, UPLO=_side(lower))
    return xp.where(finite[..., 0], values, xp.nan), xp.where(finite, vectors, xp.nan)


def _side(lower: bool) -> str:
    return "L" if lower else "U"


def _finite_part(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return which matrices are finite, and the others as 0: LAPACK may not end on NaN."""
    finite = xp.all(xp.isfinite(x), axis=(-2, -1), keepdims=True)
    return finite, xp.where(finite, x, xp.zeros_like(x))


def _values_vjp(needs: Any, g: Any, out: Any, x: Any, *, lower: bool) -> Any:
    _, vectors = hermitian_eigen(x, lower=lower)
    return (matmul(vectors * g.unsqueeze(-2), mH(vectors)),)


def _values_jvp(tangents: Any, out: Any, x: Any, *, lower: bool) -> Any:
    _, vectors = hermitian_eigen(x, lower=lower)
    return real_part(diagonal_of(matmul(mH(vectors), matmul(tangents[0], vectors))))


@custom(
    shape=lambda x, *, lower: Aval(x.shape[:-1], real_dtype(x.dtype)),
    vjp=_values_vjp,
    jvp=_values_jvp,
    batch=leading("hermitian_values", 2),
    saves=("x",),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="positive"), lower=False),),
)
def hermitian_values(xp: Any, x: Any, *, lower: bool) -> Any:
    """Eigenvalues of Hermitian matrices in rising order, at a fraction of what vectors cost.

    Args:
        input: (..., n, n), of which one triangle is read.
        lower: which one.

    Returns:
        Tensor: (..., n), real.
    """
    finite, x = _finite_part(xp, x)
    values = _converging(xp, "linalg.eigvalsh", xp.linalg.eigvalsh, x, UPLO=_side(lower))
    return xp.where(finite[..., 0], values, xp.nan)


def _converging(xp: Any, name: str, function: Any, x: Any, **settings: Any) -> Any:
    try:
        return function(x, **settings)
    except ValueError as error:  # as which both array libraries report what does not converge
        raise LinAlgError(f"{name}: {error}; look for NaN and infinities in input") from None


_SAMPLES = (
    Sample(array(3, 3, form="positive")),
    Sample(array(2, 2, 2, form="positive"), UPLO="U"),
    Sample(array(0, 0)),
)
_ERRORS = (
    ErrorSample(array(2, 3), error=ShapeError, match="input must be square"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
    ErrorSample(array(2, 2), "X", error=ValueError, match="UPLO must be 'L' or 'U', got 'X'"),
)


def _reads_lower(name: str, input: Tensor, UPLO: str) -> bool:
    """Check the arguments of eigh and eigvalsh; return whether the lower triangle is read."""
    require_square(name, input, "input")
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError(f"{name}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return UPLO.upper() == "L"


@composite(samples=_SAMPLES, errors=_ERRORS, namespaces=catalogue.LINALG, out=True)
def eigh(input: Tensor, UPLO: str = "L") -> Eig:
    """Eigenvalues and eigenvectors of a symmetric or Hermitian matrix: A = V diag(w) V^H.

    Eigenvectors are determined up to sign (complex ones: up to phase), and those of equal
    eigenvalues only as a space: a gradient through them is finite only where eigenvalues differ,
    and a loss that depends on the phase has none. The gradient is that of a Hermitian matrix, as
    if both triangles were read.

    Args:
        input: (..., n, n), of which one triangle is read; float32, float64 or complex.
        UPLO: ``"L"`` to read the lower triangle, ``"U"`` the upper one.

    Returns:
        named tuple (eigenvalues, eigenvectors): (..., n), real, rising; and (..., n, n), whose
        columns have length 1 and are orthogonal. NaN where the input holds NaN or infinity.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
        ValueError: UPLO is neither.
        GradError: in backward, a loss depends on the phase of complex eigenvectors.
    """
    return Eig(*hermitian_eigen(input, lower=_reads_lower("linalg.eigh", input, UPLO)))


@composite(
    samples=(*_SAMPLES, Sample(array(3, 3, kind="complex", form="positive"))),
    errors=_ERRORS,
    namespaces=catalogue.LINALG,
    out=True,
)
def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of a symmetric or Hermitian matrix, in rising order.

    Args:
        input: (..., n, n), of which one triangle is read; float32, float64 or complex.
        UPLO: ``"L"`` to read the lower triangle, ``"U"`` the upper one.

    Returns:
        Tensor: (..., n), real.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
        ValueError: UPLO is neither.
    """
    lower = _reads_lower("linalg.eigvalsh", input, UPLO)
    out: Tensor = hermitian_values(input, lower=lower)
    return out


# --- any square matrices -----------------------------------------------------------------------


def _general_vjp(needs: Any, g: Any, out: Any, x: Any) -> Any:
    values, vectors = out
    to_values, to_vectors = g
    inner = None
    if to_vectors is not None:
        turned = column_phases("linalg.eig", matmul(mH(vectors), to_vectors))
        # the columns keep their length, so what would only stretch them counts for nothing
        stretch = real_part(diagonal_of(turned)).unsqueeze(-2)
        inner = (turned - matmul(mH(vectors), vectors) * stretch) * _gaps(values).conj()
    if to_values is not None:
        straight = on_diagonal(to_values)
        inner = straight if inner is None else inner + straight
    if inner is None:
        return (None,)
    back, _ = general_solution(mH(vectors), matmul(inner, mH(vectors)), check="linalg.eig")
    return (like_input(back, x),)


def _general_jvp(tangents: Any, out: Any, x: Any) -> Any:
    values, vectors = out
    moved = matmul(tangents[0].to(vectors.dtype), vectors)
    turned, _ = general_solution(vectors, moved, check="linalg.eig")
    change = matmul(vectors, turned * _gaps(values))
    stretch = real_part(diagonal_of(matmul(mH(vectors), change))).unsqueeze(-2)
    return diagonal_of(turned), change - vectors * stretch


@custom(
    shape=lambda x: (
        Aval(x.shape[:-1], complex_dtype(x.dtype)),
        x.like(dtype=complex_dtype(x.dtype)),
    ),
    vjp=_general_vjp,
    jvp=_general_jvp,
    batch=leading("general_eigen", 2),
    saves=("out",),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="spread")),),
)
def general_eigen(xp: Any, x: Any) -> Any:
    """Eigenvalues and eigenvectors of square matrices, complex.

    Args:
        input: (..., n, n).

    Returns:
        tuple of Tensor: (..., n) and (..., n, n).
    """
    values, vectors = _converging(xp, "linalg.eig", xp.linalg.eig, x)
    wide = complex_dtype(x.dtype)
    return values.astype(wide), vectors.astype(wide)


_ANY = (
    Sample(array(3, 3, form="spread")),
    Sample(array(2, 2, 2, form="spread")),
    Sample(array(0, 0)),
)


def _general(name: str, input: Tensor) -> tuple[Tensor, Tensor]:
    require_square(name, input, "input")
    values, vectors = general_eigen(input)
    return values, vectors


@composite(samples=_ANY, errors=_ERRORS[:2], namespaces=catalogue.LINALG, out=True)
def eig(input: Tensor) -> Eig:
    """Eigenvalues and eigenvectors of a square matrix: A V = V diag(w).

    Eigenvectors are determined up to phase, and those of equal eigenvalues only as a space: a
    gradient through them is finite only where eigenvalues differ, and a loss that depends on the
    phase has none.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        named tuple (eigenvalues, eigenvectors): complex, (..., n) in no order, and (..., n, n)
        with columns of length 1.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
        LinAlgError: input holds NaN or infinity; in backward, it has too few eigenvectors.
        GradError: in backward, a loss depends on the phase of eigenvectors.
    """
    return Eig(*_general("linalg.eig", input))


@composite(
    samples=(*_ANY, Sample(array(3, 3, kind="complex", form="spread"))),
    errors=_ERRORS[:2],
    namespaces=catalogue.LINALG,
    out=True,
)
def eigvals(input: Tensor) -> Tensor:
    """Eigenvalues of a square matrix.

    Args:
        input: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: complex, (..., n), in no order.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
        LinAlgError: input holds NaN or infinity.
    """
    return _general("linalg.eigvals", input)[0]
