"""Systems of linear equations and inverses: linalg.solve, solve_ex, inv, inv_ex and for tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.broadcasting import sum_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import leading, mH, mT, refuse, require_matrices, require_square
from weft.ops.memory import contiguous
from weft.ops.permuting import movedim
from weft.ops.solve_triangular import solution_shape

_INT = dtypes.int32.numpy
_SINGULAR = "is singular: the pivot in row {info} of its LU factors is 0"
_ZEROS = array(2, 2, 2, low=0.0, high=0.0)


class SolveEx(NamedTuple):
    """Solutions, and whether each matrix is singular."""

    result: Tensor
    info: Tensor


class InvEx(NamedTuple):
    """Inverses, and whether each matrix is singular."""

    inverse: Tensor
    info: Tensor


# --- the ops -----------------------------------------------------------------------------------


def _solution_shapes(a: Any, b: Any, *, check: str) -> tuple[Aval, Aval]:
    shape = solution_shape(check or "linalg.solve_ex", a, b)
    return Aval(shape, a.dtype), Aval(a.shape[:-2], _INT)


def _solution_batch(size: int, batched: Sequence[bool], a: Any, b: Any, *, check: str) -> Any:
    """The report has a's leading dims only: without a batch axis there it is one for all."""
    x, info = leading("general_solution", 2, 2)(size, batched, a, b, check=check)
    return x, info if batched[0] else info.expand((size, *info.shape))


def _solution_vjp(needs: Any, g: Any, out: Any, a: Any, b: Any, *, check: str) -> Any:
    if g[0] is None:
        return None, None
    right, _ = general_solution(mH(a), g[0], check=check)
    to_a = sum_to(-matmul(right, mH(out[0])), tuple(a.shape)) if needs[0] else None
    return to_a, sum_to(right, tuple(b.shape)) if needs[1] else None


def _solution_jvp(tangents: Any, out: Any, a: Any, b: Any, *, check: str) -> Any:
    ta, tb = tangents
    change = tb
    if ta is not None:
        own = matmul(ta, out[0])
        change = -own if tb is None else tb - own
    return general_solution(a, change, check=check)[0], None


@custom(
    shape=_solution_shapes,
    vjp=_solution_vjp,
    jvp=_solution_jvp,
    batch=_solution_batch,
    saves=("a", "out"),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="spread"), array(2, 3, 2), check=""),),
)
def general_solution(xp: Any, a: Any, b: Any, *, check: str) -> Any:
    """Solution of a x = b, and LAPACK's report.

    Args:
        a: (..., n, n).
        b: (..., n, k); leading dims broadcast.
        check: the function that asks for an error where a is singular; else empty.

    Returns:
        tuple of Tensor: (..., n, k), and info, int32, with the leading dims of a.
    """
    x, info = xp.lapack.solve(a, b)
    refuse(xp, check, info, _SINGULAR)
    return x, info


def _inverse_vjp(needs: Any, g: Any, out: Any, x: Any, *, check: str) -> Any:
    if g[0] is None:
        return (None,)
    turned = mH(out[0])
    return (-matmul(turned, matmul(g[0], turned)),)


@custom(
    shape=lambda x, *, check: (x, Aval(x.shape[:-2], _INT)),
    vjp=_inverse_vjp,
    jvp=lambda tangents, out, x, *, check: (-matmul(out[0], matmul(tangents[0], out[0])), None),
    batch=leading("general_inverse", 2),
    saves=("out",),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="spread"), check=""),),
)
def general_inverse(xp: Any, x: Any, *, check: str) -> Any:
    """Inverse, and LAPACK's report.

    Args:
        input: (..., n, n).
        check: the function that asks for an error where it is singular; else empty.

    Returns:
        tuple of Tensor: (..., n, n) and info (...), int32.
    """
    inverse, info = xp.lapack.inv(x)
    refuse(xp, check, info, _SINGULAR)
    return inverse, info


# --- solve -------------------------------------------------------------------------------------


def _solved(name: str, A: Tensor, B: Tensor, left: bool, check: bool) -> tuple[Tensor, Tensor]:
    require_square(name, A, "A")
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector and not left:
        raise ShapeError(
            f"{name}: with left=False B must be matrices, (..., k, {A.shape[-1]}), got B.shape == "
            f"{tuple(B.shape)}"
        )
    right = B.unsqueeze(-1) if vector else B
    require_matrices(name, right, "B")
    asks = name if check else ""
    if left:
        solution_shape(name, A, right)
        x, info = general_solution(A, right, check=asks)
        return (x.squeeze(-1) if vector else x), info
    solution_shape(name, mT(A), mT(right))
    x, info = general_solution(mT(A), mT(right), check=asks)
    return contiguous(mT(x)), info


_SOLVE_SAMPLES = (
    Sample(array(3, 3, form="spread"), array(3, 2)),
    Sample(array(3, 3, form="spread"), array(3)),
    Sample(array(2, 3, 3, form="spread"), array(2, 3)),
    Sample(array(2, 3, 3, form="spread"), array(3, 2)),
    Sample(array(3, 3, form="spread"), array(2, 2, 3), left=False),
    Sample(array(3, 3, kind="complex", form="spread"), array(3, 2, kind="complex")),
    Sample(array(0, 0), array(0, 2)),
)
_SOLVE_ERRORS = (
    ErrorSample(array(2, 3), array(3), error=ShapeError, match="A must be square"),
    ErrorSample(array(2, 2), array(3), error=ShapeError, match="have 2 rows"),
    ErrorSample(integers(2, 2), array(2), error=DTypeError, match="must be floating or complex"),
    ErrorSample(array(2, 2), array(2), left=False, error=ShapeError, match="left=False B must be"),
)


@composite(
    samples=_SOLVE_SAMPLES,
    errors=(
        *_SOLVE_ERRORS,
        ErrorSample(_ZEROS, array(2, 1), error=LinAlgError, match="matrix 0 of the batch is sing"),
        ErrorSample(
            array(2, 2, low=1.0), array(2), error=LinAlgError, match="solve: input is singular"
        ),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Solution X of A X = B, or with ``left=False`` of X A = B, for a square matrix A.

    Args:
        A: (..., n, n), float32, float64 or complex.
        B: (..., n, k), or (..., k, n) with ``left=False``; leading dims broadcast. Of shape (n,),
            or of A's shape without its last dim, it holds vectors.
        left: whether A stands on the left.

    Returns:
        Tensor: of B's shape, with the leading dims of both.

    Raises:
        LinAlgError: a matrix is singular; the message says which.
        ShapeError: A is not square, or the shapes do not fit.
        DTypeError: A or B is of integers or half precision.
    """
    return _solved("linalg.solve", A, B, left, True)[0]


@composite(samples=_SOLVE_SAMPLES, errors=_SOLVE_ERRORS, namespaces=catalogue.LINALG, out=True)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> SolveEx:
    """Solution of A X = B with a report instead of an error where A is singular.

    Args:
        A: (..., n, n), float32, float64 or complex.
        B: as ``solve`` takes it.
        left: whether A stands on the left.
        check_errors: whether to raise all the same.

    Returns:
        named tuple (result, info): the solutions, and int32 0 for each matrix, or the number of
        its first zero pivot. The solution for a singular matrix is NaN.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is singular.
        ShapeError: A is not square, or the shapes do not fit.
        DTypeError: A or B is of integers or half precision.
    """
    return SolveEx(*_solved("linalg.solve_ex", A, B, left, check_errors))


# --- inverses ----------------------------------------------------------------------------------

INVERSE_SAMPLES = (
    Sample(array(3, 3, form="spread")),
    Sample(array(2, 2, 2, form="spread")),
    Sample(array(3, 3, kind="complex", form="spread")),
    Sample(array(0, 0)),
)
_INVERSE_ERRORS = (
    ErrorSample(array(2, 3), error=ShapeError, match="A must be square"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
)


def inverted(name: str, A: Tensor, argument: str, check: bool) -> tuple[Tensor, Tensor]:
    """Return the inverses and the report."""
    require_square(name, A, argument)
    inverse, info = general_inverse(A, check=name if check else "")
    return inverse, info


@composite(
    samples=INVERSE_SAMPLES,
    errors=(
        *_INVERSE_ERRORS,
        ErrorSample(_ZEROS, error=LinAlgError, match="inv: matrix 0 of the batch is singular"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def inv(A: Tensor) -> Tensor:
    """Inverse of a square matrix. To multiply by it, ``solve`` is faster and more accurate.

    Args:
        A: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: (..., n, n).

    Raises:
        LinAlgError: a matrix is singular; the message says which.
        ShapeError: A is not square.
        DTypeError: A is of integers or half precision.
    """
    return inverted("linalg.inv", A, "A", True)[0]


@composite(samples=INVERSE_SAMPLES, errors=_INVERSE_ERRORS, namespaces=catalogue.LINALG, out=True)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> InvEx:
    """Inverse of a square matrix, with a report instead of an error where it is singular.

    Args:
        A: (..., n, n), float32, float64 or complex.
        check_errors: whether to raise all the same.

    Returns:
        named tuple (inverse, info): the inverses, and int32 0 for each matrix, or the number of its
        first zero pivot. The inverse of a singular matrix is NaN.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is singular.
        ShapeError: A is not square.
        DTypeError: A is of integers or half precision.
    """
    return InvEx(*inverted("linalg.inv_ex", A, "A", check_errors))


# --- tensors as matrices -----------------------------------------------------------------------


@composite(
    samples=(Sample(array(2, 2, 4)), Sample(array(3, 3, form="spread"), ind=1)),
    errors=(
        ErrorSample(array(4, 2, 3), error=ShapeError, match="must have one product, got 8 and 3"),
        ErrorSample(array(2, 2), ind=0, error=ValueError, match="ind must be positive"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """Inverse of a tensor as a map that ``tensordot`` applies: (b..., a...) of (a..., b...).

    Args:
        input: (a..., b...), where both parts have as many elements.
        ind: how many dims the first part has.

    Returns:
        Tensor: (b..., a...); ``tensordot(tensorinv(x, ind), x, ind)`` is the identity.

    Raises:
        ValueError: ind is not positive.
        ShapeError: the two parts have different numbers of elements.
        LinAlgError: the matrix is singular.
    """
    if ind <= 0:
        raise ValueError(f"linalg.tensorinv: ind must be positive, got {ind}")
    first, second = tuple(input.shape)[:ind], tuple(input.shape)[ind:]
    rows, columns = math.prod(first), math.prod(second)
    if rows != columns:
        raise ShapeError(
            f"linalg.tensorinv: the first {ind} dims of input and the others must have one "
            f"product, got {rows} and {columns} (input.shape == {tuple(input.shape)})"
        )
    flat = inverted("linalg.tensorinv", input.reshape((rows, columns)), "input", True)[0]
    return flat.reshape((*second, *first))


@composite(
    samples=(
        Sample(array(2, 3, 6), array(2, 3)),
        Sample(array(2, 6, 3), array(2, 3), dims=(1,)),
    ),
    errors=(ErrorSample(array(2, 3, 4), array(2, 3), error=ShapeError, match="as many elements"),),
    namespaces=catalogue.LINALG,
    out=True,
)
def tensorsolve(input: Tensor, other: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """Solution X of ``tensordot(A, X, X.ndim) = B``.

    Args:
        input: A, (b..., x...), where both parts have as many elements as B.
        other: B, (b...).
        dims: dims of A to be moved to its end first.

    Returns:
        Tensor: (x...).

    Raises:
        ShapeError: the numbers of elements differ.
        LinAlgError: the matrix is singular.
    """
    if dims is not None:
        named = tuple(canonical_dim("linalg.tensorsolve", d, input.ndim) for d in dims)
        input = movedim(input, named, tuple(range(input.ndim - len(named), input.ndim)))
    rest = tuple(input.shape)[other.ndim :]
    if math.prod(rest) != other.numel() or input.numel() != other.numel() ** 2:
        raise ShapeError(
            f"linalg.tensorsolve: the dims of input beyond other's must have as many elements as "
            f"other, {other.numel()}; got input.shape == {tuple(input.shape)} and other.shape == "
            f"{tuple(other.shape)}"
        )
    flat = input.reshape((-1, math.prod(rest))) if other.numel() else input.reshape((0, 0))
    return _solved("linalg.tensorsolve", flat, other.reshape((-1,)), True, True)[0].reshape(rest)
