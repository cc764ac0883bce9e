"""The likelihood of class numbers from logarithms in one op, and its derivative in another.

A row's loss is -x_t, with t its class, or 0 where t does not count. The mean divides by the rows
that count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, integers
from weft.ops.creation import arange
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.reductions import sum


def _sums(x: Any) -> Any:
    from weft._backend import np

    return np.dtype(np.float32) if x.dtype.itemsize < 4 else x.dtype


def _shape(x: Any, target: Any, *, dim: int, ignored: int, reduction: str) -> Any:
    return Aval(target.shape if reduction == "none" else (), x.dtype), Aval((), _sums(x))


def _hit(target: Any, shape: tuple[int, ...], dim: int, ignored: int, dtype: Any) -> Any:
    """Return 1 where the class of each row is that counts, 0 elsewhere."""
    across = tuple(shape[dim] if d == dim else 1 for d in range(len(shape)))
    numbers = arange(shape[dim], dtype=target.dtype, device=target.device).reshape(across)
    wide = target.unsqueeze(dim)
    return ((numbers == wide) & (wide != ignored)).to(dtype)


def _vjp(
    needs: Any, gs: Any, outs: Any, x: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    g, counted = gs[0], outs[1]
    if g is None:
        return None, None
    shape = tuple(x.shape)
    if unrecorded(g, x, target, counted):
        settings = {"dim": dim, "shape": shape, "ignored": ignored, "reduction": reduction}
        return numbered_slopes(g, target, counted, **settings), None
    each = g.unsqueeze(dim) if reduction == "none" else g
    if reduction == "mean":
        each = each / counted.to(x.dtype)
    return -_hit(target, shape, dim, ignored, x.dtype) * each, None


def _jvp(
    tangents: Any, outs: Any, x: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    (tx, _) = tangents
    settings = {"dim": dim, "ignored": ignored, "reduction": reduction}
    return numbered_losses(tx, target, **settings)[0], None


def _batch(
    size: int, batched: Sequence[bool], x: Any, target: Any, *, dim: int, ignored: int,
    reduction: str,
) -> Any:  # fmt: skip
    x, target = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((x, target), batched, strict=True)
    )
    each, _ = numbered_losses(x, target, dim=dim + 1, ignored=ignored, reduction="none")
    dims = tuple(range(1, each.ndim))
    counted = (target != ignored).to(x.dtype)
    counted = sum(counted, dims) if dims else counted
    if reduction == "none":
        return each, counted
    total = sum(each, dims) if dims else each
    return total / counted if reduction == "mean" else total, counted


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("input", "target", "out1"),
    outputs=2,
    promote=False,
    samples=(
        Sample(array(3, 4), integers(3, high=4), dim=1, ignored=-100, reduction="mean"),
        Sample(array(4), integers(high=4), dim=0, ignored=-100, reduction="sum"),
        Sample(array(2, 4, 3), integers(2, 3, high=4), dim=1, ignored=2, reduction="none"),
        Sample(array(2, 4, 3), integers(2, 3, high=4), dim=1, ignored=1, reduction="mean"),
    ),
    keyword_only=("dim", "ignored", "reduction"),
    namespaces=(),
    methods=(),
    out=False,
    called="nll_loss",
)
def numbered_losses(
    xp: Any, input: Any, target: Any, *, dim: int, ignored: int, reduction: str
) -> Any:
    """Negative log-likelihood of class numbers.

    Args:
        input: logarithms of probabilities, with the classes in ``dim``.
        target: class numbers, of input's shape without that dim.
        dim: the dim of the classes.
        ignored: the class number that does not count.
        reduction: ``"mean"`` of what counts, ``"sum"`` or ``"none"``.

    Returns:
        tuple: the loss or losses, and how many rows count.
    """
    require_real("nll_loss", input)
    classes = input.shape[dim]
    counted = target != ignored
    wrong = counted & ((target < 0) | (target >= classes))
    if wrong.any():
        first = target.reshape(-1)[int(xp.argmax(wrong.reshape(-1)))]
        raise IndexError(
            f"nll_loss: target must hold classes from 0 to {classes - 1} (input.shape == "
            f"{tuple(input.shape)}) or ignore_index ({ignored}); index {int(first)} is out of "
            f"range for a dim of length {classes}"
        )
    chosen = xp.expand_dims(xp.where(counted, target, 0), dim)
    picked = xp.take_along_axis(input, chosen, axis=dim).squeeze(dim) if input.size else input
    losses = xp.where(counted, -picked.reshape(target.shape), 0).astype(input.dtype)
    many = xp.asarray(counted.sum(), dtype=input.dtype)
    if reduction == "none":
        return losses, many
    total = losses.sum()
    return xp.asarray(total / many if reduction == "mean" else total, dtype=input.dtype), many


_ALONE = not_differentiable("numbered_losses calls it only where nothing is recorded")


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, target: Any, counted: Any, *, dim: int,
    shape: tuple[int, ...], ignored: int, reduction: str,
) -> Any:  # fmt: skip
    g, target, counted = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((g, target, counted), batched, strict=True)
    )
    hit = _hit(target, (size, *shape), dim + 1, ignored, g.dtype)
    if reduction == "none":
        return -hit * g.unsqueeze(dim + 1)
    each = g / counted.to(g.dtype) if reduction == "mean" else g
    return -hit * each.reshape((size, *(1,) * len(shape)))


@custom(
    shape=lambda g, target, counted, *, dim, shape, ignored, reduction: Aval(shape, g.dtype),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    promote=False,
    samples=(
        Sample(
            array(), integers(3, high=4), array(low=2.0, high=3.0), dim=1, shape=(3, 4),
            ignored=-100, reduction="mean",
        ),
        Sample(
            array(2, 3), integers(2, 3, high=4), array(low=2.0, high=3.0), dim=1,
            shape=(2, 4, 3), ignored=1, reduction="none",
        ),
    ),
    keyword_only=("dim", "shape", "ignored", "reduction"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def numbered_slopes(
    xp: Any, g: Any, target: Any, counted: Any, *, dim: int, shape: tuple[int, ...], ignored: int,
    reduction: str,
) -> Any:  # fmt: skip
    """The derivative of :func:`numbered_losses` by the logarithms.

    Args:
        g: the cotangent of the loss, or of each row's.
        target: class numbers.
        counted: how many rows count.
        dim: the dim of the classes.
        shape: of the logarithms.
        ignored: the class number that does not count.
        reduction: how the losses were reduced.

    Returns:
        Tensor: of that shape.
    """
    across = tuple(shape[dim] if d == dim else 1 for d in range(len(shape)))
    wide = xp.expand_dims(target, dim)
    hit = (xp.arange(shape[dim]).reshape(across) == wide) & (wide != ignored)
    each = xp.expand_dims(g, dim) if reduction == "none" else g
    if reduction == "mean":
        each = each / counted.astype(g.dtype)
    return xp.where(hit, -each, 0).astype(g.dtype)


NUMBERED = catalogue.ops["numbered_losses"]
prefer_compiled(NUMBERED, "numbered_losses", "losses")
prefer_compiled(catalogue.ops["numbered_slopes"], "numbered_losses", "slopes")
