"""Losses that are negative log-likelihoods: of counts, of normal numbers, of whole sequences."""

from __future__ import annotations

import warnings
from typing import Any

from weft import Tensor
from weft.nn import functional as F
from weft.nn.loss import NLLLoss, _Loss


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of counts under a Poisson distribution.

    Args:
        log_input: whether the input holds logarithms of rates, else rates.
        full: whether to add Stirling's approximation of `log(target!)` where target > 1.
        size_average: older than `reduction`; leave it out.
        eps: added to rates before their logarithm is taken.
        reduce: older than `reduction`; leave it out.
        reduction: "mean", "sum" or "none".
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps,
            reduction=self.reduction,
        )  # fmt: skip


class GaussianNLLLoss(_Loss):
    """`½ (log var + (input − target)² / var)`: of numbers with a mean and a variance each.

    Args:
        full: whether to add the constant `½ log 2π`.
        eps: the least variance.
        reduction: "mean", "sum" or "none".
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Input and target of one shape; var of that shape, without its last axis, or a number."""
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification: of label sequences, over all their alignments.

    Args:
        blank: the class of "no label".
        reduction: "mean" (each divided by its target's length first), "sum" or "none".
        zero_infinity: whether targets too long for their input count 0 instead of infinity.

    Source: Graves et al. 2006; PyTorch's `torch.nn.CTCLoss`.
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """The loss of each sequence, or their mean or sum.

        Args:
            log_probs: (time, N, classes) or (time, classes), log-probabilities.
            targets: (N, longest), or all targets one after the other; class numbers.
            input_lengths: (N,), how much of the time counts.
            target_lengths: (N,), how long each target is.
        """
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip


class NLLLoss2d(NLLLoss):
    """An older name of `NLLLoss`, which takes images too. Arguments: as for `NLLLoss`.

    Warns:
        FutureWarning: always.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn(
            "NLLLoss2d is deprecated, as in PyTorch: NLLLoss takes images too",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
