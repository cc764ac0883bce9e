"""Losses: how far a prediction is from what was wanted."""

from __future__ import annotations

from typing import Any

from weft._backend.libraries import is_array, on_host
from weft._core import catalogue, dtypes
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.activation import softplus
from weft.ops.bounds import clamp
from weft.ops.class_losses import CLASS_LOSSES
from weft.ops.comparison import where
from weft.ops.exponential import exp, log
from weft.ops.families.composite import composite
from weft.ops.gathering import picked
from weft.ops.indexing import getitem
from weft.ops.loss_pairs import PAIR_ERRORS, REDUCTIONS, reduced, same_shape
from weft.ops.numbered_losses import NUMBERED
from weft.ops.pair_losses import fused
from weft.ops.reductions import sum
from weft.ops.soft_losses import SOFT_LOSSES
from weft.ops.softmax import log_softmax

_F = catalogue.FUNCTIONAL


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.0)),
        Sample(array(2, 3), array(2, 3, low=0.0), array(3, low=0.5), pos_weight=array(3, low=0.5)),
    ),
    errors=PAIR_ERRORS[:1],
    namespaces=_F,
)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of yes-or-no answers, from logits, without overflow.

    Args:
        input: (...), logits.
        target: (...), in [0, 1].
        weight: broadcasts; a factor of each loss.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        pos_weight: broadcasts; a factor of the positive answers' part.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
    """
    name = "binary_cross_entropy_with_logits"
    same_shape(name, input, target)
    if pos_weight is None and weight is None:
        out = fused(input, target, "logits", reduction)
        if out is not None:
            return out  # type: ignore[no-any-return]  # a tensor
    if pos_weight is None:
        loss = softplus(-input) + (1 - target) * input
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * softplus(-input)
    return reduced(name, loss if weight is None else loss * weight, reduction)


def _log_above(p: Tensor) -> Tensor:
    """Return the logarithm, at least -100, with a finite gradient also where p is 0."""
    tiny = 2.0**-126 if p.dtype.itemsize > 2 else 2.0**-14
    return where(p >= tiny, log(clamp(p, min=tiny)), -100.0)


@composite(
    samples=(Sample(array(2, 3, low=0.1, high=0.9), array(2, 3, low=0.0)),),
    errors=(
        PAIR_ERRORS[0],
        ErrorSample(array(3, low=1.5, high=2.0), array(3), error=ValueError, match=r"in \[0, 1\]"),
    ),
    namespaces=_F,
)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Cross-entropy of yes-or-no answers, from probabilities.

    -(target log(input) + (1 - target) log(1 - input)), times weight.

    Args:
        input: (...), in [0, 1]; logarithms are kept above -100, as in PyTorch.
        target: (...), in [0, 1].
        weight: broadcasts; a factor of each loss.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
        ValueError: an input is no probability.
    """
    same_shape("binary_cross_entropy", input, target)
    data = on_host(input._data)
    if is_array(data) and data.size and not (data.min() >= 0 and data.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: input must be probabilities in [0, 1], got values from "
            f"{data.min()} to {data.max()}; for logits use binary_cross_entropy_with_logits"
        )
    yes, no = _log_above(input), _log_above(1 - input)
    loss = -(target * yes + (1 - target) * no)
    return reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.1)),
        Sample(array(2, 3), array(2, 3), "sum", True),
        Sample(array(2, 3), array(2, 3, low=0.1), "batchmean"),
    ),
    namespaces=_F,
)
def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence of a target from log-probabilities.

    target (log(target) - input), and 0 where target is 0.

    Args:
        input: (N, ...), log-probabilities.
        target: (N, ...), probabilities, or their logarithms.
        reduction: ``"none"``, ``"mean"``, ``"sum"`` or ``"batchmean"`` (sum over N).
        log_target: whether target is given as logarithms.

    Returns:
        Tensor: (), or (N, ...) unreduced.

    Raises:
        ShapeError: the shapes differ.
    """
    same_shape("kl_div", input, target)
    if log_target:
        loss = exp(target) * (target - input)
    else:
        positive = target > 0
        safe = where(positive, target, 1.0)
        loss = where(positive, target * (log(safe) - input), 0.0)
    if reduction == "batchmean":
        return sum(loss) / input.shape[0]
    return reduced("kl_div", loss, reduction)


def _class_dim(name: str, input: Tensor, target: Tensor) -> int:
    shape = tuple(input._data.shape)
    if not shape:
        raise ShapeError(f"{name}: input needs a dim of classes, got a 0-d tensor")
    at = 1 if len(shape) > 1 else 0
    wanted = shape[:at] + shape[at + 1 :]
    if tuple(target._data.shape) != wanted:
        raise ShapeError(
            f"{name}: for input.shape == {shape} (classes in dim {at}), target must "
            f"have shape {wanted}, got {tuple(target.shape)}"
        )
    if target.dtype.category != 1:
        raise DTypeError(f"{name}: class numbers must be integer, got {target.dtype}")
    return at


def _nll(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    at = _class_dim(name, input, target)
    own = input._data.dtype
    if weight is None and own.kind in "fV" and own.itemsize > 1 and target.dtype is dtypes.int64:
        settings = {"dim": at, "ignored": ignore_index, "reduction": reduction}
        fused: Tensor = apply(NUMBERED, (input, target), settings)[0]
        return fused
    counted = target != ignore_index
    safe = where(counted, target, 0)
    try:
        loss = -picked(input, safe.unsqueeze(at), dim=at).squeeze(at)
    except IndexError as error:
        raise IndexError(
            f"{name}: target must hold classes from 0 to {input.shape[at] - 1} (input.shape == "
            f"{tuple(input.shape)}) or ignore_index ({ignore_index}); {error}"
        ) from error
    factor = counted.to(input.dtype)
    if weight is not None:
        factor = factor * getitem(weight, safe)
    loss = where(counted, loss * factor, 0.0)
    if reduction == "mean":
        return sum(loss) / sum(factor)
    return reduced(name, loss, reduction)


@composite(
    samples=(
        Sample(array(3, 4), integers(3, low=0, high=4)),
        Sample(array(2, 4, 3), integers(2, 3, low=0, high=4), array(4, low=0.5)),
        Sample(array(4), integers(low=0, high=4), reduction="sum"),
    ),
    errors=(
        ErrorSample(array(3, 4), integers(2), error=ShapeError, match=r"must have shape \(3,\)"),
        ErrorSample(array(3, 4), integers(3, low=4, high=9), error=IndexError, match="of length 4"),
    ),
    namespaces=_F,
)
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of classes.

    Args:
        input: (N, C, ...) or (C,), log-probabilities.
        target: (N, ...) or (), int64 class numbers.
        weight: (C,), a factor per class.
        ignore_index: a class number that does not count.
        reduction: ``"none"``, ``"mean"`` (by the sum of factors) or ``"sum"``.

    Returns:
        Tensor: (), or (N, ...) unreduced.

    Raises:
        ShapeError: the shapes do not fit.
        IndexError: a class number is not below C.
    """
    return _nll("nll_loss", input, target, weight, ignore_index, reduction)


@composite(
    samples=(
        Sample(array(3, 4), integers(3, low=0, high=4)),
        Sample(array(3, 4), integers(3, low=0, high=4), label_smoothing=0.1),
        Sample(
            array(3, 4),
            integers(3, low=0, high=4),
            array(4, low=0.5),
            label_smoothing=0.1,
            reduction="sum",
        ),
        Sample(array(3, 4), array(3, 4, low=0.0)),
        Sample(array(2, 4, 3), integers(2, 3, low=0, high=4), reduction="none"),
    ),
    errors=(
        ErrorSample(array(3, 4), integers(2), error=ShapeError, match=r"must have shape \(3,\)"),
        ErrorSample(array(3, 4), integers(3, high=4), label_smoothing=1.5, error=ValueError,
                    match="label_smoothing must be in"),
    ),
    namespaces=_F,
)  # fmt: skip
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of classes, from logits.

    -weight[target] log_softmax(input)[target] for class numbers; for probabilities the sum over
    the classes of -weight target log_softmax(input). The mean divides class numbers' losses by
    the sum of their weights.

    Args:
        input: (N, C, ...) or (C,), logits.
        target: int64 class numbers (N, ...) or (); or probabilities of input's shape.
        weight: (C,), a factor per class.
        ignore_index: a class number that does not count.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        label_smoothing: in [0, 1], how much of the target is spread over all classes.

    Returns:
        Tensor: (), or (N, ...) unreduced.

    Raises:
        ShapeError: the shapes do not fit.
        IndexError: a class number is not below C.
        ValueError: label_smoothing is out of range.
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}")
    at = 1 if input._data.ndim > 1 else 0
    if target.dtype.category == 1 and (weight is None or weight._data.dtype == input._data.dtype):
        return _of_classes(input, target, weight, ignore_index, reduction, label_smoothing)
    if target.dtype.category == 2 and at == input._data.ndim - 1 and _same(input, target, weight):
        rows: Tensor = apply(SOFT_LOSSES, (input, target, weight), {"smoothing": label_smoothing})[
            0
        ]
        return _averaged(rows, reduction)
    logs = log_softmax(input, at)
    across = tuple(-1 if d == at else 1 for d in range(input.ndim))
    if target.dtype.category > 1:
        return _soft(logs, target, weight, reduction, label_smoothing, at, across)
    hard = _nll("cross_entropy", logs, target, weight, ignore_index, reduction)
    if label_smoothing == 0:
        return hard
    counted = target != ignore_index
    every = -sum(logs if weight is None else logs * weight.reshape(across), dim=at)
    every = where(counted, every, 0.0) / input.shape[at]
    if reduction == "mean":
        factor = counted.to(input.dtype)
        if weight is not None:
            factor = factor * getitem(weight, where(counted, target, 0))
        every = sum(every) / sum(factor)
    else:
        every = reduced("cross_entropy", every, reduction)
    return hard * (1 - label_smoothing) + every * label_smoothing


def _of_classes(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"cross_entropy: reduction must be 'none', 'mean' or 'sum', got {reduction!r}"
        )
    at = _class_dim("cross_entropy", input, target)
    classes = input._data.shape[at : at + 1]
    if weight is not None and tuple(weight._data.shape) != tuple(classes):
        raise ShapeError(
            f"cross_entropy: weight must have shape {tuple(classes)}, one factor for each class, "
            f"got {tuple(weight.shape)}"
        )
    x = input if input.dtype.category > 1 else input.to(dtypes.get_default_dtype())
    settings = {
        "dim": at,
        "ignored": ignore_index,
        "reduction": reduction,
        "smoothing": float(smoothing),
    }
    loss: Tensor = apply(CLASS_LOSSES, (x, target, weight), settings)[0]
    return loss


def _soft(
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    label_smoothing: float,
    at: int,
    across: Any,
) -> Tensor:
    same_shape("cross_entropy", logs, target)
    classes = logs.shape[at]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        logs = logs * weight.reshape(across)
    return _averaged(-sum(logs * target, dim=at), reduction)


def _averaged(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return sum(loss) / max(loss.numel(), 1)
    return reduced("cross_entropy", loss, reduction)


def _same(input: Tensor, target: Tensor, weight: Tensor | None) -> bool:
    """Whether one op takes probabilities: of the logits' shape and dtype, as are the weights."""
    data, wanted = input._data, target._data
    dtype, shape = data.dtype, tuple(data.shape)
    if dtype.kind not in "fV" or wanted.dtype != dtype or tuple(wanted.shape) != shape:
        return False
    return weight is None or (
        weight._data.dtype == dtype and tuple(weight._data.shape) == shape[-1:]
    )
