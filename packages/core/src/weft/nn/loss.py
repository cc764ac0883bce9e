"""Losses as modules.

`reduction` is "mean", "sum" or "none". The older `size_average` and `reduce` of PyTorch are
understood: both false mean "none" and "sum" as they did there.
"""

from __future__ import annotations

from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import functional as F
from weft.nn.module import Module

_REDUCTIONS = ("mean", "sum", "none")


class _Loss(Module):
    """What all losses share: how the elements' losses become one.

    Args:
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: another reduction.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            averaged = size_average is None or size_average
            reduction = "none" if reduce is False else ("mean" if averaged else "sum")
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}: reduction must be 'mean', 'sum' or 'none', "
                f"got {reduction!r}{did_you_mean(str(reduction), _REDUCTIONS)}"
            )
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight, which is a buffer and so part of the state_dict."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """`|input − target|`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """`(input − target)²`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """`½ d² / beta` where `d = |input − target|` is below beta, `d − ½ beta` elsewhere.

    Args:
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
        beta: where the square turns into the line; 0 is the absolute difference.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """`½ d²` where `d = |input − target|` is below delta, `delta (d − ½ delta)` elsewhere.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the square turns into the line, positive.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class KLDivLoss(_Loss):
    """`target · (log target − input)`, where the input holds logarithms.

    Args:
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum", "none" or "batchmean", the sum divided by the batch size.
        log_target: whether the target holds logarithms too.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        batchmean = reduction == "batchmean"
        super().__init__(size_average, reduce, "mean" if batchmean else reduction)
        if batchmean:
            self.reduction = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class NLLLoss(_WeightedLoss):
    """The negative log-likelihood of classes, from log-probabilities.

    Args:
        weight: (classes,), a factor for each class; a buffer.
        size_average: older than `reduction`; leave it out.
        ignore_index: targets with this number count nothing.
        reduce: older than `reduction`; leave it out.
        reduction: "mean" (divided by the weights that count), "sum" or "none".
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, C, …) of log-probabilities, target (N, …) of class numbers."""
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """The cross entropy of classes, from logits: log-softmax and negative log-likelihood in one.

    Args:
        weight: (classes,), a factor for each class; a buffer.
        size_average: older than `reduction`; leave it out.
        ignore_index: targets with this number count nothing.
        reduce: older than `reduction`; leave it out.
        reduction: "mean" (divided by the weights that count), "sum" or "none".
        label_smoothing: the share of the target that is spread evenly over all classes.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, C, …) of logits, target (N, …) of class numbers or (N, C, …) of shares."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """The cross entropy of two classes, from probabilities; `BCEWithLogitsLoss` is more exact.

    Args:
        weight: a factor for each element, broadcast; a buffer.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The cross entropy of two classes, from logits.

    Args:
        weight: a factor for each element, broadcast; a buffer.
        size_average: older than `reduction`; leave it out.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for the positive class, broadcast; a buffer.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )
