"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue, dtypes
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.exponential import exp
from weft.ops.families.batching import along_dim
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.peaks import highest
from weft.ops.reductions import sum


def _canonical(input: Any, dim: int) -> dict[str, Any]:
    return {"dim": canonical_dim("softmax", dim, input.ndim)}


def _conjugate(x: Any) -> Any:
    return x.conj() if x.dtype.is_complex else x


def _slope(out: Any, t: Any, dim: int) -> Any:
    """The derivative of softmax is symmetric, so one formula serves both modes."""
    weighted = out * t
    return weighted - out * (sum(weighted, dim=dim, keepdim=True) if out.ndim else weighted)


_SAMPLES = (Sample(array(2, 3), dim=1), Sample(array(2, 3, 2), dim=0), Sample(array(), dim=0))


@custom(
    shape=lambda x, *, dim: x,
    vjp=lambda needs, g, out, x, *, dim: (_slope(_conjugate(out), g, dim),),
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
    out: Tensor = normalised_log(_converted(input, dtype), dim)
    return out
