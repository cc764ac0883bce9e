"""Cholesky factors: linalg.cholesky and linalg.cholesky_ex."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import half_diagonal, leading, mH, refuse, require_square
from weft.ops.solve_triangular import triangular_solution
from weft.ops.triangles import tril

SAMPLES = (
    Sample(array(3, 3, form="positive")),
    Sample(array(2, 3, 3, form="positive"), upper=True),
    Sample(array(0, 0)),
    Sample(array(0, 2, 2)),
)
ERRORS = (
    ErrorSample(array(2, 3), error=ShapeError, match="input must be square"),
    ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
)


class CholeskyEx(NamedTuple):
    """Cholesky factors, and whether each matrix has one."""

    L: Tensor
    info: Tensor


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, upper: bool, check: str) -> Any:
    lower = out[0]
    if g[0] is None:
        return (None,)
    below = tril(matmul(mH(lower), g[0]))
    # the derivative of a Hermitian matrix is one, so both triangles have a share
    inner = (below + mH(tril(below, -1))) * 0.5
    # L^-H inner L^-1: one solve from each side
    left = triangular_solution(mH(lower), inner, upper=True, unit=False)
    return (mH(triangular_solution(mH(lower), mH(left), upper=True, unit=False)),)


def _jvp(tangents: Any, out: Any, x: Any, *, upper: bool, check: str) -> Any:
    lower, t = out[0], (tangents[0] + mH(tangents[0])) * 0.5
    left = triangular_solution(lower, t, upper=False, unit=False)
    both = mH(triangular_solution(lower, mH(left), upper=False, unit=False))
    return matmul(lower, half_diagonal(both)), None


@custom(
    shape=lambda x, *, upper, check: (x, Aval(x.shape[:-2], dtypes.int32.numpy)),
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("cholesky_lower", 2),
    saves=("out",),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="positive"), upper=False, check=""),),
)
def cholesky_lower(xp: Any, x: Any, *, upper: bool, check: str) -> Any:
    """Lower Cholesky factors, and LAPACK's report.

    Args:
        input: (..., n, n), of which one triangle is read.
        upper: whether it is the upper one.
        check: the function that asks for an error where there is no factor; else empty.

    Returns:
        tuple of Tensor: L (..., n, n) and info (...), int32.
    """
    lower, info = xp.lapack.cholesky(xp.conj(xp.swapaxes(x, -1, -2)) if upper else x)
    refuse(
        xp, check, info,
        "is not positive-definite: its leading minor of order {info} is not positive",
    )  # fmt: skip
    return lower, info


def factor(name: str, input: Tensor, upper: bool, check: bool) -> tuple[Tensor, Tensor]:
    """Return the lower or upper Cholesky factors and the report."""
    require_square(name, input, "input")
    lower, info = cholesky_lower(input, upper=bool(upper), check=name if check else "")
    return (mH(lower) if upper else lower), info


@composite(
    samples=SAMPLES,
    errors=(
        *ERRORS,
        ErrorSample(
            array(2, 2, 2, low=-2.0, high=-1.0),
            error=LinAlgError,
            match="matrix 0 of the batch is not positive-definite: its leading minor of order 1",
        ),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """Cholesky factor of a positive-definite matrix: A = L L^H with L lower triangular.

    Only one triangle is read: the lower one, or with ``upper`` the upper one. The gradient is that
    of a symmetric (Hermitian) matrix, as if both triangles were read.

    Args:
        input: (..., n, n), symmetric or Hermitian and positive-definite; float32, float64 or
            complex.
        upper: whether to return U = L^H, so that A = U^H U.

    Returns:
        Tensor: (..., n, n), triangular with a positive diagonal.

    Raises:
        LinAlgError: a matrix is not positive-definite; the message says which.
        ShapeError: input is not square.
        DTypeError: input is of another dtype.
    """
    return factor("linalg.cholesky", input, upper, True)[0]


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.LINALG, out=True)
def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:
    """Cholesky factor of a matrix that may not be positive-definite: no error, but a report.

    Args:
        input: (..., n, n), symmetric or Hermitian; float32, float64 or complex.
        upper: whether to return U = L^H, so that A = U^H U.
        check_errors: whether to raise all the same.

    Returns:
        named tuple (L, info): the factors, and for each matrix int32 0, or the order of the first
        leading minor that is not positive. The factor of such a matrix is only begun.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is not positive-definite.
        ShapeError: input is not square.
        DTypeError: input is of another dtype.
    """
    return CholeskyEx(*factor("linalg.cholesky_ex", input, upper, check_errors))
