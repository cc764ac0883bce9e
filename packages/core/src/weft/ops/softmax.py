"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.dispatch import apply, apply_one
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.exponential import exp
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.peaks import highest
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import sum


def _canonical(input: Any, dim: int) -> dict[str, Any]:
    return {"dim": canonical_dim("softmax", dim, input.ndim)}


def _conjugate(x: Any) -> Any:
    return x.conj() if x.dtype.is_complex else x


def _slope(out: Any, t: Any, dim: int) -> Any:
    """The derivative of softmax is symmetric, so one formula serves both modes."""
    weighted = out * t
    return weighted - out * (sum(weighted, dim=dim, keepdim=True) if out.ndim else weighted)


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: int) -> Any:
    if out.ndim and not out.dtype.is_complex and unrecorded(g, out):
        return (exp_slopes(g, out, dim=dim),)
    return (_slope(_conjugate(out), g, dim),)


_SAMPLES = (Sample(array(2, 3), dim=1), Sample(array(2, 3, 2), dim=0), Sample(array(), dim=0))


@custom(
    shape=lambda x, *, dim: x,
    vjp=_vjp,
    jvp=lambda tangents, out, x, *, dim: _slope(out, tangents[0], dim),
    batch=along_dim("normalised_exp"),
    saves=("out",),
    canonical=_canonical,
    floating=True,
    samples=_SAMPLES,
    namespaces=(),
    methods=(),
)
def normalised_exp(xp: Any, x: Any, *, dim: int) -> Any:
    """Exponentials over their sum along a dim.

    Args:
        input: (...), floating.
        dim: the dim.

    Returns:
        Tensor: (...).
    """
    if not x.ndim:
        return xp.ones_like(x)
    e = xp.exp(x - highest(xp, x, dim, -xp.inf))
    return e / xp.sum(e, axis=dim, keepdims=True)


def _log_vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: int) -> Any:
    if out.ndim and not out.dtype.is_complex and unrecorded(g, out):
        return (log_slopes(g, out, dim=dim),)
    return (g - _conjugate(exp(out)) * (sum(g, dim=dim, keepdim=True) if g.ndim else g),)


def _log_jvp(tangents: Any, out: Any, x: Any, *, dim: int) -> Any:
    t = tangents[0]
    weighted = exp(out) * t
    return t - (sum(weighted, dim=dim, keepdim=True) if t.ndim else weighted)


@custom(
    shape=lambda x, *, dim: x,
    vjp=_log_vjp,
    jvp=_log_jvp,
    batch=along_dim("normalised_log"),
    saves=("out",),
    canonical=_canonical,
    floating=True,
    samples=_SAMPLES,
    namespaces=(),
    methods=(),
)
def normalised_log(xp: Any, x: Any, *, dim: int) -> Any:
    """Logarithm of softmax along a dim.

    Args:
        input: (...), floating.
        dim: the dim.

    Returns:
        Tensor: (...).
    """
    if not x.ndim:
        return xp.zeros_like(x)
    shifted = x - highest(xp, x, dim, -xp.inf)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=dim, keepdims=True))


_ALONE = not_differentiable("softmax calls it only where nothing is recorded")
_SLOPES = (
    Sample(array(2, 3), array(2, 3, low=0.0), dim=1),
    Sample(array(2, 3, 2), array(2, 3, 2, low=0.0), dim=0),
)


def _slopes_along(name: str) -> Any:
    def batch(size: int, batched: Sequence[bool], g: Any, out: Any, *, dim: int) -> Any:
        g, out = (
            one if has else one.expand((size, *tuple(one.shape)))
            for one, has in zip((g, out), batched, strict=True)
        )
        return apply(catalogue.ops[name], (g, out), {"dim": dim + 1})

    return batch


@custom(
    shape=lambda g, out, *, dim: out,
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_along("exp_slopes"),
    promote=False,
    samples=_SLOPES,
    namespaces=(),
    methods=(),
    out=False,
)
def exp_slopes(xp: Any, g: Any, out: Any, *, dim: int) -> Any:
    """The derivative of :func:`normalised_exp`.

    Args:
        g: the cotangent.
        out: what softmax gave.
        dim: along which dim.

    Returns:
        Tensor: the cotangent of softmax's argument.
    """
    require_real("exp_slopes", out)
    return out * (g - xp.sum(out * g, axis=dim, keepdims=True))


@custom(
    shape=lambda g, out, *, dim: out,
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_along("log_slopes"),
    promote=False,
    samples=_SLOPES,
    namespaces=(),
    methods=(),
    out=False,
)
def log_slopes(xp: Any, g: Any, out: Any, *, dim: int) -> Any:
    """The derivative of :func:`normalised_log`.

    Args:
        g: the cotangent.
        out: what log_softmax gave.
        dim: along which dim.

    Returns:
        Tensor: the cotangent of log_softmax's argument.
    """
    require_real("log_slopes", out)
    return g - xp.exp(out) * xp.sum(g, axis=dim, keepdims=True)


for _op, _kernel in (
    ("normalised_exp", "softmax"),
    ("normalised_log", "log_softmax"),
    ("exp_slopes", "softmax_backward"),
    ("log_slopes", "log_softmax_backward"),
):
    prefer_compiled(catalogue.ops[_op], "softmax", _kernel)


_EXP, _LOG = catalogue.ops["normalised_exp"], catalogue.ops["normalised_log"]

_ERRORS = (ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),)


def _converted(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtypes.of(dtypes.canonical(dtype)))


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    namespaces=catalogue.BOTH,
    aliases=("special.softmax",),
    out=True,
)
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Exponentials over their sum along a dim: non-negative and adding up to 1.

    Args:
        input: (...); integers become the default floating dtype.
        dim: the dim.
        dtype: to convert to first.

    Returns:
        Tensor: (...).

    Raises:
        IndexError: the dim is out of range.
    """
    data = input._data
    if dtype is None and data.dtype.kind == "f":
        ndim = data.ndim
        if type(dim) is not int or not -ndim <= dim < ndim:
            dim = canonical_dim("softmax", dim, ndim)
        return apply_one(_EXP, input, {"dim": dim if dim >= 0 else dim + ndim})
    out: Tensor = normalised_exp(_converted(input, dtype), dim)
    return out


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    namespaces=catalogue.BOTH,
    aliases=("special.log_softmax",),
    out=True,
)
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Logarithm of softmax along a dim, without overflow or loss of small values.

    Args:
        input: (...); integers become the default floating dtype.
        dim: the dim.
        dtype: to convert to first.

    Returns:
        Tensor: (...).

    Raises:
        IndexError: the dim is out of range.
    """
    data = input._data
    if dtype is None and data.dtype.kind == "f":
        ndim = data.ndim
        if type(dim) is not int or not -ndim <= dim < ndim:
            dim = canonical_dim("softmax", dim, ndim)
        return apply_one(_LOG, input, {"dim": dim if dim >= 0 else dim + ndim})
    out: Tensor = normalised_log(_converted(input, dtype), dim)
    return out
