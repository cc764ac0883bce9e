"""Cross-entropy of probabilities of classes, the last dim, from logits in one op.

A row's loss is sum_j q_j (l - x_j), where l is the logarithm of the sum of the row's exponentials
and q_j = w_j ((1 - s) p_j + s / n), with p the probabilities, w the classes' weights (1 if there
are none), s the smoothing and n the number of classes. Its slopes are softmax(x)_j sum(q) - q_j.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft.ops.exponential import exp
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import sum


def _sums_dtype(x: Any) -> Any:
    from weft._backend import np

    return np.dtype(np.float32) if x.dtype.itemsize < 4 else x.dtype


def _shape(x: Any, target: Any, weight: Any = None, *, smoothing: float) -> Any:
    require_real("cross_entropy", x)
    lead = tuple(x.shape)[:-1]
    return Aval(lead, x.dtype), Aval(lead, _sums_dtype(x))


def _shares(target: Any, weight: Any, smoothing: float) -> Any:
    """Return q."""
    q = target
    if smoothing:
        q = q * (1 - smoothing) + smoothing / target.shape[-1]
    return q if weight is None else q * weight


def _vjp(
    needs: Any, gs: Any, outs: Any, x: Any, target: Any, weight: Any, *, smoothing: float
) -> Any:
    g, g_sums = gs
    sums = outs[1]
    plain = g is not None and g_sums is None and not needs[1] and not needs[2]
    if plain and unrecorded(g, x, target, weight, sums):
        return soft_class_slopes(g, x, target, weight, sums, smoothing=smoothing), None, None
    behind = sums.unsqueeze(-1).to(x.dtype) - x
    probs = exp(-behind)
    dx = dt = dw = None
    if g is not None:
        each = g.unsqueeze(-1)
        q = _shares(target, weight, smoothing)
        dx = (probs * sum(q, -1, True) - q) * each
        if needs[1]:
            dt = behind * each * (1 - smoothing)
            dt = dt if weight is None else dt * weight
        if needs[2]:
            dw = _shares(target, None, smoothing) * behind * each
            lead = tuple(range(x.ndim - 1))
            dw = sum(dw, lead) if lead else dw
    if g_sums is not None:
        own = probs * g_sums.unsqueeze(-1).to(x.dtype)
        dx = own if dx is None else dx + own
    return dx, dt, dw


def _jvp(tangents: Any, outs: Any, x: Any, target: Any, weight: Any, *, smoothing: float) -> Any:
    tx, tt, tw = tangents
    sums = outs[1]
    behind = sums.unsqueeze(-1).to(x.dtype) - x
    parts = []
    t_sums = None
    if tx is not None:
        probs = exp(-behind)
        q = _shares(target, weight, smoothing)
        parts.append(sum((probs * sum(q, -1, True) - q) * tx, -1))
        t_sums = sum(probs * tx, -1).to(sums.dtype)
    if tt is not None:
        own = behind * tt * (1 - smoothing)
        parts.append(sum(own if weight is None else own * weight, -1))
    if tw is not None:
        parts.append(sum(_shares(target, None, smoothing) * behind * tw, -1))
    total = None
    for part in parts:
        total = part if total is None else total + part
    return total, t_sums


def _batched_shares(
    size: int, batched: Sequence[bool], target: Any, weight: Any, smoothing: float
) -> tuple[Any, Any, float]:
    """Return target, weight and smoothing for rows with a batch axis first.

    Weights of each example's own are multiplied into its target.
    """
    (target,) = all_batched(size, batched[:1], (target,))
    if weight is None or not batched[1]:
        return target, weight, smoothing
    wide = weight.reshape((size, *(1,) * (target.ndim - 2), target.shape[-1]))
    return _shares(target, wide, smoothing), None, 0.0


def _losses_batch(
    size: int, batched: Sequence[bool], x: Any, target: Any, weight: Any = None, *, smoothing: float
) -> Any:
    (x,) = all_batched(size, batched[:1], (x,))
    target, weight, left = _batched_shares(size, batched[1:], target, weight, smoothing)
    return soft_class_losses(x, target, weight, smoothing=left)


@custom(
    shape=_shape,
    batch=_losses_batch,
    vjp=_vjp,
    jvp=_jvp,
    saves=("input", "target", "weight", "out1"),
    outputs=2,
    promote=False,
    samples=(
        Sample(array(3, 4), array(3, 4, low=0.0), smoothing=0.0),
        Sample(array(3, 4), array(3, 4, low=0.0), array(4, low=0.5), smoothing=0.2),
        Sample(array(4), array(4, low=0.0), smoothing=0.1),
    ),
    keyword_only=("smoothing",),
    namespaces=(),
    methods=(),
    out=False,
)
def soft_class_losses(
    xp: Any, input: Any, target: Any, weight: Any = None, *, smoothing: float
) -> Any:
    """Cross-entropy of probabilities.

    Args:
        input: (..., classes), logits.
        target: of input's shape and dtype, probabilities.
        weight: (classes,), a factor of each class.
        smoothing: how much of the target is spread over all classes.

    Returns:
        tuple: (...) the losses; of each row the logarithm of the sum of its exponentials.
    """
    require_real("cross_entropy", input)
    peak = input.max(axis=-1, keepdims=True) if input.size else input[..., :1]
    shifted = input - peak
    logs = xp.log(xp.sum(xp.exp(shifted), axis=-1))
    q = _shares(target, weight, smoothing)
    losses = xp.sum(q * (logs[..., None] - shifted), axis=-1)
    sums = logs + peak[..., 0] if input.shape[-1] else logs
    return xp.asarray(losses, dtype=input.dtype), xp.asarray(sums)


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, target: Any, weight: Any, sums: Any,
    *, smoothing: float,
) -> Any:  # fmt: skip
    g, x, sums = all_batched(size, (*batched[:2], batched[4]), (g, x, sums))
    target, weight, left = _batched_shares(size, batched[2:4], target, weight, smoothing)
    return soft_class_slopes(g, x, target, weight, sums, smoothing=left)


@custom(
    shape=lambda g, x, *rest, **params: x,
    batch=_slopes_batch,
    vjp=not_differentiable("soft_class_losses calls it only where nothing is recorded"),
    jvp=not_differentiable("soft_class_losses calls it only where nothing is recorded"),
    promote=False,
    samples=(
        Sample(
            array(3), array(3, 4), array(3, 4, low=0.0), None, array(3, low=0.5), smoothing=0.0
        ),
        Sample(
            array(2, 3), array(2, 3, 4), array(2, 3, 4, low=0.0), array(4, low=0.5),
            array(2, 3, low=0.5), smoothing=0.2,
        ),
    ),
    keyword_only=("smoothing",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def soft_class_slopes(
    xp: Any, g: Any, input: Any, target: Any, weight: Any, sums: Any, *, smoothing: float
) -> Any:
    """The derivative of :func:`soft_class_losses` by the logits.

    Args:
        g: the cotangent, one number for each row.
        input: logits.
        target: probabilities.
        weight: (classes,), or None.
        sums: of each row the logarithm of the sum of its exponentials.
        smoothing: how much of the target is spread.

    Returns:
        Tensor: the cotangent of input.
    """
    require_real("cross_entropy", input)
    q = _shares(target, weight, smoothing)
    probs = xp.exp(input - sums[..., None])
    slopes = (probs * xp.sum(q, axis=-1, keepdims=True) - q) * g[..., None]
    return slopes.astype(input.dtype)


SOFT_LOSSES = catalogue.ops["soft_class_losses"]
prefer_compiled(SOFT_LOSSES, "soft_losses", "losses")
prefer_compiled(catalogue.ops["soft_class_slopes"], "soft_losses", "slopes")
