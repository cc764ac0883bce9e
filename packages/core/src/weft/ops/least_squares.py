"""Least squares: linalg.lstsq."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._backend.libraries import on_host
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.limits import finfo
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs, square
from weft.ops.broadcasting import sum_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import (
    diagonal_of,
    leading,
    mH,
    real_dtype,
    real_part,
    require_matrices,
)
from weft.ops.pseudo_inverses import pinv_of
from weft.ops.reductions import sum
from weft.ops.singular import singular_parts
from weft.ops.solve_triangular import solution_shape

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")
_BY_VALUES = ("gelsd", "gelss")


class LeastSquares(NamedTuple):
    """The solution, and what the method found on the way."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _shape(a: Any, b: Any, *, rcond: float, driver: str) -> tuple[Aval, Aval, Aval]:
    full = solution_shape("linalg.lstsq", a, b)
    lead, columns = full[:-2], a.shape[-1]
    return (
        Aval((*lead, columns, b.shape[-1]), a.dtype),
        Aval(lead, dtypes.int64.numpy),
        Aval((*lead, min(a.shape[-2:])), real_dtype(a.dtype)),
    )


def _moved(a: Any, b: Any, x: Any, ta: Any, tb: Any, p: Any) -> Any:
    """Return the derivative of pinv(a) b along (ta, tb), where x is that product and p pinv(a)."""
    change = None if tb is None else matmul(p, tb)
    if ta is not None:
        th, ph = mH(ta), mH(p)
        rest = b - matmul(a, x)
        own = matmul(p, matmul(ph, matmul(th, rest))) - matmul(p, matmul(ta, x))
        inner = matmul(th, matmul(ph, x))
        own = own + inner - matmul(p, matmul(a, inner))
        change = own if change is None else change + own
    return change


def _vjp(needs: Any, gs: Any, out: Any, a: Any, b: Any, *, rcond: float, driver: str) -> Any:
    g, x = gs[0], out[0]
    by_values = None
    if gs[2] is not None and needs[0] and driver in _BY_VALUES:
        u, _, vh = singular_parts(a, full=False)
        by_values = sum_to(matmul(u * gs[2].unsqueeze(-2), vh), tuple(a.shape))
    if g is None:
        return by_values, None
    p = pinv_of("linalg.lstsq", a, None, rcond, False)
    ph = mH(p)
    to_b = sum_to(matmul(ph, g), tuple(b.shape)) if needs[1] else None
    if not needs[0]:
        return None, to_b
    rest = b - matmul(a, x)
    to_a = matmul(rest, mH(matmul(p, matmul(ph, g)))) - matmul(matmul(ph, g), mH(x))
    beyond = g - matmul(mH(a), matmul(ph, g))
    to_a = to_a + matmul(matmul(ph, x), mH(beyond))
    to_a = sum_to(to_a, tuple(a.shape))
    return to_a if by_values is None else to_a + by_values, to_b


def _jvp(tangents: Any, out: Any, a: Any, b: Any, *, rcond: float, driver: str) -> Any:
    p = pinv_of("linalg.lstsq", a, None, rcond, False)
    values = None
    if driver in _BY_VALUES and tangents[0] is not None:
        u, _, vh = singular_parts(a, full=False)
        values = real_part(diagonal_of(matmul(mH(u), matmul(tangents[0], mH(vh)))))
    return _moved(a, b, out[0], tangents[0], tangents[1], p), None, values


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("least_squares", 2, 2),
    saves=("a", "b", "out"),
    outputs=3,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3, form="spread"), array(4, 2), rcond=1e-12, driver="gelsy"),),
)
def least_squares(xp: Any, a: Any, b: Any, *, rcond: float, driver: str) -> Any:
    """The x of least norm among those for which a x is nearest to b.

    Args:
        a: (..., n, m).
        b: (..., n, k).
        rcond: relative size below which singular values count as 0.
        driver: LAPACK's method.

    Returns:
        tuple of Tensor: the solution (..., m, k), the rank (...), int64, and the singular values
        (..., min(n, m)), which are 0 where the method does not find them.
    """
    if not (xp.all(xp.isfinite(a)) and xp.all(xp.isfinite(b))):
        raise LinAlgError("linalg.lstsq: A or B holds NaN or infinity")
    return xp.lapack.least_squares(a, b, rcond=rcond, driver=driver)


def _of_full_rank(rank: Tensor, columns: int) -> bool:
    """Whether every matrix has full rank, which decides the shape of the residuals.

    Without data (on meta, or inside a transform) it is taken to be so.
    """
    held = on_host(rank._data)
    return isinstance(held, Aval | Boxed) or bool((held == columns).all())


@composite(
    samples=(
        Sample(array(4, 3, form="spread"), array(4, 2)),
        Sample(array(2, 4, 3, form="spread"), array(2, 4, 2), driver="gelsd"),
        Sample(array(2, 3, form="spread"), array(2, 2)),
        Sample(array(4, 2, kind="complex", form="spread"), array(4, 1, kind="complex")),
        Sample(array(4, 2, form="spread"), array(4, 1), driver="gels"),
        Sample(array(2, 4, 3, form="spread"), array(2, 4), driver="gelss"),
    ),
    errors=(
        ErrorSample(array(4, 2), array(3, 1), error=ShapeError, match="have 4 rows"),
        ErrorSample(integers(2, 2), array(2, 2), error=DTypeError, match="must be floating"),
        ErrorSample(array(2, 2), array(2, 1), driver="qr", error=ValueError, match="driver must"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> LeastSquares:
    """Least-squares solution: the X for which A X is nearest to B, and among such the smallest.

    Args:
        input: A, (..., n, m), float32, float64 or complex.
        b: B, (..., n, k), or (..., n) for one right side for each matrix.
        rcond: singular values up to rcond times the largest count as 0; by default max(n, m) times
            the dtype's eps.
        driver: ``"gelsy"`` (the default; QR with pivoting), ``"gelsd"`` or ``"gelss"`` (singular
            values), or ``"gels"`` (QR; A must have full rank).

    Returns:
        named tuple (solution, residuals, rank, singular_values): X (..., m, k); the squared norms
        of the columns of B - A X, (..., k), empty for gelsy, or unless n > m and all ranks are
        full (inside transforms, which have no data, they are taken to be full); int64 ranks (...),
        empty for gels; and the singular values (..., min(n, m)), empty for gels and gelsy.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: A or B is of integers or half precision.
        LinAlgError: A or B holds NaN or infinity.
        ValueError: driver is not known.
    """
    require_matrices("linalg.lstsq", input, "input")
    chosen = "gelsy" if driver is None else driver
    if chosen not in _DRIVERS:
        raise ValueError(f"linalg.lstsq: driver must be one of {_DRIVERS}, got {driver!r}")
    vector = b.ndim == 1 or (b.ndim == input.ndim - 1 and b.shape == input.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    require_matrices("linalg.lstsq", right, "b")
    solution_shape("linalg.lstsq", input, right)
    rows, columns = input.shape[-2:]
    if rcond is None:
        rcond = finfo(input.dtype).eps * max(rows, columns)
    x, rank, s = least_squares(input, right, rcond=float(rcond), driver=chosen)
    from weft.ops.creation import zeros

    if rows > columns and (
        chosen == "gels" or (chosen in _BY_VALUES and _of_full_rank(rank, columns))
    ):
        residuals = sum(square(abs(right - matmul(input, x))), -2)
    else:
        residuals = zeros((0,), dtype=s.dtype, device=s.device)
    if chosen == "gels":
        rank = zeros((0,), dtype=dtypes.int64, device=s.device)
    if chosen not in _BY_VALUES:
        s = zeros((0,), dtype=s.dtype, device=s.device)
    return LeastSquares(x.squeeze(-1) if vector else x, residuals, rank, s)
