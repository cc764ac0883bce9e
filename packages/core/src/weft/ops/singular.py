"""Singular values and what follows from them: linalg.svd, svdvals, pinv and matrix_rank."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, GradError, LinAlgError, ShapeError
from weft._core.limits import finfo
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs
from weft.ops.broadcasting import sum_to
from weft.ops.comparison import where
from weft.ops.eigen import hermitian_eigen
from weft.ops.extremes import amax
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
    require_square,
)
from weft.ops.reductions import sum


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
    _require_finite(xp, "linalg.svd", x)
    return tuple(xp.linalg.svd(x, full_matrices=full))


def _require_finite(xp: Any, name: str, x: Any) -> None:
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
    _require_finite(xp, "linalg.svdvals", x)
    return xp.linalg.svd(x, compute_uv=False)


_ERRORS = (
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
    errors=(*_ERRORS, ErrorSample(array(2, 2), driver="x", error=ValueError, match="driver must")),
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
    errors=_ERRORS,
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


# --- what follows from them --------------------------------------------------------------------


def _tolerances(x: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Return atol and rtol as tensors; values up to the larger of atol and rtol s_1 count as 0."""
    from weft.ops.creation import tensor

    real = dtypes.of(real_dtype(x.dtype.numpy))

    def ready(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(real)
        return tensor(float(value), dtype=real, device=x.device)

    default = finfo(x.dtype).eps * max(x.shape[-2:], default=0)
    if atol is None:
        return ready(0.0), ready(default if rtol is None else rtol)
    own = ready(atol)
    return own, where(own > 0, ready(0.0), ready(default)) if rtol is None else ready(rtol)


def _rank_of(name: str, A: Tensor, argument: str, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    if hermitian:
        require_square(name, A, argument)
        s = abs(hermitian_eigen(A, lower=True)[0])
    else:
        require_matrices(name, A, argument)
        s = singular_values(A)
    if not s.shape[-1]:
        return sum(s, -1).to(dtypes.int64)
    absolute, relative = (t.unsqueeze(-1) for t in _tolerances(A, atol, rtol))
    scaled = relative * amax(s, -1, True)
    return sum(s > where(scaled > absolute, scaled, absolute), -1)


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 4, 3)),
        Sample(array(3, 3, form="spread"), rtol=0.6),
        Sample(array(3, 3, form="spread"), atol=1.5),
        Sample(array(3, 3, form="spread"), 1.5),
        Sample(array(2, 3, 3, form="spread"), atol=array(2, low=1.4, high=1.6, fixed=True)),
        Sample(array(3, 3, form="positive"), hermitian=True),
        Sample(array(0, 3)),
    ),
    errors=_ERRORS,
    namespaces=catalogue.LINALG,
    not_differentiable="it counts",
    out=True,
)
def matrix_rank(
    input: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Numerical rank: how many singular values exceed max(atol, rtol times the largest).

    Args:
        input: (..., n, m), float32, float64 or complex.
        tol: another name of ``atol`` that leaves rtol 0.
        hermitian: whether input is Hermitian; moduli of eigenvalues then serve, which are faster.
        atol: a number or a tensor that broadcasts with (...); 0 if None.
        rtol: likewise; if None it is max(n, m) times the dtype's eps, or 0 where atol is positive.

    Returns:
        Tensor: int64, (...).

    Raises:
        ShapeError: input is no matrix, or with ``hermitian`` not square.
        DTypeError: input is of integers or half precision.
    """
    if tol is not None:
        atol, rtol = tol, 0.0
    return _rank_of("linalg.matrix_rank", input, "input", atol, rtol, hermitian)


def _pseudo_shape(x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Aval:
    lead = broadcast_shapes("linalg.pinv", x.shape[:-2], atol.shape, rtol.shape)
    return Aval((*lead, x.shape[-1], x.shape[-2]), x.dtype)


def _pseudo_vjp(
    needs: Any, g: Any, out: Any, x: Any, atol: Any, rtol: Any, *, hermitian: bool
) -> Any:
    turned, back = mH(out), mH(g)
    main = matmul(turned, matmul(g, turned))
    # what the derivative has beyond that of an inverse: the parts outside A's range and corange
    right = matmul(back, matmul(out, turned))
    left = matmul(matmul(turned, out), back)
    beyond = right - matmul(x, matmul(out, right)) + left - matmul(matmul(left, out), x)
    return sum_to(beyond - main, tuple(x.shape)), None, None


def _pseudo_jvp(tangents: Any, out: Any, x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    if tangents[0] is None:
        return None
    t, turned = mH(tangents[0]), mH(out)
    right = matmul(out, matmul(turned, t))
    left = matmul(t, matmul(turned, out))
    beyond = right - matmul(matmul(right, x), out) + left - matmul(out, matmul(x, left))
    return beyond - matmul(out, matmul(tangents[0], out))


@custom(
    shape=_pseudo_shape,
    vjp=_pseudo_vjp,
    jvp=_pseudo_jvp,
    batch=leading("pseudo_inverse", 2, 0, 0),
    saves=("x", "out"),
    promote=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(4, 3, form="spread"), array(fixed=True), array(fixed=True), hermitian=False),
    ),
)
def pseudo_inverse(xp: Any, x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    """Inverse over the singular values that do not count as 0.

    Args:
        input: (..., n, m).
        atol: (...), real.
        rtol: (...), real.
        hermitian: whether eigenvalues may serve.

    Returns:
        Tensor: (..., m, n).
    """
    lead = broadcast_shapes("linalg.pinv", x.shape[:-2], atol.shape, rtol.shape)
    if 0 in x.shape[-2:]:
        return xp.zeros((*lead, x.shape[-1], x.shape[-2]), x.dtype)
    _require_finite(xp, "linalg.pinv", x)
    if hermitian:
        values, u = xp.linalg.eigh(x)
        v, s = u, xp.abs(values)
        top = xp.max(s, axis=-1, keepdims=True)
    else:
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        v, values, top = xp.conj(xp.swapaxes(vh, -1, -2)), s, s[..., :1]
    keep = s > xp.maximum(atol[..., None], rtol[..., None] * top)
    inverse = xp.where(keep, 1 / xp.where(keep, values, 1), 0)
    out = (v * inverse[..., None, :]) @ xp.conj(xp.swapaxes(u, -1, -2))
    return out.astype(x.dtype, copy=False)


def pinv_of(name: str, A: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """Return the pseudo-inverses of matrices."""
    (require_square if hermitian else require_matrices)(name, A, "input")
    out: Tensor = pseudo_inverse(A, *_tolerances(A, atol, rtol), hermitian=bool(hermitian))
    return out


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 4, 3, form="spread")),
        Sample(array(3, 4, kind="complex", form="spread")),
        Sample(array(4, 3, form="spread"), 0.01),
        Sample(array(2, 3, 3, form="spread"), rtol=array(2, low=0.01, high=0.02, fixed=True)),
        Sample(array(3, 3, form="positive"), hermitian=True),
        Sample(array(0, 3)),
    ),
    errors=_ERRORS,
    namespaces=catalogue.LINALG,
    out=True,
)
def pinv(
    input: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Moore-Penrose pseudo-inverse, over singular values above max(atol, rtol times the largest).

    Args:
        input: (..., n, m), float32, float64 or complex.
        rcond: another name of ``rtol``.
        hermitian: whether input is Hermitian; its eigenvalues then serve, which are faster.
        atol: a number or a tensor that broadcasts with (...); 0 if None.
        rtol: likewise; if None it is max(n, m) times the dtype's eps, or 0 where atol is positive.

    Returns:
        Tensor: (..., m, n). The gradient holds where the rank does not change.

    Raises:
        ShapeError: input is no matrix, or with ``hermitian`` not square.
        DTypeError: input is of integers or half precision.
        LinAlgError: input holds NaN or infinity.
    """
    return pinv_of("linalg.pinv", input, atol, rcond if rtol is None else rtol, hermitian)
