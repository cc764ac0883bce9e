"""Systems with triangular matrices: linalg.solve_triangular."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.broadcasting import sum_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import leading, mH, mT, require_matrices, require_square
from weft.ops.triangles import tril, triu


def solution_shape(name: str, a: Any, b: Any) -> tuple[int, ...]:
    """Return the shape of the solution of a x = b, with leading dims that broadcast.

    Raises:
        ShapeError: a has other rows than b, or leading dims do not broadcast.
    """
    if a.shape[-2] != b.shape[-2]:
        raise ShapeError(
            f"{name}: the matrices have {a.shape[-2]} rows (shape {tuple(a.shape)}), but the right "
            f"sides have {b.shape[-2]} (shape {tuple(b.shape)}); they must be equal"
        )
    return (*broadcast_shapes(name, a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1])


def _triangle(x: Any, upper: bool, unit: bool) -> Any:
    return triu(x, int(unit)) if upper else tril(x, -int(unit))


def _vjp(needs: Any, g: Any, out: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    right = triangular_solution(mH(a), g, upper=not upper, unit=unit)
    to_a = None
    if needs[0]:
        to_a = sum_to(-_triangle(matmul(right, mH(out)), upper, unit), tuple(a.shape))
    return to_a, sum_to(right, tuple(b.shape)) if needs[1] else None


def _jvp(tangents: Any, out: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    ta, tb = tangents
    change = tb
    if ta is not None:
        own = matmul(_triangle(ta, upper, unit), out)
        change = -own if tb is None else tb - own
    return triangular_solution(a, change, upper=upper, unit=unit)


@custom(
    shape=lambda a, b, *, upper, unit: Aval(solution_shape("solve_triangular", a, b), a.dtype),
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("triangular_solution", 2, 2),
    saves=("a", "out"),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="spread"), array(2, 3, 2), upper=True, unit=False),),
)
def triangular_solution(xp: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """Solution of a x = b, where only one triangle of a counts.

    Args:
        a: (..., n, n).
        b: (..., n, k); leading dims broadcast.
        upper: whether the upper triangle counts.
        unit: whether the diagonal is taken to be 1, whatever a holds.

    Returns:
        Tensor: (..., n, k).
    """
    return xp.lapack.solve_triangular(a, b, upper=upper, unit=unit)


@composite(
    samples=(
        Sample(array(3, 3, form="spread"), array(3, 2), upper=True),
        Sample(array(2, 3, 3, form="spread"), array(3, 2), upper=False, unitriangular=True),
        Sample(array(3, 3, form="spread"), array(2, 2, 3), upper=False, left=False),
        Sample(array(0, 0), array(0, 2), upper=True),
    ),
    errors=(
        ErrorSample(array(2, 3), array(3, 1), upper=True, error=ShapeError, match="must be square"),
        ErrorSample(array(2, 2), array(3, 1), upper=True, error=ShapeError, match="2 rows"),
        ErrorSample(array(2, 2), array(2), upper=True, error=ShapeError, match="B must be a mat"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Solution X of A X = B, or with ``left=False`` of X A = B, for a triangular matrix A.

    A zero on the diagonal gives infinities or NaN, without an error.

    Args:
        input: A, (..., n, n), of which one triangle is read; float32, float64 or complex.
        B: (..., n, k), or (..., k, n) with ``left=False``; leading dims broadcast.
        upper: whether A is upper triangular.
        left: whether A stands on the left.
        unitriangular: whether the diagonal of A is taken to be 1, whatever it holds.

    Returns:
        Tensor: of B's shape, with the leading dims of both.

    Raises:
        ShapeError: A is not square, or the shapes do not fit.
        DTypeError: A or B is of integers or half precision.
    """
    require_square("linalg.solve_triangular", input, "input")
    require_matrices("linalg.solve_triangular", B, "B")
    if not left:
        across, right = mT(input), mT(B)
        solution_shape("linalg.solve_triangular", across, right)
        turned: Tensor = mT(triangular_solution(across, right, upper=not upper, unit=unitriangular))
        return turned
    solution_shape("linalg.solve_triangular", input, B)
    out: Tensor = triangular_solution(input, B, upper=upper, unit=unitriangular)
    return out
