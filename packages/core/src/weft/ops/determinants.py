"""Determinants: linalg.det, linalg.slogdet, logdet and their names at the top level."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import diagonal_of, leading, mH, real_dtype, real_part, require_square
from weft.ops.reductions import sum
from weft.ops.solving import general_inverse


class SLogDet(NamedTuple):
    """The determinant as a sign and the logarithm of its modulus."""

    sign: Tensor
    logabsdet: Tensor


def _trace(x: Any) -> Any:
    return sum(diagonal_of(x), -1)


def _wide(x: Any) -> Any:
    return x.unsqueeze(-1).unsqueeze(-1)


def _adjugate_vjp(needs: Any, g: Any, out: Any, x: Any) -> Any:
    inverse = mH(general_inverse(x, check="linalg.det, differentiated twice")[0])
    turned = mH(out)
    inner = _wide(sum(g * (out.conj() if out.dtype.is_complex else out), (-2, -1)))
    return (inner * inverse - matmul(inverse, matmul(g, turned)),)


def _adjugate_jvp(tangents: Any, out: Any, x: Any) -> Any:
    moved = matmul(general_inverse(x, check="linalg.det, differentiated twice")[0], tangents[0])
    return _wide(_trace(moved)) * out - matmul(moved, out)


@custom(
    shape=lambda x: x,
    vjp=_adjugate_vjp,
    jvp=_adjugate_jvp,
    batch=leading("adjugate", 2),
    saves=("x", "out"),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="spread")),),
)
def adjugate(xp: Any, x: Any) -> Any:
    """Transposed cofactors: det(A) A^-1 where A has an inverse, and defined where it has none.

    Args:
        input: (..., n, n).

    Returns:
        Tensor: (..., n, n).
    """
    return xp.lapack.adjugate(x)


@custom(
    shape=lambda x: Aval(x.shape[:-2], x.dtype),
    vjp=lambda needs, g, out, x: (_wide(g) * mH(adjugate(x)),),
    jvp=lambda tangents, out, x: _trace(matmul(adjugate(x), tangents[0])),
    batch=leading("determinant", 2),
    saves=("x",),
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="spread")),),
)
def determinant(xp: Any, x: Any) -> Any:
    """Determinant.

    Args:
        input: (..., n, n).

    Returns:
        Tensor: (...).
    """
    return xp.linalg.det(x)


def _log_vjp(needs: Any, g: Any, out: Any, x: Any) -> Any:
    to_sign, to_log = g
    share = to_log
    if to_sign is not None and x.dtype.is_complex:  # a real sign does not move
        sign = out[0]
        turn = (to_sign.conj() * sign).imag * -1j
        share = turn if share is None else share + turn
    if share is None:
        return (None,)
    return (_wide(share) * mH(general_inverse(x, check="")[0]),)


def _log_jvp(tangents: Any, out: Any, x: Any) -> Any:
    speed = _trace(matmul(general_inverse(x, check="")[0], tangents[0]))
    turn = out[0] * (speed.imag * 1j) if x.dtype.is_complex else None
    return turn, real_part(speed)


@custom(
    shape=lambda x: (
        Aval(x.shape[:-2], x.dtype),
        Aval(x.shape[:-2], real_dtype(x.dtype)),
    ),
    vjp=_log_vjp,
    jvp=_log_jvp,
    batch=leading("signed_log", 2),
    saves=("x", "out"),
    outputs=2,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3, form="spread")),),
)
def signed_log(xp: Any, x: Any) -> Any:
    """Sign of the determinant and logarithm of its modulus.

    Args:
        input: (..., n, n).

    Returns:
        tuple of Tensor: sign (...) and logabsdet (...), the latter real.
    """
    sign, logarithm = xp.linalg.slogdet(x)
    return sign, logarithm


SAMPLES = (
    Sample(array(3, 3, form="spread")),
    Sample(array(2, 2, 2, form="spread")),
    Sample(array(3, 3, kind="complex", form="spread")),
    Sample(array(0, 0)),
)
ERRORS = (ErrorSample(array(2, 3), error=ShapeError, match="must be square"),)
_WHOLE = (ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),)


def determinant_of(name: str, x: Tensor, argument: str) -> Tensor:
    """Return the determinants of square matrices."""
    require_square(name, x, argument)
    out: Tensor = determinant(x)
    return out


def signed_log_of(name: str, x: Tensor, argument: str) -> tuple[Tensor, Tensor]:
    """Return the signs and logarithms of the determinants of square matrices."""
    require_square(name, x, argument)
    sign, logarithm = signed_log(x)
    return sign, logarithm


@composite(samples=SAMPLES, errors=(*ERRORS, *_WHOLE), namespaces=catalogue.LINALG, out=True)
def det(A: Tensor) -> Tensor:
    """Determinant of a square matrix.

    The gradient holds for singular matrices too; a second derivative needs an inverse.

    Args:
        A: (..., n, n), float32, float64 or complex.

    Returns:
        Tensor: (...). Of an empty matrix it is 1.

    Raises:
        ShapeError: A is not square.
        DTypeError: A is of integers or half precision.
    """
    return determinant_of("linalg.det", A, "A")


@composite(samples=SAMPLES, errors=(*ERRORS, *_WHOLE), namespaces=catalogue.LINALG, out=True)
def slogdet(A: Tensor) -> SLogDet:
    """Sign and logarithm of the modulus of a determinant, which neither over- nor underflow.

    Args:
        A: (..., n, n), float32, float64 or complex.

    Returns:
        named tuple (sign, logabsdet): sign (...), of modulus 1 or 0, and logabsdet (...), real;
        det = sign exp(logabsdet). Of a singular matrix 0 and -inf.

    Raises:
        ShapeError: A is not square.
        DTypeError: A is of integers or half precision.
    """
    return SLogDet(*signed_log_of("linalg.slogdet", A, "A"))
