"""Losses of two tensors in one op that also reduces them, and its derivative in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.dispatch import apply
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import mean, sum


def _slope(x: Any, t: Any, kind: str, at: float) -> Any:
    """Return each loss by x, by ops."""
    if kind == "logits":
        return x.sigmoid() - t
    d = x - t
    if kind == "square":
        return 2 * d
    if kind == "abs":
        return d.sign()
    if kind == "smooth":
        return where(d.abs() < at, d / at, d.sign())
    return where(d.abs() < at, d, d.sign() * at)


def _by_target(x: Any, slope: Any, kind: str) -> Any:
    return -x if kind == "logits" else -slope


def _count(x: Any) -> int:
    count = 1
    for n in x.shape:
        count *= n
    return count


def _vjp(
    needs: Any, g: Any, out: Any, x: Any, t: Any, *, kind: str, reduction: str, at: float
) -> Any:
    if kind != "logits" and unrecorded(g, x, t):
        dx = pair_slopes(g, x, t, kind=kind, reduction=reduction, at=at)
        return dx if needs[0] else None, -dx if needs[1] else None
    if not needs[1] and unrecorded(g, x, t):
        return pair_slopes(g, x, t, kind=kind, reduction=reduction, at=at), None
    slope = _slope(x, t, kind, at)
    if reduction == "mean":
        g = g * (1 / _count(x) if _count(x) else float("nan"))
    return (
        slope * g if needs[0] else None,
        _by_target(x, slope, kind) * g if needs[1] else None,
    )


def _jvp(tangents: Any, out: Any, x: Any, t: Any, *, kind: str, reduction: str, at: float) -> Any:
    tx, tt = tangents
    slope = _slope(x, t, kind, at)
    each = None if tx is None else slope * tx
    if tt is not None:
        own = _by_target(x, slope, kind) * tt
        each = own if each is None else each + own
    if reduction == "none" or each is None:
        return each
    return mean(each) if reduction == "mean" else sum(each)


def _batch(
    size: int, batched: Sequence[bool], x: Any, t: Any, *, kind: str, reduction: str, at: float
) -> Any:
    x, t = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((x, t), batched, strict=True)
    )
    each = pair_losses(x, t, kind=kind, reduction="none", at=at)
    dims = tuple(range(1, each.ndim))
    if reduction == "none" or not dims:
        return each
    return mean(each, dims) if reduction == "mean" else sum(each, dims)


def _shape(x: Any, t: Any, *, kind: str, reduction: str, at: float) -> Aval:
    return Aval(x.shape if reduction == "none" else (), x.dtype)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "t"),
    promote=False,
    samples=(
        Sample(array(2, 3), array(2, 3), kind="square", reduction="mean", at=1.0),
        Sample(array(2, 3), array(2, 3), kind="abs", reduction="sum", at=1.0),
        Sample(array(2, 3), array(2, 3), kind="smooth", reduction="none", at=0.5),
        Sample(array(2, 3), array(2, 3), kind="huber", reduction="mean", at=0.4),
        Sample(array(), array(), kind="huber", reduction="mean", at=2.0),
        Sample(array(2, 3), array(2, 3), kind="logits", reduction="mean", at=1.0),
        Sample(array(3), array(3), kind="logits", reduction="none", at=1.0),
    ),
    keyword_only=("kind", "reduction", "at"),
    namespaces=(),
    methods=(),
    out=False,
)
def pair_losses(xp: Any, x: Any, t: Any, *, kind: str, reduction: str, at: float) -> Any:
    """Return a loss of two tensors of one shape.

    Args:
        input: (...), real.
        other: (...), what it should be.
        kind: ``"square"``, ``"abs"``, ``"smooth"``, ``"huber"``, or ``"logits"``: of a yes-or-no.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        at: the distance of ``"smooth"`` and ``"huber"``.

    Returns:
        Tensor: (), or (...) unreduced.
    """
    require_real("pair_losses", x)
    d = x - t
    if kind == "square":
        each = d * d
    elif kind == "abs":
        each = xp.abs(d)
    elif kind == "logits":
        each = xp.maximum(-x, 0) + xp.log1p(xp.exp(-xp.abs(x))) + (1 - t) * x
    else:
        far = xp.abs(d)
        each = xp.where(far < at, 0.5 * far * far, at * (far - 0.5 * at))
        each = each / at if kind == "smooth" else each
    if reduction == "none":
        return each
    total = xp.sum(each)
    return xp.asarray(total / xp.asarray(x.size, x.dtype) if reduction == "mean" else total)


@custom(
    shape=lambda g, x, t, **settings: x,
    vjp=not_differentiable("pair_losses calls it only where nothing is recorded"),
    jvp=not_differentiable("pair_losses calls it only where nothing is recorded"),
    batch=lambda size, batched, g, x, t, *, kind, reduction, at: _slopes_batch(
        size, batched, g, x, t, kind, reduction, at
    ),
    promote=False,
    samples=(
        Sample(array(), array(2, 3), array(2, 3), kind="smooth", reduction="mean", at=0.5),
        Sample(array(2, 3), array(2, 3), array(2, 3), kind="huber", reduction="none", at=0.5),
        Sample(array(), array(3), array(3), kind="logits", reduction="sum", at=1.0),
    ),
    keyword_only=("kind", "reduction", "at"),
    namespaces=(),
    methods=(),
    out=False,
)
def pair_slopes(xp: Any, g: Any, x: Any, t: Any, *, kind: str, reduction: str, at: float) -> Any:
    """The derivative of :func:`pair_losses` by its first tensor.

    Args:
        g: the cotangent, one number, or of input's shape unreduced.
        input: (...), real.
        other: (...), what it should be.
        kind: which loss.
        reduction: how it was reduced.
        at: the distance.

    Returns:
        Tensor: the cotangent of input.
    """
    require_real("pair_slopes", x)
    d = x - t
    if kind == "logits":
        e = xp.exp(-xp.abs(x))
        slope = xp.where(x < 0, e, 1) / (1 + e) - t
    elif kind == "square":
        slope = 2 * d
    elif kind == "abs":
        slope = xp.sign(d)
    else:
        near = d / at if kind == "smooth" else d
        far = xp.sign(d) if kind == "smooth" else xp.sign(d) * at
        slope = xp.where(xp.abs(d) < at, near, far)
    return slope * (g / xp.asarray(x.size, x.dtype) if reduction == "mean" else g)


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, t: Any, kind: str, reduction: str, at: float
) -> Any:
    g, x, t = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((g, x, t), batched, strict=True)
    )
    if reduction != "none":
        count = _count(x) // size if size else 1
        g = g / count if reduction == "mean" else g
        g = g.reshape((size, *(1,) * (x.ndim - 1)))
    return _slope(x, t, kind, at) * g


PAIRS = catalogue.ops["pair_losses"]
prefer_compiled(PAIRS, "pair_losses", "losses")
prefer_compiled(catalogue.ops["pair_slopes"], "pair_losses", "slopes")


def fused(input: Tensor, target: Tensor, kind: str, reduction: str, at: float = 1.0) -> Any:
    """Return a loss by the op; None of what it does not take: two dtypes, whole or complex numbers.

    The shapes are the same: that is the caller's to see to.
    """
    dtype = input._data.dtype
    if target._data.dtype != dtype or dtype.kind not in "fV" or dtype.itemsize == 1:
        return None
    if reduction not in ("mean", "sum", "none"):
        return None
    settings = {"kind": kind, "reduction": reduction, "at": float(at)}
    return apply(PAIRS, (input, target), settings)
