"""LU factors: linalg.lu, lu_factor, lu_factor_ex and lu_solve."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.gathering import picked
from weft.ops.joining import cat
from weft.ops.matmul import matmul
from weft.ops.matrices import (
    identity_mask,
    leading,
    mH,
    mT,
    refuse,
    require_matrices,
    require_square,
)
from weft.ops.memory import contiguous
from weft.ops.solve_triangular import solution_shape, triangular_solution
from weft.ops.triangles import tril, triu

_INT = dtypes.int32.numpy
_ROWS = not_differentiable("it counts rows, which are whole numbers")


class LU(NamedTuple):
    """A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactor(NamedTuple):
    """L and U in one matrix, and the rows exchanged."""

    LU: Tensor
    pivots: Tensor


class LUFactorEx(NamedTuple):
    """L and U in one matrix, the rows exchanged, and whether a pivot is 0."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


# --- the order of the rows ---------------------------------------------------------------------


@custom(
    shape=lambda x, *, rows, inverse: Aval((*x.shape[:-1], rows), dtypes.int64.numpy),
    vjp=_ROWS,
    jvp=_ROWS,
    batch=leading("row_order", 1),
    namespaces=(),
    methods=(),
    samples=(Sample(integers(2, 3, low=3, high=4), rows=4, inverse=False),),
)
def row_order(xp: Any, x: Any, *, rows: int, inverse: bool) -> Any:
    """Which row of A stands in each row of L U, from the rows exchanged in turn.

    Args:
        input: (..., k), with which row, counted from 1, each of the first k was exchanged.
        rows: how many A has.
        inverse: whether to return instead where each row of A went.

    Returns:
        Tensor: int64, (..., rows).
    """
    swaps = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    every = xp.arange(swaps.shape[0])
    order = xp.zeros((swaps.shape[0], rows), "int64") + xp.arange(rows)
    steps = range(x.shape[-1])
    for step in reversed(steps) if inverse else steps:
        other = swaps[:, step] - 1
        held = order[every, step].copy()
        order[every, step] = order[every, other]
        order[every, other] = held
    return order.reshape((*x.shape[:-1], rows))


prefer_compiled(catalogue.ops["row_order"], "row_orders", "follow")


def exchanged(x: Any, pivots: Any, *, inverse: bool) -> Any:
    """Return the rows of x in the order of P^H x, or with ``inverse`` of P x."""
    order = row_order(pivots, rows=x.shape[-2], inverse=inverse).unsqueeze(-1)
    lead = broadcast_shapes("lu", tuple(x.shape[:-2]), tuple(order.shape[:-2]))
    shape = (*lead, *tuple(x.shape)[-2:])
    return picked(expand_to(x, shape), expand_to(order, shape), dim=len(shape) - 2)


# --- the factors -------------------------------------------------------------------------------


def _square_part(m: Any, k: int) -> tuple[Any, Any]:
    """Return L and U of the first k rows and columns; L has its diagonal in place."""
    return m[..., :k, :k], triu(m[..., :k, :k])


def _unit(m: Any) -> Any:
    from weft.ops.comparison import where

    return where(identity_mask(m), 1.0, tril(m, -1))


def _solve(m: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    return triangular_solution(m, b, upper=upper, unit=unit)


def _right(m: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """Return b m^-1."""
    return mT(triangular_solution(mT(m), mT(b), upper=not upper, unit=unit))


def _vjp(needs: Any, gs: Any, out: Any, x: Any, *, pivot: bool, check: str) -> Any:
    """The rule for (m, n) matrices; the first k rows and columns of L and U are square."""
    g, packed, pivots = gs[0], out[0], out[1]
    if g is None:
        return (None,)
    k = min(x.shape[-2:])
    both, u = _square_part(packed, k)
    lower = _unit(both)
    inner = tril(matmul(mH(lower), tril(g[..., :k, :k], -1)), -1)
    outer = matmul(triu(g[..., :k, :k]), mH(u))
    if x.shape[-1] > k:  # columns of U beyond the square
        inner = inner - tril(matmul(g[..., :k, k:], mH(packed[..., :k, k:])), -1)
    if x.shape[-2] > k:  # rows of L below the square
        outer = outer - matmul(mH(packed[..., k:, :k]), g[..., k:, :k])
    core = inner + triu(outer)
    top = _solve(mH(lower), _right(mH(u), core, upper=False, unit=False), upper=True, unit=True)
    if x.shape[-1] > k:
        rest = _solve(mH(lower), g[..., :k, k:], upper=True, unit=True)
        top = cat((top, rest), -1)
    if x.shape[-2] > k:
        below = _right(mH(u), g[..., k:, :k], upper=False, unit=False)
        top = cat((top, below), -2)
    return (exchanged(top, pivots, inverse=True),)


def _jvp(tangents: Any, out: Any, x: Any, *, pivot: bool, check: str) -> Any:
    packed, pivots = out[0], out[1]
    t = exchanged(tangents[0], pivots, inverse=False)
    k = min(x.shape[-2:])
    both, u = _square_part(packed, k)
    lower = _unit(both)
    inner = _right(
        u, _solve(both, t[..., :k, :k], upper=False, unit=True), upper=True, unit=False
    )  # L^-1 dA U^-1
    to_l, to_u = tril(inner, -1), triu(inner)
    top = matmul(lower, to_l) + matmul(to_u, u)
    if x.shape[-1] > k:
        beyond = packed[..., :k, k:]
        rest = _solve(both, t[..., :k, k:], upper=False, unit=True) - matmul(to_l, beyond)
        top = cat((top, rest), -1)
    if x.shape[-2] > k:
        below = _right(u, t[..., k:, :k], upper=True, unit=False)
        top = cat((top, below - matmul(packed[..., k:, :k], to_u)), -2)
    return top, None, None


@custom(
    shape=lambda x, *, pivot, check: (
        x,
        Aval((*x.shape[:-2], min(x.shape[-2:])), _INT),
        Aval(x.shape[:-2], _INT),
    ),
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("lu_packed", 2),
    saves=("out",),
    outputs=3,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 3, form="spread"), pivot=True, check=""),),
)
def lu_packed(xp: Any, x: Any, *, pivot: bool, check: str) -> Any:
    """L and U in one matrix, the rows exchanged, and LAPACK's report.

    Args:
        input: (..., n, m).
        pivot: whether rows are exchanged.
        check: the function that asks for an error where a pivot is 0; else empty.

    Returns:
        tuple of Tensor: LU (..., n, m), pivots (..., k) and info (...), the last two int32.
    """
    packed, pivots, info = xp.lapack.lu(x, pivot=pivot)
    refuse(xp, check, info, "is singular: the pivot in row {info} is 0")
    return packed, pivots, info


def unpacked(packed: Any) -> tuple[Any, Any]:
    """Return L and U of matrices that hold both."""
    from weft.ops.comparison import where
    from weft.ops.creation import arange

    rows, columns = packed.shape[-2:]
    k = min(rows, columns)
    below = tril(packed[..., :, :k], -1)
    diagonal = arange(rows, device=packed.device).unsqueeze(-1) == arange(k, device=packed.device)
    one = packed.dtype is dtypes.bool_ or 1  # a number would make integers of booleans
    return where(diagonal, one, below), triu(packed[..., :k, :])


def permutation(pivots: Any, rows: int, dtype: Any) -> Any:
    """Return the matrix P that the exchanged rows make."""
    from weft.ops.creation import arange

    order = row_order(pivots, rows=rows, inverse=False)
    return (order.unsqueeze(-2) == arange(rows, device=order.device).unsqueeze(-1)).to(dtype)


# --- public functions --------------------------------------------------------------------------

SAMPLES = (
    Sample(array(3, 3, form="spread")),
    Sample(array(2, 4, 3, form="spread")),
    Sample(array(2, 3, 4, form="spread")),
    Sample(array(0, 3)),
    Sample(array(0, 2, 2)),
)
_ERRORS = (
    ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
)


@composite(
    samples=(*SAMPLES, Sample(array(3, 3))), errors=_ERRORS, namespaces=catalogue.LINALG, out=True
)
def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """LU factors with partial pivoting: A = P L U.

    Args:
        A: (..., n, m), float32, float64 or complex.
        pivot: whether rows are exchanged, for accuracy. Without it P is empty, and a zero pivot
            gives infinities.

    Returns:
        named tuple (P, L, U): the permutation (..., n, n), L (..., n, k) with ones on its diagonal
        and U (..., k, m), k = min(n, m).

    Raises:
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("linalg.lu", A, "A")
    packed, pivots, _ = lu_packed(A, pivot=pivot, check="")
    lower, upper = unpacked(packed)
    if pivot:
        return LU(permutation(pivots, A.shape[-2], A.dtype), lower, upper)
    from weft.ops.creation import zeros

    return LU(zeros((0,), dtype=A.dtype, device=A.device), lower, upper)


@composite(
    samples=SAMPLES,
    errors=(
        *_ERRORS,
        ErrorSample(array(2, 2, low=0.0, high=0.0), error=LinAlgError, match="pivot in row 1"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactor:
    """LU factors with partial pivoting in one matrix, as ``lu_solve`` takes them.

    Args:
        A: (..., n, m), float32, float64 or complex.
        pivot: whether rows are exchanged, for accuracy.

    Returns:
        named tuple (LU, pivots): U above and on the diagonal, L below it without its ones,
        (..., n, m); and int32 (..., k), with which row (counted from 1) each was exchanged in turn.

    Raises:
        LinAlgError: a pivot is 0; the message says which, and in which matrix.
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("linalg.lu_factor", A, "A")
    packed, pivots, _ = lu_packed(A, pivot=pivot, check="linalg.lu_factor")
    return LUFactor(packed, pivots)


@composite(samples=SAMPLES, errors=_ERRORS, namespaces=catalogue.LINALG, out=True)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUFactorEx:
    """LU factors in one matrix, with a report instead of an error where a pivot is 0.

    Args:
        A: (..., n, m), float32, float64 or complex.
        pivot: whether rows are exchanged, for accuracy.
        check_errors: whether to raise all the same.

    Returns:
        named tuple (LU, pivots, info): the first two as of ``lu_factor``; info (...), int32, is 0
        or the number of the first zero pivot.

    Raises:
        LinAlgError: with ``check_errors``, a pivot is 0.
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
    """
    require_matrices("linalg.lu_factor_ex", A, "A")
    asks = "linalg.lu_factor_ex" if check_errors else ""
    return LUFactorEx(*lu_packed(A, pivot=pivot, check=asks))


def solved(name: str, LU: Tensor, pivots: Tensor, B: Tensor, left: bool, adjoint: bool) -> Tensor:
    """Return the solution of A X = B, X A = B, or either with A^H, from the factors of A."""
    require_square(name, LU, "LU")
    require_matrices(name, B, "B")
    if pivots.dtype is not dtypes.int32:
        raise DTypeError(f"{name}: pivots must be int32, as lu_factor gives it, got {pivots.dtype}")
    if tuple(pivots.shape) != tuple(LU.shape[:-1]):
        raise ShapeError(
            f"{name}: pivots must have shape {tuple(LU.shape[:-1])} for LU of shape "
            f"{tuple(LU.shape)}, got {tuple(pivots.shape)}"
        )
    if not left:  # X A = B is A^H X^H = B^H
        return contiguous(mH(solved(name, LU, pivots, mH(B), True, not adjoint)))
    solution_shape(name, LU, B)
    out: Tensor
    if adjoint:
        inner = _solve(mH(LU), B, upper=False, unit=False)
        out = exchanged(_solve(mH(LU), inner, upper=True, unit=True), pivots, inverse=True)
    else:
        inner = _solve(LU, exchanged(B, pivots, inverse=False), upper=False, unit=True)
        out = _solve(LU, inner, upper=True, unit=False)
    return out


def int32_pivots(*shape: int) -> Any:
    """Describe pivots that exchange each row with the third."""
    return array(*shape, low=3, high=3, kind="int32")


@composite(
    samples=(
        Sample(array(3, 3, form="spread"), int32_pivots(3), array(3, 2)),
        Sample(array(2, 3, 3, form="spread"), int32_pivots(2, 3), array(2, 3, 2), adjoint=True),
        Sample(array(3, 3, form="spread"), int32_pivots(3), array(2, 3), left=False),
    ),
    errors=(
        ErrorSample(
            array(3, 3), integers(3, low=1, high=2), array(3, 1), error=DTypeError, match="int32"
        ),
        ErrorSample(
            array(3, 3), int32_pivots(2), array(3, 1), error=ShapeError, match="pivots must have"
        ),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """Solution X of A X = B from the LU factors of A, which serve for many B.

    Args:
        LU: (..., n, n), of ``lu_factor``.
        pivots: (..., n), int32, of ``lu_factor``.
        B: (..., n, k), or (..., k, n) with ``left=False``.
        left: whether to solve A X = B, else X A = B.
        adjoint: whether A^H stands in place of A.

    Returns:
        Tensor: of B's shape, with the leading dims of both.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: pivots is not int32, or LU or B of integers or half precision.
    """
    return solved("linalg.lu_solve", LU, pivots, B, left, adjoint)
