"""LDL factors of symmetric matrices that need not be definite: linalg.ldl_factor and ldl_solve."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.broadcasting import sum_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import promoted
from weft.ops.matrices import leading, refuse, require_matrices, require_square
from weft.ops.solve_triangular import solution_shape

_INT = dtypes.int32.numpy
_PACKED = "the factors are LAPACK's own form; linalg.solve has a gradient"


class LDL(NamedTuple):
    """L and D in one matrix, and LAPACK's pivots."""

    LD: Tensor
    pivots: Tensor


class LDLEx(NamedTuple):
    """L and D in one matrix, LAPACK's pivots, and whether D is singular."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


@custom(
    shape=lambda x, *, hermitian, check: (x, Aval(x.shape[:-1], _INT), Aval(x.shape[:-2], _INT)),
    vjp=not_differentiable(_PACKED),
    jvp=not_differentiable(_PACKED),
    batch=leading("ldl_packed", 2),
    outputs=3,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="positive"), hermitian=False, check=""),),
)
def ldl_packed(xp: Any, x: Any, *, hermitian: bool, check: str) -> Any:
    """L and D in one matrix, LAPACK's pivots, and its report.

    Args:
        input: (..., n, n), of which the lower triangle is read.
        hermitian: whether complex matrices are Hermitian, else symmetric.
        check: the function that asks for an error where D is singular; else empty.

    Returns:
        tuple of Tensor: (..., n, n), int32 (..., n) and int32 (...).
    """
    packed, pivots, info = xp.lapack.ldl(x, hermitian=hermitian)
    refuse(xp, check, info, "is singular: row {info} of D is 0")
    return packed, pivots, info


def _conjugated(x: Any, hermitian: bool) -> Any:
    return x.conj() if x.dtype.is_complex and not hermitian else x


def _solve_vjp(
    needs: Any, g: Any, out: Any, packed: Any, pivots: Any, b: Any, *, hermitian: bool
) -> Any:
    # A^-H g: a Hermitian A is its own adjoint, a symmetric one the conjugate of it
    turned = ldl_solution(packed, pivots, _conjugated(g, hermitian), hermitian=hermitian)
    return None, None, sum_to(_conjugated(turned, hermitian), tuple(b.shape))


def _solve_jvp(
    tangents: Any, out: Any, packed: Any, pivots: Any, b: Any, *, hermitian: bool
) -> Any:
    if tangents[2] is None:
        return None
    return ldl_solution(packed, pivots, tangents[2], hermitian=hermitian)


@custom(
    shape=lambda packed, pivots, b, *, hermitian: Aval(
        solution_shape("linalg.ldl_solve", packed, b), b.dtype
    ),
    vjp=_solve_vjp,
    jvp=_solve_jvp,
    batch=leading("ldl_solution", 2, 1, 2),
    saves=("packed", "pivots"),
    promote=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(
            array(2, 2, form="spread"),
            array(2, low=1, high=3, kind="int32", fixed=True),
            array(2, 1),
            hermitian=False,
        ),
    ),
)
def ldl_solution(xp: Any, packed: Any, pivots: Any, b: Any, *, hermitian: bool) -> Any:
    """Solution of a x = b from the factors of a.

    Args:
        packed: (..., n, n).
        pivots: (..., n), int32.
        b: (..., n, k).
        hermitian: whether complex matrices are Hermitian, else symmetric.

    Returns:
        Tensor: (..., n, k).
    """
    return xp.lapack.ldl_solve(packed, pivots, b, hermitian=hermitian)


_SAMPLES = (
    Sample(array(3, 3, form="positive")),
    Sample(array(2, 3, 3, form="positive"), hermitian=True),
    Sample(array(3, 3, kind="complex", form="positive"), hermitian=True),
)
_ERRORS = (
    ErrorSample(array(2, 3), error=ShapeError, match="input must be square"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
)


@composite(
    samples=_SAMPLES,
    errors=(
        *_ERRORS,
        ErrorSample(
            array(2, 2, 2, low=0.0, high=0.0), error=LinAlgError, match="0 of the batch is singular"
        ),
    ),
    namespaces=catalogue.LINALG,
    not_differentiable=_PACKED,
    out=True,
)
def ldl_factor(input: Tensor, *, hermitian: bool = False) -> LDL:
    """LDL factors of a symmetric or Hermitian matrix that need not be definite: A = L D L^T.

    Args:
        input: (..., n, n), of which the lower triangle is read; float32, float64 or complex.
        hermitian: whether complex matrices are Hermitian (A = L D L^H), else symmetric.

    Returns:
        named tuple (LD, pivots): L and D, whose blocks are 1 x 1 or 2 x 2, in one matrix
        (..., n, n), and int32 (..., n), as LAPACK's sytrf gives them and ``ldl_solve`` takes them.
        There is no gradient.

    Raises:
        LinAlgError: D is singular; the message says in which matrix.
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    require_square("linalg.ldl_factor", input, "input")
    packed, pivots, _ = ldl_packed(input, hermitian=hermitian, check="linalg.ldl_factor")
    return LDL(packed, pivots)


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    namespaces=catalogue.LINALG,
    not_differentiable=_PACKED,
    out=True,
)
def ldl_factor_ex(input: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> LDLEx:
    """LDL factors with a report instead of an error where D is singular.

    Args:
        input: (..., n, n), of which the lower triangle is read; float32, float64 or complex.
        hermitian: whether complex matrices are Hermitian, else symmetric.
        check_errors: whether to raise all the same.

    Returns:
        named tuple (LD, pivots, info): as of ``ldl_factor``, and int32 (...), 0 or the first row
        of D that is 0.

    Raises:
        LinAlgError: with ``check_errors``, D is singular.
        ShapeError: input is not square.
        DTypeError: input is of integers or half precision.
    """
    require_square("linalg.ldl_factor_ex", input, "input")
    asks = "linalg.ldl_factor_ex" if check_errors else ""
    return LDLEx(*ldl_packed(input, hermitian=hermitian, check=asks))


@composite(
    samples=(
        Sample(
            array(2, 2, form="spread"),
            array(2, low=1, high=2, kind="int32", fixed=True),
            array(2, 3),
        ),
    ),
    errors=(
        ErrorSample(
            array(2, 2), integers(2, low=1, high=2), array(2, 1), error=DTypeError, match="int32"
        ),
        ErrorSample(
            array(2, 2),
            array(3, low=1, high=2, kind="int32", fixed=True),
            array(2, 1),
            error=ShapeError,
            match="pivots must have",
        ),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """Solution X of A X = B from the LDL factors of A.

    Args:
        LD: (..., n, n), of ``ldl_factor``.
        pivots: (..., n), int32, of ``ldl_factor``.
        B: (..., n, k); leading dims broadcast.
        hermitian: as it was given to ``ldl_factor``.

    Returns:
        Tensor: (..., n, k). Only B has a gradient.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: pivots is not int32, or LD or B of integers or half precision.
    """
    require_square("linalg.ldl_solve", LD, "LD")
    require_matrices("linalg.ldl_solve", B, "B")
    if pivots.dtype is not dtypes.int32:
        raise DTypeError(
            f"linalg.ldl_solve: pivots must be int32, as ldl_factor gives it, got {pivots.dtype}"
        )
    if tuple(pivots.shape) != tuple(LD.shape[:-1]):
        raise ShapeError(
            f"linalg.ldl_solve: pivots must have shape {tuple(LD.shape[:-1])} for LD of shape "
            f"{tuple(LD.shape)}, got {tuple(pivots.shape)}"
        )
    LD, B = promoted("linalg.ldl_solve", (LD, B))
    out: Tensor = ldl_solution(LD, pivots, B, hermitian=hermitian)
    return out
