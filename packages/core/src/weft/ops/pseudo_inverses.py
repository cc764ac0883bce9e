"""What singular values above a tolerance tell: linalg.pinv and matrix_rank."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.limits import finfo
from weft._core.samples import Sample, array
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs
from weft.ops.broadcasting import sum_to
from weft.ops.comparison import where
from weft.ops.eigen import hermitian_values
from weft.ops.extremes import amax
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.matmul import matmul
from weft.ops.matrices import leading, mH, real_dtype, require_matrices, require_square
from weft.ops.reductions import sum
from weft.ops.singular import ERRORS, require_finite, singular_values


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
        s = abs(hermitian_values(A, lower=True))
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
    errors=ERRORS,
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
    require_finite(xp, "linalg.pinv", x)
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
    errors=ERRORS,
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
