"""Losses of two tensors, element by element; and how every loss is reduced."""

from __future__ import annotations

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs, square
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.pair_losses import fused
from weft.ops.reductions import mean, sum

_F = catalogue.FUNCTIONAL
REDUCTIONS = ("none", "mean", "sum")


def reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    """Return the losses, their mean or their sum, as a reduction's name says."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    if reduction == "none":
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise a ShapeError if a loss's two tensors would have to broadcast."""
    if input._data.shape != target._data.shape:
        raise ShapeError(
            f"{name}: input and target must have the same shape, got {tuple(input.shape)} and "
            f"{tuple(target.shape)}; broadcasting a loss hides mistakes"
        )


def _weighted(
    name: str, loss: Tensor, weight: Tensor | None, reduction: str, *, by_weight: bool = True
) -> Tensor:
    """Reduce the losses times a factor of each; the mean is by the sum of factors if it is so."""
    if weight is None:
        return reduced(name, loss, reduction)
    if tuple(weight.shape) != tuple(loss.shape):
        raise ShapeError(
            f"{name}: weight must have input's shape {tuple(loss.shape)}, got {tuple(weight.shape)}"
        )
    if reduction == "mean" and by_weight:
        return sum(loss * weight) / sum(weight)
    return reduced(name, loss * weight, reduction)


_WEIGHTED = (
    Sample(array(2, 3), array(2, 3), weight=array(2, 3, low=0.5)),
    Sample(array(3), array(3), reduction="sum", weight=array(3, low=0.5)),
)
_MISFIT = ErrorSample(
    array(3), array(3), weight=array(1), error=ShapeError, match="weight must have input's shape"
)
_PAIR = (Sample(array(2, 3), array(2, 3)), Sample(array(3), array(3), reduction="sum"))
PAIR_ERRORS = (
    ErrorSample(array(3, 1), array(3), error=ShapeError, match="the same shape"),
    ErrorSample(array(3), array(3), reduction="avg", error=ValueError, match="reduction"),
)


@composite(samples=(*_PAIR, *_WEIGHTED), errors=(*PAIR_ERRORS, _MISFIT), namespaces=_F)
def mse_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Squared difference: (input - target)^2.

    Args:
        input: (...).
        target: (...), of the same shape.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        weight: of input's shape, a factor of each loss; the mean is by their sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ (PyTorch warns and broadcasts).
    """
    same_shape("mse_loss", input, target)
    out = fused(input, target, "square", reduction) if weight is None else None
    if out is not None:
        return out  # type: ignore[no-any-return]  # a tensor
    return _weighted("mse_loss", square(input - target), weight, reduction)


@composite(samples=(*_PAIR, *_WEIGHTED), errors=(*PAIR_ERRORS, _MISFIT), namespaces=_F)
def l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Absolute difference: |input - target|.

    Args:
        input: (...).
        target: (...), of the same shape.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        weight: of input's shape, a factor of each loss; the mean is by their sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ (PyTorch warns and broadcasts).
    """
    same_shape("l1_loss", input, target)
    out = fused(input, target, "abs", reduction) if weight is None else None
    if out is not None:
        return out  # type: ignore[no-any-return]  # a tensor
    return _weighted("l1_loss", abs(input - target), weight, reduction)


def _huber(far: Tensor, delta: float) -> Tensor:
    return where(far < delta, 0.5 * far * far, delta * (far - 0.5 * delta))


@composite(samples=_PAIR, errors=PAIR_ERRORS, namespaces=_F)
def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Squared difference up to a distance, absolute beyond.

    Args:
        input: (...).
        target: (...), of the same shape.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        beta: the distance; 0 makes it the absolute difference.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
        ValueError: beta is negative.
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    same_shape("smooth_l1_loss", input, target)
    out = fused(input, target, "smooth", reduction, beta)
    if out is not None:
        return out  # type: ignore[no-any-return]  # a tensor
    return reduced("smooth_l1_loss", _huber(abs(input - target), beta) / beta, reduction)


@composite(samples=(*_PAIR, *_WEIGHTED), errors=(*PAIR_ERRORS, _MISFIT), namespaces=_F)
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to a distance, then linear with slope delta.

    d^2 / 2 where d = |input - target| is below delta, else delta (d - delta / 2).

    Args:
        input: (...).
        target: (...), of the same shape.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        delta: the distance, positive.
        weight: of input's shape, a factor of each loss, which the mean does not divide by.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
        ValueError: delta is not positive.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    same_shape("huber_loss", input, target)
    out = fused(input, target, "huber", reduction, delta) if weight is None else None
    if out is not None:
        return out  # type: ignore[no-any-return]  # a tensor
    return _weighted(
        "huber_loss", _huber(abs(input - target), delta), weight, reduction, by_weight=False
    )
