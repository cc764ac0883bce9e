"""Cross-entropy of class numbers from logits in one op: the loss that most training ends in."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.samples import Sample, array, integers
from weft.ops.families.custom import custom
from weft.ops.reductions import sum
from weft.ops.softmax import softmax


def _table(x: Any, dim: int) -> Any:
    """Return logits as (rows, classes)."""
    if x.ndim == 2 and dim == 1:
        return x
    order = (*(d for d in range(x.ndim) if d != dim), dim)
    return x.transpose(order).reshape(-1, x.shape[dim])


def _untable(table: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Undo :func:`_table`."""
    if len(shape) == 2 and dim == 1:
        return table
    order = (*(d for d in range(len(shape)) if d != dim), dim)
    back = table.reshape(tuple(shape[d] for d in order))
    return back.transpose(tuple(order.index(d) for d in range(len(shape))))


def _in_range(xp: Any, flat: Any, classes: int) -> bool:
    """Whether all class numbers are from 0 to ``classes`` - 1."""
    if flat.dtype == xp.int64:  # read without a sign, a negative number is a large one
        return bool(flat.view(xp.uint64).max() < classes)
    return bool(flat.min() >= 0 and flat.max() < classes)


def _require_real(x: Any) -> None:
    if x.dtype.kind == "c":
        raise DTypeError(f"cross_entropy: expected real logits, got {dtypes.of(x.dtype)}")


def _loss_shape(x: Any, target: Any, *, dim: int, ignored: int, reduction: str) -> Any:
    _require_real(x)
    lead = tuple(n for d, n in enumerate(x.shape) if d != dim)
    return Aval(lead if reduction == "none" else (), x.dtype), Aval(x.shape, x.dtype)


def _weights(x: Any, target: Any, ignored: int, reduction: str) -> Any:
    """Return the weight of each element of target in the loss."""
    counted = (target != ignored).to(x.dtype)
    return counted / sum(counted) if reduction == "mean" else counted


def _bent(t: Any, x: Any, target: Any, dim: int, ignored: int, reduction: str) -> Any:
    """Multiply the second derivative by t: softmax's own derivative, weighted."""
    probs = softmax(x, dim)
    own = probs * (t - sum(t * probs, dim=dim, keepdim=True))
    return own * _weights(x, target, ignored, reduction).unsqueeze(dim)


def _loss_vjp(
    needs: Any, gs: Any, outs: Any, x: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    (g, g_slopes), slopes = gs, outs[1]
    total = None
    if g is not None:
        total = slopes * (g.unsqueeze(dim) if reduction == "none" else g)
    if g_slopes is not None:
        own = _bent(g_slopes, x, target, dim, ignored, reduction)
        total = own if total is None else total + own
    return total, None


def _loss_jvp(
    tangents: Any, outs: Any, x: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    t = tangents[0]
    if t is None:
        return None, None
    each = sum(outs[1] * t, dim=dim)
    slope = each if reduction == "none" else sum(each)
    return slope, _bent(t, x, target, dim, ignored, reduction)


def _loss_batch(
    size: int, batched: Any, x: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    x, target = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((x, target), batched, strict=True)
    )
    each, slopes = class_losses(x, target, dim=dim + 1, ignored=ignored, reduction="none")
    if reduction == "none":
        return each, slopes
    dims = tuple(range(1, each.ndim))
    total = sum(each, dims) if dims else each
    if reduction == "mean":
        counted = (target != ignored).to(x.dtype)
        count = sum(counted, dims) if dims else counted
        total = total / count
        slopes = slopes / count.reshape((size, *(1,) * (slopes.ndim - 1)))
    return total, slopes


@custom(
    shape=_loss_shape,
    vjp=_loss_vjp,
    jvp=_loss_jvp,
    batch=_loss_batch,
    saves=("input", "target", "out"),
    outputs=2,
    promote=False,
    samples=(
        Sample(array(3, 4), integers(3, high=4), dim=1, ignored=-100, reduction="mean"),
        Sample(array(3, 4), integers(3, high=4), dim=1, ignored=1, reduction="sum"),
        Sample(array(4), integers(high=4), dim=0, ignored=-100, reduction="mean"),
        Sample(array(2, 4, 3), integers(2, 3, high=4), dim=1, ignored=2, reduction="none"),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def class_losses(
    xp: Any, input: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    """Cross-entropy of class numbers, and its derivative, which costs little more along with it.

    Args:
        input: logits, with the classes in ``dim``.
        target: class numbers, of input's shape without that dim.
        dim: the dim of the classes.
        ignored: the class number that does not count.
        reduction: ``"mean"`` over what counts, ``"sum"`` or ``"none"``.

    Returns:
        tuple: the loss, and the loss's (or each loss's) derivative by input.
    """
    _require_real(input)
    table = _table(input, dim)
    classes = table.shape[1]
    flat = target.reshape(-1)
    count = flat.size
    counted = None
    if count and (0 <= ignored < classes or not _in_range(xp, flat, classes)):
        counted = flat != ignored
        wrong = counted & ((flat < 0) | (flat >= classes))
        if wrong.any():
            first = int(xp.argmax(wrong))
            raise IndexError(
                f"cross_entropy: target must hold classes from 0 to {classes - 1} or ignore_index "
                f"({ignored}); element {first} is {int(flat[first])}"
            )
        flat = xp.where(counted, flat, 0)
        count = int(counted.sum())
    at = (xp.arange(flat.size), flat)
    slopes = table - table.max(axis=1, keepdims=True) if table.size else table.copy()
    own = slopes[at]
    xp.exp(slopes, out=slopes)
    total = slopes.sum(axis=1, keepdims=True)
    losses = xp.log(total[:, 0]) - own
    slopes /= total
    slopes[at] -= 1
    weight = 1.0 if reduction != "mean" else 1.0 / count if count else float("nan")
    if counted is not None:
        losses = xp.where(counted, losses, 0)
        slopes *= xp.where(counted, weight, 0).astype(slopes.dtype)[:, None]
    elif reduction == "mean":
        slopes *= weight
    if reduction == "none":
        loss = losses.reshape(target.shape)
    else:
        loss = xp.asarray(losses.sum() * weight, dtype=slopes.dtype)
    return loss, _untable(slopes, input.shape, dim)


CLASS_LOSSES = catalogue.ops["class_losses"]
