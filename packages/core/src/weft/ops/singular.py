"""Singular values and vectors: linalg.svd and svdvals."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import DTypeError, GradError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import (
    column_phases,
    diagonal_of,
    identity_mask,
    leading,
    mH,
    on_diagonal,
    real_dtype,
    real_part,
    require_matrices,
)


class SVD(NamedTuple):
    """A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _gaps(s: Any) -> Any:
    """Return 1 / (s_j^2 - s_i^2) in row i and column j, and 0 on the diagonal."""
    first, second = s.unsqueeze(-1), s.unsqueeze(-2)
    diagonal = identity_mask(s)
    return where(diagonal, 0.0, 1 / where(diagonal, 1.0, (second - first) * (second + first)))


def _require_thin(x: Any, full: bool) -> None:
    if full and x.shape[-1] != x.shape[-2]:
        raise GradError(
            "linalg.svd: with full_matrices=True the singular vectors of a matrix that is not "
            "square are not all determined, so they have no gradient; pass full_matrices=False"
        )


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, full: bool) -> Any:
    to_u, to_s, to_vh = g
    u, s, vh = out
    k = s.shape[-1]
    if to_u is None and to_vh is None:
        if to_s is None:
            return (None,)
        return (matmul(u[..., :k] * to_s.unsqueeze(-2), vh[..., :k, :]),)
    _require_thin(x, full)
    wide = u.dtype
    gaps, row, column = _gaps(s), s.unsqueeze(-2), s.unsqueeze(-1)
    inner = on_diagonal(to_s).to(wide) if to_s is not None else None
    phase = None
    if to_u is not None:
        turned = matmul(mH(u), to_u)
        phase = turned
        own = (turned - mH(turned)) * gaps * row
        inner = own if inner is None else inner + own
    if to_vh is not None:
        turned = matmul(vh, mH(to_vh))
        phase = turned if phase is None else phase + turned
        own = column * ((turned - mH(turned)) * gaps)
        inner = own if inner is None else inner + own
    if wide.is_complex:
        checked = column_phases("linalg.svd", phase)
        if to_u is not None:  # the phase that U alone turns by, which Vh turns back
            turn = diagonal_of(matmul(mH(u), to_u)).imag / s
            inner = inner + on_diagonal(turn).to(wide) * 1j
        inner = inner + checked * 0  # so that the check is part of the result
    result = matmul(u, matmul(inner, vh))
    if to_u is not None and x.shape[-2] > k:
        scaled = to_u / row
        result = result + matmul(scaled - matmul(u, matmul(mH(u), scaled)), vh)
    if to_vh is not None and x.shape[-1] > k:
        scaled = to_vh / column
        result = result + matmul(u, scaled - matmul(matmul(scaled, mH(vh)), vh))
    return (result,)


def _jvp(tangents: Any, out: Any, x: Any, *, full: bool) -> Any:
    u, s, vh = out
    t, k = tangents[0], s.shape[-1]
    if full and x.shape[-1] != x.shape[-2]:
        _require_thin(x, full)
    gaps, row, column = _gaps(s), s.unsqueeze(-2), s.unsqueeze(-1)
    inner = matmul(mH(u), matmul(t, mH(vh)))
    by_row, by_column = inner * row, column * inner
    in_u = (by_row + mH(by_row)) * gaps
    in_v = (by_column + mH(by_column)) * gaps
    if u.dtype.is_complex:
        in_u = in_u + on_diagonal(diagonal_of(inner).imag / s).to(u.dtype) * 1j
    du, dvh = matmul(u, in_u), mH(matmul(mH(vh), in_v))
    if x.shape[-2] > k:
        scaled = matmul(t, mH(vh)) / row
        du = du + scaled - matmul(u, matmul(mH(u), scaled))
    if x.shape[-1] > k:
        scaled = matmul(mH(u), t) / column
        dvh = dvh + scaled - matmul(matmul(scaled, mH(vh)), vh)
    return du, real_part(diagonal_of(inner)), dvh


def _shape(x: Any, *, full: bool) -> tuple[Aval, Aval, Aval]:
    rows, columns = x.shape[-2:]
    k, lead = min(rows, columns), x.shape[:-2]
    return (
        Aval((*lead, rows, rows if full else k), x.dtype),
        Aval((*lead, k), real_dtype(x.dtype)),
        Aval((*lead, columns if full else k, columns), x.dtype),
    )


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("singular_parts", 2),
    saves=("out",),
    outputs=3,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3, form="spread"), full=False),),
)
def singular_parts(xp: Any, x: Any, *, full: bool) -> Any:
    """Singular vectors and values.

    Args:
        input: (..., n, m).
        full: whether U and Vh are square.

    Returns:
        tuple of Tensor: U, S and Vh.
    """
    require_finite(xp, "linalg.svd", x)
    return tuple(xp.linalg.svd(x, full_matrices=full))


def require_finite(xp: Any, name: str, x: Any) -> None:
    """Raise if an array holds NaN or infinity, of which there are no singular values."""
    if not xp.all(xp.isfinite(x)):
        raise LinAlgError(f"{name}: the input holds NaN or infinity")


def _values_vjp(needs: Any, g: Any, out: Any, x: Any) -> Any:
    u, _, vh = singular_parts(x, full=False)
    return (matmul(u * g.unsqueeze(-2), vh),)


def _values_jvp(tangents: Any, out: Any, x: Any) -> Any:
    u, _, vh = singular_parts(x, full=False)
    return real_part(diagonal_of(matmul(mH(u), matmul(tangents[0], mH(vh)))))


@custom(
    shape=lambda x: Aval((*x.shape[:-2], min(x.shape[-2:])), real_dtype(x.dtype)),
    vjp=_values_vjp,
    jvp=_values_jvp,
    batch=leading("singular_values", 2),
    saves=("x",),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3, form="spread")),),
)
def singular_values(xp: Any, x: Any) -> Any:
    """Singular values, falling.

    Args:
        input: (..., n, m).

    Returns:
        Tensor: (..., min(n, m)), real.
    """
    require_finite(xp, "linalg.svdvals", x)
    return xp.linalg.svd(x, compute_uv=False)


ERRORS = (
    ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
)
_DRIVERS = ("gesvd", "gesvdj", "gesvda")


def _require_driver(name: str, driver: str | None) -> None:
    if driver is not None and driver not in _DRIVERS:
        raise ValueError(f"{name}: driver must be None or one of {_DRIVERS}, got {driver!r}")


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 4, 3, form="spread"), full_matrices=False),
        Sample(array(2, 3, 4, form="spread"), full_matrices=False),
        Sample(array(0, 3), full_matrices=False),
    ),
    errors=(*ERRORS, ErrorSample(array(2, 2), driver="x", error=ValueError, match="driver must")),
    namespaces=catalogue.LINALG,
    out=True,
)
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """Singular value decomposition: A = U diag(S) Vh.

    Singular vectors are determined up to a common sign (complex ones: phase), and those of equal
    singular values only as a space: a gradient through them is finite only where singular values
    differ and (unless A is square) are not 0, and a loss that depends on the phase has none. The
    gradient of S alone has no such limits.

    Args:
        A: (..., n, m), float32, float64 or complex.
        full_matrices: whether U and Vh are square; else U is (..., n, k) and Vh (..., k, m), with
            k = min(n, m).
        driver: which of a GPU library's methods to use; the CPU has one and takes no notice.

    Returns:
        named tuple (U, S, Vh): columns of U and rows of Vh have length 1 and are orthogonal; S is
        (..., k), real, falling.

    Raises:
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
        LinAlgError: A holds NaN or infinity.
        ValueError: driver is not known.
        GradError: in backward, full_matrices is true and A is not square, or a loss depends on the
            phase of complex vectors.
    """
    require_matrices("linalg.svd", A, "A")
    _require_driver("linalg.svd", driver)
    return SVD(*singular_parts(A, full=bool(full_matrices)))


@composite(
    samples=(
        Sample(array(4, 3, form="spread")),
        Sample(array(2, 3, 4, kind="complex", form="spread")),
        Sample(array(0, 3)),
    ),
    errors=ERRORS,
    namespaces=catalogue.LINALG,
    out=True,
)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Singular values, in falling order.

    Args:
        A: (..., n, m), float32, float64 or complex.
        driver: which of a GPU library's methods to use; the CPU has one and takes no notice.

    Returns:
        Tensor: (..., min(n, m)), real.

    Raises:
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
        LinAlgError: A holds NaN or infinity.
        ValueError: driver is not known.
    """
    require_matrices("linalg.svdvals", A, "A")
    _require_driver("linalg.svdvals", driver)
    out: Tensor = singular_values(A)
    return out
