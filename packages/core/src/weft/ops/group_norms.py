"""Normalising groups of channels by their own moments in one op, and its derivative in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.samples import Sample, array
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import sum
from weft.ops.row_norms import ALONE, normalised, turned


def across(p: Any, x: Any) -> Any:
    """Return a parameter of a number for each channel in a shape that broadcasts with x."""
    return p.reshape((-1, *(1,) * (x.ndim - 2)))


def to_channels(x: Any) -> Any:
    """Sum all dims but that of the channels."""
    return sum(x, (0, *range(2, x.ndim)))


def _grouped(x: Any, groups: int) -> Any:
    """Return x with the elements of a group in the last of three dims."""
    examples, channels = x.shape[:2]
    size = channels // groups if groups else 0
    for n in x.shape[2:]:
        size *= n
    return x.reshape((examples, groups, size))


def _vjp(
    needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any, *, groups: int, eps: float
) -> Any:
    if unrecorded(g, x, weight):
        params = any(needs[1:])
        dx, dw, db = group_slopes(g, x, weight, groups=groups, eps=eps, params=params)
        return dx, dw if needs[1] else None, db if needs[2] else None
    rows, root = normalised(_grouped(x, groups), (2,), eps)
    h = _grouped(g if weight is None else g * across(weight, x), groups)
    shape = tuple(x.shape)
    return (
        turned(rows, root, h, (2,)).reshape(shape) if needs[0] else None,
        to_channels(g * rows.reshape(shape)) if needs[1] else None,
        to_channels(g) if needs[2] else None,
    )


def _jvp(
    tangents: Any, out: Any, x: Any, weight: Any, bias: Any, *, groups: int, eps: float
) -> Any:
    rows, root = normalised(_grouped(x, groups), (2,), eps)
    shape = tuple(x.shape)
    t = None
    if tangents[0] is not None:
        t = turned(rows, root, _grouped(tangents[0], groups), (2,)).reshape(shape)
        t = t if weight is None else t * across(weight, x)
    if tangents[1] is not None:
        own = rows.reshape(shape) * across(tangents[1], x)
        t = own if t is None else t + own
    if tangents[2] is not None:
        own = across(tangents[2], x)
        t = own.expand(shape) if t is None else t + own
    return t


def joined(size: int, batched: Sequence[bool], x: Any, *params: Any) -> tuple[Any, list[Any]]:
    """Return x with its batch among the channels, and parameters that have as many."""
    if not batched[0]:
        x = x.expand((size, *tuple(x.shape)))
    x = x.movedim(0, 1)  # (N, size, C, ...)
    shape = tuple(x.shape)
    flat = x.reshape((shape[0], size * shape[2], *shape[3:]))
    own = [
        None if p is None else (p if has else p.expand((size, *tuple(p.shape)))).reshape((-1,))
        for p, has in zip(params, batched[1:], strict=True)
    ]
    return flat, own


def apart(out: Any, size: int) -> Any:
    """Undo :func:`joined` of an image."""
    shape = tuple(out.shape)
    return out.reshape((shape[0], size, shape[1] // size, *shape[2:])).movedim(1, 0)


def _batch(
    size: int, batched: Sequence[bool], x: Any, weight: Any, bias: Any, *, groups: int, eps: float
) -> Any:
    if batched[0] and not any(batched[1:]):
        shape = tuple(x.shape)
        flat = x.reshape((shape[0] * shape[1], *shape[2:]))
        return group_normalised(flat, weight, bias, groups=groups, eps=eps).reshape(shape)
    flat, own = joined(size, batched, x, weight, bias)
    return apart(group_normalised(flat, *own, groups=size * groups, eps=eps), size)


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, weight: Any,
    *, groups: int, eps: float, params: bool,
) -> Any:  # fmt: skip
    g, _ = joined(size, batched[:1], g)
    flat, own = joined(size, batched[1:], x, weight)
    dx, dw, db = group_slopes(g, flat, *own, groups=size * groups, eps=eps, params=params)
    count = x.shape[1 + batched[1]] if params else 0
    return apart(dx, size), dw.reshape((size, count)), db.reshape((size, count))


@custom(
    shape=lambda x, weight, bias, *, groups, eps: x,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "weight"),
    promote=False,
    samples=(
        Sample(array(2, 4, 3), array(4), array(4), groups=2, eps=1e-3),
        Sample(array(2, 4), groups=2, eps=1e-3),
        Sample(array(2, 2, 2, 2), array(2), groups=2, eps=1e-3),
    ),
    keyword_only=("groups", "eps"),
    namespaces=(),
    methods=(),
    out=False,
)
def group_normalised(
    xp: Any, x: Any, weight: Any = None, bias: Any = None, *, groups: int, eps: float
) -> Any:
    """Normalise groups of channels of each example by their mean and variance.

    Args:
        input: (N, C, ...).
        weight: (C,).
        bias: (C,).
        groups: how many groups; it divides C.
        eps: added to the variance.

    Returns:
        Tensor: of input's shape.
    """
    require_real("group_normalised", x)
    rows, root = _rows(xp, x, groups, eps)
    out = (rows * root).reshape(x.shape)
    out = out if weight is None else out * across(weight, x)
    return out if bias is None else out + across(bias, x)


def _rows(xp: Any, x: Any, groups: int, eps: float) -> tuple[Any, Any]:
    rows = _grouped(x, groups)
    rows = rows - xp.sum(rows, axis=2, keepdims=True) / rows.shape[2]
    return rows, 1 / xp.sqrt(xp.sum(rows * rows, axis=2, keepdims=True) / rows.shape[2] + eps)


def _slopes_shape(g: Any, x: Any, weight: Any, *, groups: int, eps: float, params: bool) -> Any:
    own = Aval(tuple(x.shape)[1:2] if params else (0,), x.dtype)
    return Aval(x.shape, x.dtype), own, own


@custom(
    shape=_slopes_shape,
    vjp=ALONE,
    jvp=ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(array(2, 4, 3), array(2, 4, 3), array(4), groups=2, eps=1e-3, params=True),
        Sample(array(2, 4), array(2, 4), groups=2, eps=1e-3, params=False),
        Sample(array(2, 2, 2, 2), array(2, 2, 2, 2), groups=2, eps=1e-3, params=True),
    ),
    keyword_only=("groups", "eps", "params"),
    namespaces=(),
    methods=(),
    out=False,
)
def group_slopes(
    xp: Any, g: Any, x: Any, weight: Any = None, *, groups: int, eps: float, params: bool
) -> Any:
    """The derivative of :func:`group_normalised`.

    Args:
        g: the cotangent, of input's shape.
        input: what was normalised.
        weight: (C,), its factors.
        groups: how many groups.
        eps: added to the variance.
        params: whether weight and bias receive gradients.

    Returns:
        tuple: the cotangents of input, and of weight and bias, both (0,) where nobody asks.
    """
    require_real("group_slopes", x)
    rows, root = _rows(xp, x, groups, eps)
    rows = rows * root
    h = _grouped(g if weight is None else g * across(weight, x), groups)
    count = rows.shape[2]
    dx = h - rows * (xp.sum(h * rows, axis=2, keepdims=True) / count)
    dx = ((dx - xp.sum(h, axis=2, keepdims=True) / count) * root).reshape(x.shape)
    if not params:
        return dx, xp.empty(0, x.dtype), xp.empty(0, x.dtype)
    others = (0, *range(2, x.ndim))
    return dx, xp.sum(g * rows.reshape(x.shape), axis=others), xp.sum(g, axis=others)


GROUP = catalogue.ops["group_normalised"]
prefer_compiled(GROUP, "norms", "group_forward")
prefer_compiled(catalogue.ops["group_slopes"], "norms", "group_backward")
