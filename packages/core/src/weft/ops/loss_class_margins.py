"""Losses with a margin among classes: one right class, several of them, or a yes for each."""

from __future__ import annotations

from weft._core import catalogue
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.creation import arange
from weft.ops.families.composite import composite
from weft.ops.gathering import picked
from weft.ops.indexing import getitem
from weft.ops.loss_margins import exceeding
from weft.ops.loss_pairs import reduced, same_shape

_F = catalogue.FUNCTIONAL


def _rows(name: str, input: Tensor, target: Tensor, target_ndim: int) -> tuple[Tensor, Tensor]:
    """Return both with an axis of examples, checked."""
    if input.ndim not in (1, 2) or target.ndim != target_ndim + input.ndim - 1:
        wanted = (
            "(N, C) and (N, C), or (C,) and (C,)"
            if target_ndim
            else "(N, C) and (N,), or (C,) and ()"
        )
        raise ShapeError(
            f"{name}: expected input and target of shapes {wanted}, got {tuple(input.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.dtype.category != 1:
        raise DTypeError(f"{name}: class numbers must be integer, got {target.dtype}")
    if input.ndim == 1:
        return input.unsqueeze(0), target.unsqueeze(0)
    return input, target


@composite(
    samples=(
        Sample(array(3, 4), integers(3, low=0, high=4)),
        Sample(array(3, 4), integers(3, low=0, high=4), 2, 0.7, array(4, low=0.5)),
        Sample(array(4), integers(low=0, high=4), reduction="sum"),
        Sample(array(2, 4), integers(2, low=0, high=4), reduction="none"),
    ),
    errors=(
        ErrorSample(array(3, 4), integers(3, high=4), 3, error=ValueError, match="p must be"),
        ErrorSample(array(3, 4), integers(2, high=4), error=ShapeError, match="as many examples"),
        ErrorSample(array(3, 4), integers(3, low=4, high=9), error=IndexError, match="of length 4"),
        ErrorSample(array(3, 4), array(3), error=DTypeError, match="must be integer"),
    ),
    namespaces=_F,
)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the wrong classes i of max(0, margin - x[target] + x[i])^p, divided by C.

    Args:
        input: (N, C) or (C,), scores.
        target: (N,) or (), int64 class numbers.
        p: 1 or 2.
        margin: by how much the right score should be above the others.
        weight: (C,), a factor per right class.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ValueError: p is neither 1 nor 2.
        ShapeError: the shapes do not fit.
        DTypeError: the class numbers are not integer.
        IndexError: a class number is not below C.
    """
    name = "multi_margin_loss"
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p!r}")
    scores, right = _rows(name, input, target, 0)
    if scores.shape[0] != right.shape[0]:
        raise ShapeError(
            f"{name}: input and target must have as many examples, got {tuple(input.shape)} and "
            f"{tuple(target.shape)}"
        )
    classes = scores.shape[1]
    column = right.unsqueeze(1)
    excess = exceeding(margin - picked(scores, column, dim=1) + scores)
    excess = excess * excess if p == 2 else excess
    if weight is not None:
        excess = excess * getitem(weight, right).unsqueeze(1)
    wrong = arange(classes, device=scores.device) != column
    loss = where(wrong, excess, 0.0).sum(1) / classes
    return reduced(name, loss.squeeze(0) if input.ndim == 1 else loss, reduction)


@composite(
    samples=(
        Sample(array(3, 4), integers(3, 4, low=-1, high=4)),
        Sample(array(4), integers(4, low=-1, high=4), reduction="sum"),
        Sample(array(2, 3), integers(2, 3, low=0, high=3), reduction="none"),
    ),
    errors=(
        ErrorSample(array(3, 4), integers(3, 3, high=3), error=ShapeError, match="same shape"),
        ErrorSample(array(3, 4), array(3, 4), error=DTypeError, match="must be integer"),
    ),
    namespaces=_F,
)
def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The sum over right classes j and wrong classes i of max(0, 1 - x[j] + x[i]), divided by C.

    Args:
        input: (N, C) or (C,), scores.
        target: of input's shape, int64: the right classes' numbers, then -1; what follows the
            first -1 is not read.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ShapeError: the shapes differ.
        DTypeError: the class numbers are not integer.
        IndexError: a class number is not below C.
    """
    name = "multilabel_margin_loss"
    scores, labels = _rows(name, input, target, 1)
    same_shape(name, input, target)
    classes = scores.shape[1]
    listed = (labels == -1).to(labels.dtype).cumsum(1) == 0
    number = where(listed, labels, 0)
    right = (
        (number.unsqueeze(2) == arange(classes, device=scores.device)) & listed.unsqueeze(2)
    ).any(1)  # (N, C)
    own = picked(scores, number, dim=1)
    excess = exceeding(1 - own.unsqueeze(2) + scores.unsqueeze(1))  # (N, labels, C)
    counts = listed.unsqueeze(2) & (~right).unsqueeze(1)
    loss = where(counts, excess, 0.0).sum((1, 2)) / classes
    return reduced(name, loss.squeeze(0) if input.ndim == 1 else loss, reduction)


@composite(
    samples=(
        Sample(array(3, 4), array(3, 4, low=0.0)),
        Sample(array(3, 4), array(3, 4, low=0.0), array(4, low=0.5), reduction="sum"),
        Sample(array(4), array(4, low=0.0), reduction="none"),
    ),
    errors=(ErrorSample(array(3, 4), array(4), error=ShapeError, match="same shape"),),
    namespaces=_F,
)
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The mean over classes of the cross-entropy of yes-or-no answers, from logits.

    Args:
        input: (N, C) or (C,), logits.
        target: of input's shape, in [0, 1].
        weight: broadcasts; a factor of each class's loss.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ShapeError: the shapes differ.
    """
    from weft.ops.activation import logsigmoid

    name = "multilabel_soft_margin_loss"
    same_shape(name, input, target)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(name, loss.mean(-1), reduction)
