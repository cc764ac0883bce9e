"""Normalising the last dims by their own moments in one op, and its derivative in another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft.ops.arithmetic import square
from weft.ops.broadcasting import sum_to
from weft.ops.exponential import rsqrt
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import mean, sum

ALONE = not_differentiable("the op that it is the derivative of calls it where nothing is recorded")


def last(x: Any, dims: int) -> tuple[int, ...]:
    """Return the numbers of the last dims."""
    return tuple(range(x.ndim - dims, x.ndim))


def normalised(x: Any, dims: tuple[int, ...], eps: float, centred: bool = True) -> tuple[Any, Any]:
    """Return x normalised over dims by ops, and what it was multiplied by."""
    if centred:
        x = x - mean(x, dims, True)
    root = rsqrt(mean(square(x), dims, True) + eps)
    return x * root, root


def turned(x: Any, root: Any, h: Any, dims: tuple[int, ...], centred: bool = True) -> Any:
    """Multiply the symmetric derivative of :func:`normalised`, whose results are x and root."""
    h = h - x * mean(h * x, dims, True) - (mean(h, dims, True) if centred else 0.0)
    return h * root


def _vjp(
    needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any,
    *, dims: int, eps: float, centred: bool,
) -> Any:  # fmt: skip
    if unrecorded(g, x, weight):
        params = any(needs[1:])
        dx, dw, db = layer_slopes(g, x, weight, dims=dims, eps=eps, centred=centred, params=params)
        return dx, dw if needs[1] else None, db if needs[2] else None
    axes = last(x, dims)
    rows, root = normalised(x, axes, eps, centred)
    return (
        turned(rows, root, g if weight is None else g * weight, axes, centred)
        if needs[0]
        else None,
        sum_to(g * rows, tuple(weight.shape)) if needs[1] else None,
        sum_to(g, tuple(bias.shape)) if needs[2] else None,
    )


def _jvp(
    tangents: Any, out: Any, x: Any, weight: Any, bias: Any,
    *, dims: int, eps: float, centred: bool,
) -> Any:  # fmt: skip
    axes = last(x, dims)
    rows, root = normalised(x, axes, eps, centred)
    t = None
    if tangents[0] is not None:
        t = turned(rows, root, tangents[0], axes, centred)
        t = t if weight is None else t * weight
    if tangents[1] is not None:
        own = rows * tangents[1]
        t = own if t is None else t + own
    if tangents[2] is not None:
        t = tangents[2].expand(tuple(x.shape)) if t is None else t + tangents[2]
    return t


def _spread(p: Any, has: bool, rank: int) -> Any:
    """Return a parameter that broadcasts with x of so many dims and a batch axis."""
    shape = tuple(p.shape)
    return p.reshape((shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:])) if has else p


def _batch(
    size: int, batched: Sequence[bool], x: Any, weight: Any, bias: Any, **params: Any
) -> Any:
    if not any(batched[1:]):
        return layer_normalised(x, weight, bias, **params)
    out = layer_normalised(x, **params)
    rank = x.ndim - batched[0]
    if weight is not None:
        out = out * _spread(weight, batched[1], rank)
    return out if bias is None else out + _spread(bias, batched[2], rank)


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, weight: Any,
    *, dims: int, eps: float, centred: bool, params: bool,
) -> Any:  # fmt: skip
    g, x = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((g, x), batched, strict=False)
    )
    axes = last(x, dims)
    rows, root = normalised(x, axes, eps, centred)
    h = g if weight is None else g * _spread(weight, batched[2], x.ndim - 1)
    dx = turned(rows, root, h, axes, centred)
    if not params:
        return dx, x.new_zeros((size, 0)), x.new_zeros((size, 0))
    lead = tuple(range(1, x.ndim - dims))
    if not lead:
        return dx, g * rows, g.clone()
    return dx, sum(g * rows, lead), sum(g, lead)


@custom(
    shape=lambda x, weight, bias, *, dims, eps, centred: x,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "weight"),
    promote=False,
    samples=(
        Sample(array(2, 3), array(3), array(3), dims=1, eps=1e-3, centred=True),
        Sample(array(2, 3), dims=1, eps=1e-3, centred=False),
        Sample(array(3, 2, 2), array(2, 2), dims=2, eps=1e-3, centred=False),
        Sample(array(3, 2, 2), None, array(2, 2), dims=2, eps=1e-3, centred=True),
    ),
    keyword_only=("dims", "eps", "centred"),
    namespaces=(),
    methods=(),
    out=False,
)
def layer_normalised(
    xp: Any, x: Any, weight: Any = None, bias: Any = None, *, dims: int, eps: float, centred: bool
) -> Any:
    """Divide the last dims by the root of their mean square, after taking their mean away.

    Args:
        input: (..., *last dims).
        weight: of the last dims' shape.
        bias: likewise.
        dims: how many they are.
        eps: added to the mean square.
        centred: whether the mean is taken away.

    Returns:
        Tensor: of input's shape.
    """
    require_real("layer_normalised", x)
    axes = last(x, dims)
    rows, root = _rows(xp, x, axes, eps, centred)
    out = rows * root
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def _rows(xp: Any, x: Any, axes: Any, eps: float, centred: bool) -> tuple[Any, Any]:
    count = math.prod(x.shape[a] for a in axes)
    if centred:
        x = x - xp.sum(x, axis=axes, keepdims=True) / count
    return x, 1 / xp.sqrt(xp.sum(x * x, axis=axes, keepdims=True) / count + eps)


def _slopes_shape(g: Any, x: Any, weight: Any, *, dims: int, params: bool, **rest: Any) -> Any:
    own = Aval(tuple(x.shape)[x.ndim - dims :] if params else (0,), x.dtype)
    return Aval(x.shape, x.dtype), own, own


@custom(
    shape=_slopes_shape,
    vjp=ALONE,
    jvp=ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(array(2, 3), array(2, 3), array(3), dims=1, eps=1e-3, centred=True, params=True),
        Sample(array(2, 2, 2), array(2, 2, 2), dims=2, eps=1e-3, centred=False, params=True),
        Sample(array(2, 3), array(2, 3), dims=1, eps=1e-3, centred=True, params=False),
    ),
    keyword_only=("dims", "eps", "centred", "params"),
    namespaces=(),
    methods=(),
    out=False,
)
def layer_slopes(
    xp: Any, g: Any, x: Any, weight: Any = None,
    *, dims: int, eps: float, centred: bool, params: bool,
) -> Any:  # fmt: skip
    """The derivative of :func:`layer_normalised`.

    Args:
        g: the cotangent, of input's shape.
        input: what was normalised.
        weight: its factors.
        dims: how many last dims.
        eps: added to the mean square.
        centred: whether the mean was taken away.
        params: whether weight and bias receive gradients.

    Returns:
        tuple: the cotangents of input, and of weight and bias, both (0,) where nobody asks.
    """
    require_real("layer_slopes", x)
    axes = last(x, dims)
    rows, root = _rows(xp, x, axes, eps, centred)
    rows = rows * root
    count = math.prod(x.shape[a] for a in axes)
    h = g if weight is None else g * weight
    dx = h - rows * (xp.sum(h * rows, axis=axes, keepdims=True) / count)
    if centred:
        dx = dx - xp.sum(h, axis=axes, keepdims=True) / count
    if not params:
        return dx * root, xp.empty(0, x.dtype), xp.empty(0, x.dtype)
    lead = tuple(range(x.ndim - dims))
    return dx * root, xp.sum(g * rows, axis=lead), xp.sum(g, axis=lead)


LAYER = catalogue.ops["layer_normalised"]
prefer_compiled(LAYER, "norms", "layer_forward")
prefer_compiled(catalogue.ops["layer_slopes"], "norms", "layer_backward")
