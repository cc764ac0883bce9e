"""Logarithms of sums of exponentials, of all elements over dims and running along one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer, prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim, canonical_dims, without
from weft.ops.comparison import eq, where
from weft.ops.complex import conj, real
from weft.ops.exponential import exp
from weft.ops.families.batching import along_dim, shift_dims, with_params
from weft.ops.families.custom import custom
from weft.ops.families.peaks import highest
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.joining import piece, spaced
from weft.ops.recurrence import recurrence
from weft.ops.reductions import sum


def _shape(x: Aval, *, dim: tuple[int, ...], keepdim: bool) -> Aval:
    return Aval(without(x.shape, dim, keepdim), x.dtype)


def _finite(out: Any) -> Any:
    """The logarithms with 0 for -inf, whose differences with -inf would be NaN."""
    return where(eq(real(out) if out.dtype.is_complex else out, -math.inf), 0.0, out)


def _weights(out: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    kept = out if keepdim else out.reshape(without(tuple(x.shape), dim, True))
    return exp(x - _finite(kept))  # 0 where all is -inf


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    if dim and not x.dtype.is_complex and unrecorded(g, out, x):
        return (logsum_slopes(g, out, x, dim=dim, keepdim=keepdim),)
    kept = g if keepdim else g.reshape(without(tuple(x.shape), dim, True))
    weights = _weights(out, x, dim, keepdim)
    return (kept * (conj(weights) if x.dtype.is_complex else weights),)


def _jvp(tangents: Any, out: Any, x: Any, *, dim: Any, keepdim: bool) -> Any:
    weighted = tangents[0] * _weights(out, x, dim, keepdim)
    return sum(weighted, dim, keepdim) if dim else weighted


def _canonical(input: Any, dim: Any, keepdim: bool) -> dict[str, Any]:
    dims = canonical_dims("logsumexp", dim, input.ndim)
    return {"dim": dims if input.ndim else (), "keepdim": keepdim}


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=with_params("logsumexp", shift_dims("dim")),
    saves=("x", "out"),
    canonical=_canonical,
    floating=True,
    aliases=("special.logsumexp",),
    samples=(
        Sample(array(2, 3), 1),
        Sample(array(2, 3), (0, 1), True),
        Sample(array(2, 3, 2), (0, -1)),
        Sample(array(2, 0, fixed=True), 1),
        Sample(array(), 0),
        Sample(integers(3), 0),
        Sample(array(2, 3, kind="complex"), 1),
    ),
    errors=(ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),),
)
def logsumexp(xp: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool = False) -> Any:
    """Logarithm of the sum of exponentials over dims, without overflow.

    .. math:: \\log \\sum_j e^{x_j}

    Args:
        input: (...); integers become the default floating dtype.
        dim: the dim or dims.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims; -inf of nothing. Where all elements are -inf the gradient is 0
        (PyTorch's is NaN).

    Raises:
        IndexError: a dim is out of range.
    """
    peak = highest(xp, x.real, dim, -math.inf)
    peak = xp.where(xp.isfinite(peak), peak, 0).astype(x.real.dtype)
    total = xp.log(xp.sum(xp.exp(x - peak), axis=dim, keepdims=keepdim))
    return total + (peak if keepdim else peak.reshape(total.shape))


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, out: Any, x: Any, *, dim: Any, keepdim: bool
) -> Any:
    g, out, x = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((g, out, x), batched, strict=True)
    )
    return logsum_slopes(g, out, x, dim=tuple(d + 1 for d in dim), keepdim=keepdim)


@custom(
    shape=lambda g, out, x, *, dim, keepdim: x,
    vjp=not_differentiable("logsumexp calls it only where nothing is recorded"),
    jvp=not_differentiable("logsumexp calls it only where nothing is recorded"),
    batch=_slopes_batch,
    promote=False,
    samples=(
        Sample(array(2), array(2, low=1.0), array(2, 3), dim=(1,), keepdim=False),
        Sample(array(1, 3), array(1, 3, low=1.0), array(2, 3), dim=(0,), keepdim=True),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def logsum_slopes(xp: Any, g: Any, out: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    """The derivative of :func:`logsumexp`.

    Args:
        g: the cotangent.
        out: what logsumexp gave.
        input: its argument.
        dim: along which dims.
        keepdim: whether they stayed.

    Returns:
        Tensor: the cotangent of its argument.
    """
    require_real("logsum_slopes", x)
    shape = without(x.shape, dim, True)
    out = xp.where(out == -math.inf, 0, out).astype(x.dtype)
    return g.reshape(shape) * xp.exp(x - out.reshape(shape))


prefer_compiled(catalogue.ops["logsumexp"], "softmax", "logsumexp")
prefer_compiled(catalogue.ops["logsum_slopes"], "softmax", "logsumexp_backward")


def _ratios(out: Any, dim: int, start: int) -> Any:
    """exp(out_k - out_{k+1}) at k + start; it does not exceed 1, as ``out`` never falls."""
    n = out.shape[dim]
    first, length = min(1, n), max(n - 1, 0)
    later = piece(_finite(out), dim=dim, start=first, length=length)
    ratios = exp(piece(out, dim=dim, start=0, length=length) - later)
    return spaced(ratios, dim=dim, start=min(start, n), total=n)


def _running_vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: int) -> Any:
    """exp(x_k) sum_{i >= k} g_i exp(-out_i), without a quotient of exponentials that overflows.

    The sum times exp(out_k) follows a recurrence whose factors are the ratios.
    """
    if not x.ndim:
        return (g,)
    sums = recurrence(conj(_ratios(out, dim, 0)), g, dim=dim, reverse=True)
    return (conj(exp(x - _finite(out))) * sums,)


def _running_jvp(tangents: Any, out: Any, x: Any, *, dim: int) -> Any:
    if not x.ndim:
        return tangents[0]
    return recurrence(_ratios(out, dim, 1), exp(x - _finite(out)) * tangents[0], dim=dim)


@custom(
    shape=lambda x, *, dim: x,
    vjp=_running_vjp,
    jvp=_running_jvp,
    batch=along_dim("logcumsumexp"),
    saves=("x", "out"),
    canonical=lambda input, dim: {"dim": canonical_dim("logcumsumexp", dim, input.ndim)},
    floating=True,
    samples=(
        Sample(array(2, 5), 1),
        Sample(array(4, 2), -2),
        Sample(array(), 0),
        Sample(array(2, 0), 1),
        Sample(array(2, 3, kind="complex"), 1),
    ),
    errors=(ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),),
)
def logcumsumexp(xp: Any, x: Any, *, dim: int) -> Any:
    """Logarithm of the sum of the exponentials of the elements up to each, along a dim.

    .. math:: out_i = \\log \\sum_{j \\le i} e^{x_j}

    Args:
        input: (...); integers become the default floating dtype.
        dim: the dim.

    Returns:
        Tensor: (...). Where all elements so far are -inf the gradient is 0 (PyTorch's is NaN).

    Raises:
        IndexError: the dim is out of range.
    """
    if not x.ndim:
        return x.copy()
    out = xp.moveaxis(x, dim, 0).copy()
    add = _added_logs if out.dtype.kind == "c" else lambda xp, a, b: xp.logaddexp(a, b)
    step = 1  # after each round, every entry has taken in 2 * step terms
    while step < out.shape[0]:
        out[step:] = add(xp, out[step:], out[:-step])
        step *= 2
    return xp.ascontiguousarray(xp.moveaxis(out, 0, dim))


def _added_logs(xp: Any, a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)) of complex numbers."""
    above = a.real >= b.real
    big, small = xp.where(above, a, b), xp.where(above, b, a)
    peak = xp.where(xp.isfinite(big.real), big.real, 0)
    return peak + xp.log(xp.exp(big - peak) + xp.exp(small - peak))


_cumulative = Launcher("cumulative")


def _running_fast(x: Any, *, dim: int) -> Any:
    if x.size < 128:
        return None
    return _cumulative.logcumsumexp(x, dim=dim)


prefer(catalogue.ops["logcumsumexp"], _running_fast)
