"""QR factors and products of Householder reflections: linalg.qr, geqrf, ormqr and their kin."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.joining import cat
from weft.ops.matmul import matmul
from weft.ops.matrices import diagonal_of, identity_mask, leading, mH, mT, require_matrices
from weft.ops.solve_triangular import triangular_solution
from weft.ops.triangles import tril, triu


class QR(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor


class Reflectors(NamedTuple):
    """R with the reflectors below it, and their factors."""

    a: Tensor
    tau: Tensor


def _over_right(r: Any, x: Any, *, adjoint: bool) -> Any:
    """Return x r^-1, or x r^-H, for an upper triangular r."""
    if adjoint:
        return mH(triangular_solution(r, mH(x), upper=True, unit=False))
    return mT(triangular_solution(mT(r), mT(x), upper=False, unit=False))


def _real_diagonal(x: Any) -> Any:
    """Return x with the imaginary part of its diagonal taken away."""
    if not x.dtype.is_complex:
        return x
    own = diagonal_of(x).real.to(x.dtype)
    return where(identity_mask(x), own.unsqueeze(-2), x)


def _require_determined(x: Any, mode: str) -> None:
    if mode == "complete" and x.shape[-2] > x.shape[-1]:
        raise GradError(
            "linalg.qr: with mode='complete' the last columns of Q are not determined when A has "
            "more rows than columns, so Q has no gradient; use mode='reduced'"
        )


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, mode: str) -> Any:
    q, r = out
    to_q, to_r = g
    if to_q is None and to_r is None:
        return (None,)
    _require_determined(x, mode)
    # with X = Q^H dA R^-1: dR = upper(X) R and dQ = (dA - Q dR) R^-1
    inner: Any = None
    if to_r is not None:
        inner = matmul(to_r, mH(r))
    if to_q is not None:
        own = matmul(mH(q), to_q)
        inner = -own if inner is None else inner - own
    # the transpose of taking X to its upper triangle plus the adjoint of what is below it
    upper = _real_diagonal(triu(inner))
    spread = upper + mH(triu(inner, 1))
    total = matmul(q, spread)
    if to_q is not None:
        total = total + to_q
    return (_over_right(r, total, adjoint=True),)


def _jvp(tangents: Any, out: Any, x: Any, *, mode: str) -> Any:
    _require_determined(x, mode)
    q, r = out
    scaled = _over_right(r, tangents[0], adjoint=False)
    inner = matmul(mH(q), scaled)
    upper = _real_diagonal(triu(inner)) + mH(tril(inner, -1))
    return scaled - matmul(q, upper), matmul(upper, r)


def _shape(x: Any, *, mode: str) -> tuple[Aval, Aval]:
    rows, columns = x.shape[-2:]
    k = rows if mode == "complete" else min(rows, columns)
    lead = x.shape[:-2]
    return Aval((*lead, rows, k), x.dtype), Aval((*lead, k, columns), x.dtype)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=leading("orthogonal_triangular", 2),
    saves=("out",),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3, form="spread"), mode="reduced"),),
)
def orthogonal_triangular(xp: Any, x: Any, *, mode: str) -> Any:
    """Q and R of matrices that have no more columns than rows.

    Args:
        input: (..., n, m).
        mode: ``"reduced"`` or ``"complete"``.

    Returns:
        tuple of Tensor: Q and R.
    """
    return tuple(xp.linalg.qr(x, mode=mode))


def factors(input: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Return Q and R; of a wide matrix Q comes from its square part alone."""
    rows, columns = input.shape[-2:]
    if columns <= rows:
        q, r = orthogonal_triangular(input, mode=mode)
        return q, r
    q, r = orthogonal_triangular(input[..., :rows], mode="reduced")
    return q, cat((r, matmul(mH(q), input[..., rows:])), -1)


QR_SAMPLES = (
    Sample(array(3, 3, form="spread")),
    Sample(array(2, 4, 3, form="spread")),
    Sample(array(2, 4, form="spread")),
    Sample(array(4, 3, kind="complex", form="spread")),
)


@composite(
    samples=(
        *QR_SAMPLES,
        Sample(array(3, 3, form="spread"), mode="complete"),
        Sample(array(0, 3)),
    ),
    errors=(
        ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),
        ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
        ErrorSample(array(2, 2), mode="full", error=ValueError, match="mode must be"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def qr(A: Tensor, mode: str = "reduced") -> QR:
    """QR factors: A = Q R with orthonormal columns of Q and R upper triangular.

    Q has a gradient where the first min(n, m) columns of A are independent and Q is determined by
    them: not with ``mode="complete"`` and n > m.

    Args:
        A: (..., n, m), float32, float64 or complex.
        mode: ``"reduced"``: Q (..., n, k) and R (..., k, m), k = min(n, m); ``"complete"``: Q
            (..., n, n) and R (..., n, m); ``"r"``: R of the reduced form, and an empty Q.

    Returns:
        named tuple (Q, R).

    Raises:
        ShapeError: A is no matrix.
        DTypeError: A is of integers or half precision.
        ValueError: mode is not known.
        GradError: in backward, Q is not determined.
    """
    require_matrices("linalg.qr", A, "A")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    if mode == "r":
        from weft.ops.creation import zeros

        return QR(zeros((0,), dtype=A.dtype, device=A.device), factors(A, "reduced")[1])
    return QR(*factors(A, mode))


# --- reflections -------------------------------------------------------------------------------

_REFLECTS = not_differentiable("the reflectors are LAPACK's own form; linalg.qr has a gradient")


@custom(
    shape=lambda x: (x, Aval((*x.shape[:-2], min(x.shape[-2:])), x.dtype)),
    vjp=_REFLECTS,
    jvp=_REFLECTS,
    batch=leading("reflectors", 2),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3, form="spread")),),
)
def reflectors(xp: Any, x: Any) -> Any:
    """R with the Householder reflectors of Q below it, and their factors.

    Args:
        input: (..., n, m).

    Returns:
        tuple of Tensor: (..., n, m) and (..., min(n, m)).
    """
    return xp.lapack.geqrf(x)


@composite(
    samples=(Sample(array(4, 3, form="spread")), Sample(array(2, 3, 3, form="spread"))),
    errors=(ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),),
    not_differentiable="the reflectors are LAPACK's own form; linalg.qr has a gradient",
    out=True,
)
def geqrf(input: Tensor) -> Reflectors:
    """QR factors in LAPACK's form: R, and below it the reflectors whose product is Q.

    Args:
        input: (..., n, m), float32, float64 or complex.

    Returns:
        named tuple (a, tau): (..., n, m) and (..., min(n, m)), as ``householder_product`` and
        ``ormqr`` take them. There is no gradient; ``linalg.qr`` has one.

    Raises:
        ShapeError: input is no matrix.
        DTypeError: input is of integers or half precision.
    """
    require_matrices("geqrf", input, "input")
    return Reflectors(*reflectors(input))


def reflected(name: str, input: Tensor, tau: Tensor, x: Tensor, adjoint: bool) -> Tensor:
    """Return Q x or Q^H x, one reflection after another: (I - tau v v^H) x."""
    k = tau.shape[-1]
    if tuple(tau.shape[:-1]) != tuple(input.shape[:-2]) or k > input.shape[-1]:
        raise ShapeError(
            f"{name}: tau must have the leading dims of input and at most {input.shape[-1]} "
            f"elements, got tau.shape == {tuple(tau.shape)} for input.shape == {tuple(input.shape)}"
        )
    from weft.ops.creation import arange

    rows = arange(input.shape[-2], device=input.device).unsqueeze(-1)
    for step in range(k) if adjoint else reversed(range(k)):
        column = input[..., step : step + 1]
        v = where(rows == step, 1.0, where(rows > step, column, 0.0))
        factor = tau[..., step : step + 1].unsqueeze(-1)
        if adjoint and factor.dtype.is_complex:
            factor = factor.conj()
        x = x - matmul(v * factor, matmul(mH(v), x))
    return x


@composite(
    samples=(
        Sample(array(4, 3), array(3)),
        Sample(array(2, 4, 3), array(2, 2)),
        Sample(array(3, 3, kind="complex"), array(2, kind="complex")),
    ),
    errors=(
        ErrorSample(array(2, 3), array(2), error=ShapeError, match="at least as many rows"),
        ErrorSample(array(3, 2), array(3), error=ShapeError, match="tau must have"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """First columns of a product of Householder reflections H_1 H_2 ... H_k, H = I - tau v v^H.

    Args:
        input: (..., n, m) with n >= m; below its diagonal stand the vectors v, whose first element,
            1, is not stored.
        tau: (..., k) with k <= m.

    Returns:
        Tensor: (..., n, m).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: an argument is of integers or half precision.
    """
    return _product("linalg.householder_product", input, tau)


def _product(name: str, input: Tensor, tau: Tensor) -> Tensor:
    from weft.ops.creation import arange

    require_matrices(name, input, "input")
    rows, columns = input.shape[-2:]
    if columns > rows:
        raise ShapeError(
            f"{name}: input must have at least as many rows as columns, got input.shape == "
            f"{tuple(input.shape)}"
        )
    places = arange(rows, device=input.device)
    start = (places.unsqueeze(-1) == places[:columns]).to(input.dtype)
    return reflected(name, input, tau, expand_to(start, tuple(input.shape)), False)


@composite(
    samples=(Sample(array(4, 3), array(3)),),
    errors=(ErrorSample(array(2, 3), array(2), error=ShapeError, match="at least as many rows"),),
    out=True,
)
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """First columns of a product of Householder reflections: ``linalg.householder_product``.

    Args:
        input: (..., n, m) with n >= m, the vectors below its diagonal.
        input2: (..., k) with k <= m, their factors.

    Returns:
        Tensor: (..., n, m).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: an argument is of integers or half precision.
    """
    return _product("orgqr", input, input2)


@composite(
    samples=(
        Sample(array(4, 3), array(3), array(4, 2)),
        Sample(array(4, 3), array(3), array(2, 4), left=False),
        Sample(array(2, 3, 3), array(2, 3), array(2, 3, 2), transpose=True),
        Sample(
            array(3, 3, kind="complex"),
            array(3, kind="complex"),
            array(2, 3, kind="complex"),
            False,
            True,
        ),
    ),
    errors=(
        ErrorSample(array(4, 3), array(3), array(3, 2), error=ShapeError, match="must have 4 rows"),
    ),
    out=True,
)
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Product of the Q of ``geqrf`` with a matrix, without forming Q.

    Args:
        input: (..., n, k), the reflectors below its diagonal.
        tau: (..., k), their factors.
        other: (..., n, m), or (..., m, n) with ``left=False``.
        left: whether Q stands on the left.
        transpose: whether Q^H stands in place of Q.

    Returns:
        Tensor: of other's shape.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: an argument is of integers or half precision.
    """
    require_matrices("ormqr", input, "input")
    require_matrices("ormqr", other, "other")
    rows, own = input.shape[-2], other.shape[-2 if left else -1]
    if own != rows:
        raise ShapeError(
            f"ormqr: other must have {rows} {'rows' if left else 'columns'}, as many as input has "
            f"rows, got other.shape == {tuple(other.shape)}"
        )
    if left:
        return reflected("ormqr", input, tau, other, transpose)
    turned: Tensor = mH(reflected("ormqr", input, tau, mH(other), not transpose))
    return turned
