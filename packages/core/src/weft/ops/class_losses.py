"""Cross-entropy of class numbers from logits in one op: the loss that most training ends in.

With w the classes' weights (1 if there are none), s the smoothing, n the number of classes and t a
row's class, a row's loss is sum_j q_j (l - x_j), where q_j = (1 - s) w_t [j = t] + (s / n) w_j, or
0 where t does not count, and l is the logarithm of the sum of the row's exponentials. Its slopes
are a softmax(x)_j - q_j with a = sum_j q_j. The mean divides by the sum of the rows' w_t.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, integers
from weft.ops.comparison import where
from weft.ops.exponential import exp
from weft.ops.families.custom import custom
from weft.ops.families.recording import unrecorded
from weft.ops.logsums import logsumexp
from weft.ops.reductions import sum


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


def _require_real(x: Any) -> None:
    if x.dtype.kind == "c":
        raise DTypeError(f"cross_entropy: expected real logits, got {dtypes.of(x.dtype)}")


def _sums_dtype(x: Any) -> Any:
    from weft._backend import np

    return np.dtype(np.float32) if x.dtype.itemsize < 4 else x.dtype


def _loss_shape(
    x: Any, target: Any, weight: Any = None,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    _require_real(x)
    lead = tuple(n for d, n in enumerate(x.shape) if d != dim)
    own = _sums_dtype(x)
    return Aval(lead if reduction == "none" else (), x.dtype), Aval(lead, own), Aval((), own)


class _Parts:
    """What the formulas are made of, by ops. Logits may have batch axes before their own dims."""

    def __init__(
        self, x: Any, target: Any, weight: Any, sums: Any,
        dim: int, ignored: int, smoothing: float, batches: int = 0,
    ) -> None:  # fmt: skip
        from weft.ops.creation import arange

        classes = x.shape[dim]
        across = tuple(classes if d == dim else 1 for d in range(x.ndim))
        numbers = arange(classes, dtype=target.dtype, device=x.device).reshape(across)
        self.dim, self.smoothing, self.classes = dim, smoothing, classes
        self.lead = tuple(range(batches, x.ndim - 1))  # of the rows, without batch axes
        self.counted = (target != ignored).to(x.dtype).unsqueeze(dim)
        #: 1 at each row's class, if that counts
        self.hit = (numbers == target.unsqueeze(dim)).to(x.dtype) * self.counted
        self.across = across if batches == 0 else (x.shape[0], *across[1:])
        own = self.hit
        spread = self.counted
        self.weights = None
        if weight is not None:
            self.weights = weight.reshape(
                (1,) * batches + across[batches:] if weight.ndim == 1 else self.across
            )
            own = sum(own * self.weights, dim=dim, keepdim=True) * self.hit
            spread = spread * self.weights
        self.q = own
        if smoothing:
            self.q = own * (1 - smoothing) + spread * (smoothing / classes)
        self.a = sum(self.q, dim=dim, keepdim=True)
        self.down = sums.unsqueeze(dim)
        self.probs = exp(x - self.down).to(x.dtype)
        self.x = x

    @property
    def slopes(self) -> Any:
        """Each row's loss by its logits."""
        return self.a * self.probs - self.q

    @property
    def shares(self) -> Any:
        """How much each class's weight counts in each row's loss."""
        share = self.hit
        if self.smoothing:
            share = share * (1 - self.smoothing)
            share = share + self.counted * (self.smoothing / self.classes)
        return where(share != 0, share * (self.down - self.x), 0.0).to(self.x.dtype)

    @property
    def losses(self) -> Any:
        """Each row's loss."""
        each = where(self.q != 0, self.q * (self.down - self.x), 0.0).to(self.x.dtype)
        return sum(each, dim=self.dim)

    def over_rows(self, x: Any) -> Any:
        """Sum over the rows: (classes,)."""
        dims = tuple(d for d in range(x.ndim) if d != self.dim)
        return sum(x, dims) if dims else x


def _loss_vjp(
    needs: Any, gs: Any, outs: Any, x: Any, target: Any, weight: Any,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    g, g_sums, g_divisor = gs
    sums, divisor = outs[1:]
    plain = g is not None and g_sums is None and g_divisor is None and not needs[2]
    if plain and unrecorded(g, x, target, weight, sums):
        settings = {"dim": dim, "ignored": ignored, "smoothing": smoothing}
        return class_slopes(g, x, target, weight, sums, divisor, **settings), None, None
    parts = _Parts(x, target, weight, sums, dim, ignored, smoothing)
    dx = dw = None
    if g is not None:
        if reduction == "none":
            each = g.unsqueeze(dim)
        else:
            each = g / divisor.to(x.dtype)
        dx = parts.slopes * each
        if needs[2]:
            dw = parts.over_rows(parts.shares * each)
            if reduction == "mean":
                mean = sum(parts.losses) / divisor.to(x.dtype)
                dw = dw - parts.over_rows(parts.hit) * (each * mean)
    if g_sums is not None:
        own = parts.probs * g_sums.to(x.dtype).unsqueeze(dim)
        dx = own if dx is None else dx + own
    if g_divisor is not None and needs[2] and reduction == "mean":
        own = parts.over_rows(parts.hit) * g_divisor.to(x.dtype)
        dw = own if dw is None else dw + own
    return dx, None, dw


def _loss_jvp(
    tangents: Any, outs: Any, x: Any, target: Any, weight: Any,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    tx, _, tw = tangents
    sums, divisor = outs[1:]
    parts = _Parts(x, target, weight, sums, dim, ignored, smoothing)
    each = t_sums = t_divisor = None
    if tx is not None:
        each = sum(parts.slopes * tx, dim=dim)
        t_sums = sum(parts.probs * tx, dim=dim).to(sums.dtype)
    if tw is not None:
        own = sum(parts.shares * tw.reshape(parts.across), dim=dim)
        each = own if each is None else each + own
        if reduction == "mean":
            t_divisor = sum(parts.hit * tw.reshape(parts.across)).to(divisor.dtype)
    if reduction == "none" or each is None:
        return each, t_sums, t_divisor
    slope = sum(each) / divisor.to(x.dtype)
    if t_divisor is not None:
        slope = slope - outs[0] * (t_divisor / divisor).to(x.dtype)
    return slope, t_sums, t_divisor


def _loss_batch(
    size: int, batched: Sequence[bool], x: Any, target: Any, weight: Any,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    x, target = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((x, target), batched, strict=False)
    )
    own: dict[str, Any] = {"dim": dim + 1, "ignored": ignored, "smoothing": smoothing}
    if not batched[2]:
        each, sums, _ = class_losses(x, target, weight, reduction="none", **own)
    else:
        sums = logsumexp(x, dim + 1)
        parts = _Parts(x, target, weight, sums, **own, batches=1)
        each = parts.losses
    dims = tuple(range(1, each.ndim))
    if reduction != "mean":
        total = sum(each, dims) if dims and reduction == "sum" else each
        return total, sums, sums.new_ones((size,))
    counted = (target != ignored).to(x.dtype)
    if weight is not None:
        parts = _Parts(x, target, weight, sums, **own, batches=1)
        counted = sum(parts.hit * parts.weights, dim=dim + 1)
    divisor = sum(counted, dims) if dims else counted
    total = sum(each, dims) if dims else each
    return total / divisor, sums, divisor.to(sums.dtype)


@custom(
    shape=_loss_shape,
    vjp=_loss_vjp,
    jvp=_loss_jvp,
    batch=_loss_batch,
    saves=("input", "target", "weight", "out1", "out2"),  # the loss itself may be written over
    outputs=3,
    promote=False,
    samples=(
        Sample(
            array(3, 4), integers(3, high=4), dim=1, ignored=-100, reduction="mean", smoothing=0.0
        ),
        Sample(
            array(3, 4), integers(3, high=4), array(4, low=0.5), dim=1, ignored=1, reduction="sum",
            smoothing=0.2,
        ),
        Sample(array(4), integers(high=4), dim=0, ignored=-100, reduction="mean", smoothing=0.1),
        Sample(
            array(2, 4, 3), integers(2, 3, high=4), array(4, low=0.5), dim=1, ignored=2,
            reduction="none", smoothing=0.0,
        ),
        Sample(
            array(2, 4, 3), integers(2, 3, high=4), array(4, low=0.5), dim=1, ignored=-1,
            reduction="mean", smoothing=0.3,
        ),
    ),
    keyword_only=("dim", "ignored", "reduction", "smoothing"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def class_losses(
    xp: Any, input: Any, target: Any, weight: Any = None,
    *, dim: int, ignored: int, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    """Cross-entropy of class numbers.

    Args:
        input: logits, with the classes in ``dim``.
        target: class numbers, of input's shape without that dim.
        weight: (classes,), a factor of each class.
        dim: the dim of the classes.
        ignored: the class number that does not count.
        reduction: ``"mean"`` by the sum of factors, ``"sum"`` or ``"none"``.
        smoothing: how much of the target is spread over all classes.

    Returns:
        tuple: the loss or losses; of each row the logarithm of the sum of its exponentials; and
        what the losses' sum was divided by.
    """
    _require_real(input)
    table = _table(input, dim)
    classes = table.shape[1]
    flat = target.reshape(-1)
    counted = flat != ignored
    wrong = counted & ((flat < 0) | (flat >= classes))
    if wrong.any():
        first = int(xp.argmax(wrong))
        raise IndexError(
            f"cross_entropy: target must hold classes from 0 to {classes - 1} or ignore_index "
            f"({ignored}); element {first} is {int(flat[first])}"
        )
    flat = xp.where(counted, flat, 0)
    peak = table.max(axis=1, keepdims=True) if table.size else table[:, :1]
    shifted = table - peak
    logs = xp.log(xp.sum(xp.exp(shifted), axis=1))
    rows = xp.arange(flat.size)
    losses = logs - shifted[rows, flat] if classes else logs
    factor = counted.astype(table.dtype)
    if weight is not None:
        factor = factor * weight[flat]
    losses = losses * factor
    if smoothing:
        every = logs[:, None] - shifted
        every = every if weight is None else every * weight
        losses = losses * (1 - smoothing) + xp.sum(every, axis=1) * (smoothing / classes)
    losses = xp.where(counted, losses, 0).astype(table.dtype)
    divisor = factor.sum() if reduction == "mean" else table.dtype.type(1)
    sums = (logs + peak[:, 0] if classes else logs).reshape(target.shape)
    divisor = xp.asarray(divisor, dtype=table.dtype)
    if reduction == "none":
        return losses.reshape(target.shape), sums, divisor
    return xp.asarray(losses.sum() / divisor, dtype=table.dtype), sums, divisor


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, target: Any, weight: Any, sums: Any,
    divisor: Any, *, dim: int, ignored: int, smoothing: float,
) -> Any:  # fmt: skip
    g, x, target, sums, divisor = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip(
            (g, x, target, sums, divisor), (*batched[:3], *batched[4:]), strict=True
        )
    )
    parts = _Parts(x, target, weight, sums, dim + 1, ignored, smoothing, batches=1)
    alone = (size, *(1,) * (x.ndim - 1))
    each = g.reshape(alone) if g.ndim == 1 and x.ndim != 2 else g.unsqueeze(dim + 1)
    return parts.slopes * (each / divisor.to(x.dtype).reshape(alone))


@custom(
    shape=lambda g, x, *rest, **params: x,
    vjp=not_differentiable("class_losses calls it only where nothing is recorded"),
    jvp=not_differentiable("class_losses calls it only where nothing is recorded"),
    batch=_slopes_batch,
    promote=False,
    samples=(
        Sample(
            array(), array(3, 4), integers(3, high=4), None, array(3, low=0.5), array(low=0.5),
            dim=1, ignored=-100, smoothing=0.0,
        ),
        Sample(
            array(2, 3), array(2, 4, 3), integers(2, 3, high=4), array(4, low=0.5),
            array(2, 3, low=0.5), array(low=0.5), dim=1, ignored=2, smoothing=0.2,
        ),
    ),
    keyword_only=("dim", "ignored", "smoothing"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def class_slopes(
    xp: Any, g: Any, input: Any, target: Any, weight: Any, sums: Any, divisor: Any,
    *, dim: int, ignored: int, smoothing: float,
) -> Any:  # fmt: skip
    """The derivative of :func:`class_losses`.

    Args:
        g: the cotangent, one number, or one for each row.
        input: logits.
        target: class numbers.
        weight: (classes,), or None.
        sums: of each row the logarithm of the sum of its exponentials.
        divisor: what the losses' sum was divided by.
        dim: the dim of the classes.
        ignored: the class number that does not count.
        smoothing: how much of the target is spread.

    Returns:
        Tensor: the cotangent of input.
    """
    _require_real(input)
    table = _table(input, dim)
    classes = table.shape[1]
    flat = target.reshape(-1)
    counted = flat != ignored
    flat = xp.where(counted, flat, 0)
    scale = xp.where(counted, (g / divisor).reshape(-1), 0).astype(table.dtype)
    own = scale if weight is None else scale * weight[flat]
    own = own * (1 - smoothing)
    share = scale * (smoothing / classes if classes else 0.0)
    every = classes if weight is None else weight.sum()
    slopes = xp.exp(table - sums.reshape(-1)[:, None]) * (own + share * every)[:, None]
    if smoothing:
        slopes -= share[:, None] if weight is None else share[:, None] * weight
    slopes[xp.arange(flat.size), flat] -= own
    slopes = xp.where(counted[:, None], slopes, 0).astype(table.dtype)
    return _untable(slopes, input.shape, dim)


CLASS_LOSSES = catalogue.ops["class_losses"]
prefer_compiled(CLASS_LOSSES, "class_losses", "losses")
prefer_compiled(catalogue.ops["class_slopes"], "class_losses", "slopes")
