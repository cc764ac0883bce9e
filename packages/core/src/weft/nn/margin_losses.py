"""Losses that ask for a margin: between pairs, triplets and the scores of classes."""

from __future__ import annotations

from collections.abc import Callable

from weft import Tensor
from weft.nn import functional as F
from weft.nn.distance import PairwiseDistance
from weft.nn.loss import _Loss, _WeightedLoss


class _WithMargin(_Loss):
    """A loss between two inputs, with a margin that is zero unless it is given."""

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(_WithMargin):
    """`max(0, margin − y (x1 − x2))`: y = 1 asks for x1 above x2, y = −1 for the reverse.

    Args:
        margin: how far apart they are to be.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Inputs (N,), target (N,) of 1 and −1."""
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """`x` where the target is 1, `max(0, margin − x)` where it is −1; x is a distance.

    Args:
        margin: the distance from which on a pair of unlike things costs nothing.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_WithMargin):
    """`1 − cos(x1, x2)` where the target is 1, `max(0, cos(x1, x2) − margin)` where it is −1.

    Args:
        margin: the cosine up to which a pair of unlike things costs nothing, within [−1, 1].
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Inputs (N, D) or (D,), target (N,) or () of 1 and −1."""
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class SoftMarginLoss(_Loss):
    """`log(1 + exp(−y x))` with targets y of 1 and −1.

    Args:
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """`Σ max(0, margin − x[y] + x[i])ᵖ / classes` over the classes i other than the target y.

    Args:
        p: the exponent, 1 or 2.
        margin: by how much the target's score is to exceed the others.
        weight: (classes,), a factor for each target class; a buffer.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: `p` is neither 1 nor 2, or `weight` has not one axis.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p must be 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(
                f"MultiMarginLoss: weight must have one axis, got shape {tuple(weight.shape)}"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, C) or (C,) of scores, target (N,) or () of class numbers."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight,
            reduction=self.reduction,
        )  # fmt: skip


class MultiLabelMarginLoss(_Loss):
    """`Σ max(0, 1 − x[y] + x[i]) / classes` over the targets y and the classes i that are none.

    Args:
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, C) or (C,); target of its shape, class numbers up to the first −1 of a row."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over classes of the two-class cross entropy, from logits.

    Args:
        weight: (classes,), a factor for each class; a buffer.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, C) of logits, target (N, C) of zeros and ones."""
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """`max(0, d(anchor, positive) − d(anchor, negative) + margin)`, d the p-norm's distance.

    Args:
        margin: by how much the negative is to be farther, positive.
        p: the norm's degree.
        eps: added to differences, against division by zero.
        swap: take the distance from positive to negative where that is smaller.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: `margin` is not positive.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = _positive("TripletMarginLoss", margin)
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Anchor, positive and negative (N, D) or (D,)."""
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps,
            swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with a distance of your own.

    Args:
        distance_function: takes two tensors and returns their distance; `PairwiseDistance()` when
            None. A module is a child of the loss.
        margin: by how much the negative is to be farther, positive.
        swap: take the distance from positive to negative where that is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: `margin` is not positive.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = _positive("TripletMarginWithDistanceLoss", margin)
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


def _positive(who: str, margin: float) -> float:
    if margin <= 0:
        raise ValueError(f"{who}: margin must be positive, got {margin}")
    return margin
