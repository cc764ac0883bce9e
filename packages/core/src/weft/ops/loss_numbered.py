"""The losses as PyTorch has them at its top level: reductions by number, and its order there.

``weft.nn.functional`` has the same losses with reductions by name. The default here is 0, none:
PyTorch's schemas say the mean, but its Python functions reduce nothing unless told to.
"""

from __future__ import annotations

from typing import Any

from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops import loss, loss_ctc, loss_likelihoods, loss_margins
from weft.ops.families.composite import composite

_REDUCTIONS = ("none", "mean", "sum")


def _named(name: str, reduction: int) -> str:
    """Return the name of a reduction's number."""
    if isinstance(reduction, bool) or reduction not in (0, 1, 2):
        raise ValueError(
            f"{name}: reduction must be 0 (none), 1 (mean) or 2 (sum), got {reduction!r}"
        )
    return _REDUCTIONS[reduction]


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.0)),
        Sample(array(2, 3), array(2, 3, low=0.0), array(3, low=0.5), array(3, low=0.5), 2),
    ),
    errors=(ErrorSample(array(3), array(3), reduction=3, error=ValueError, match="0 .none."),),
    methods=(),
    key="weft.binary_cross_entropy_with_logits",
)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 0,
) -> Tensor:
    """Cross-entropy of yes-or-no answers, from logits: as in ``weft.nn.functional``.

    Args:
        input: (...), logits.
        target: (...), in [0, 1].
        weight: broadcasts; a factor of each loss.
        pos_weight: broadcasts; a factor of the positive answers' part.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
        ValueError: the reduction is unknown.
    """
    how = _named("binary_cross_entropy_with_logits", reduction)
    return loss.binary_cross_entropy_with_logits(input, target, weight, how, pos_weight)


@composite(
    samples=(
        Sample(array(3, 4), array(3, 4), integers(3, low=1, high=2)),
        Sample(array(3, 4), array(3, 4), integers(3, low=-1, high=0), -0.9, 2),
    ),
    methods=(),
    key="weft.cosine_embedding_loss",
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """1 - cos for pairs that belong together, max(0, cos - margin) for pairs that do not.

    Args:
        input1: (N, D) or (D,), floating.
        input2: of input1's shape.
        target: (N,) or (), 1 for together and -1 for apart.
        margin: up to where a cosine apart costs nothing.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ShapeError: the inputs do not have exactly one dim more than target.
        ValueError: the reduction is unknown.
    """
    how = _named("cosine_embedding_loss", reduction)
    return loss_margins.cosine_embedding_loss(input1, input2, target, margin, how)


@composite(
    samples=(
        Sample(array(5, 2, 4), integers(2, 2, low=1, high=4), (5, 4), (2, 1)),
        Sample(array(6, 2, 3), integers(3, low=1, high=3), (6, 5), (1, 2), 0, 2, True),
    ),
    methods=(),
    key="weft.ctc_loss",
)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences over all alignments: as in ``nn.functional``.

    Args:
        log_probs: (T, N, C) or (T, C), logarithms of each step's class probabilities.
        targets: (N, S), int64 class numbers, or all labels one after the other.
        input_lengths: (N,), a tensor or a tuple: how many steps count.
        target_lengths: (N,), likewise: how many labels.
        blank: the class that stands for no label.
        reduction: 0 none, 1 mean (each loss divided by its target's length first), 2 sum.
        zero_infinity: whether a target that no alignment fits costs nothing.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ShapeError: the lengths and targets do not fit.
        ValueError: a length, blank or the reduction is out of range.
    """
    how = _named("ctc_loss", reduction)
    return loss_ctc.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, how, zero_infinity
    )


@composite(
    samples=(
        Sample(array(2, 3, low=0.1), integers(2, 3, low=1, high=2)),
        Sample(array(3, low=0.1, high=0.9), integers(3, low=-1, high=0), 1.0, 2),
    ),
    methods=(),
    key="weft.hinge_embedding_loss",
)
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0
) -> Tensor:
    """The input where target is 1, max(0, margin - input) where it is -1.

    Args:
        input: (...), such as distances.
        target: broadcasts with input, 1 or -1.
        margin: from where on an input apart costs nothing.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ValueError: the reduction is unknown.
    """
    how = _named("hinge_embedding_loss", reduction)
    return loss_margins.hinge_embedding_loss(input, target, margin, how)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.1)),
        Sample(array(2, 3), array(2, 3), 2, log_target=True),
    ),
    methods=(),
    key="weft.kl_div",
)
def kl_div(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence of a target from log-probabilities.

    Args:
        input: (N, ...), log-probabilities.
        target: (N, ...), probabilities, or their logarithms.
        reduction: 0 none, 1 mean, 2 sum.
        log_target: whether target is given as logarithms.

    Returns:
        Tensor: (), or (N, ...) unreduced.

    Raises:
        ShapeError: the shapes differ.
        ValueError: the reduction is unknown.
    """
    return loss.kl_div(input, target, _named("kl_div", reduction), log_target)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3), integers(2, 3, low=1, high=2)),
        Sample(array(3), array(3), integers(3, low=-1, high=0), 0.3, 2),
    ),
    methods=(),
    key="weft.margin_ranking_loss",
)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """max(0, -target (input1 - input2) + margin): which of two should be the larger.

    Args:
        input1: (...).
        input2: (...).
        target: (...), 1 where input1 should be the larger, -1 where input2 should.
        margin: by how much.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the three have not as many dims.
        ValueError: the reduction is unknown.
    """
    how = _named("margin_ranking_loss", reduction)
    return loss_margins.margin_ranking_loss(input1, input2, target, margin, how)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.0, high=3.0), True, False, 1e-8, 1),
        Sample(array(3, low=0.5), array(3, low=1.5, high=3.0), False, True, 1e-3, 0),
    ),
    methods=(),
    key="weft.poisson_nll_loss",
)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """Negative log-likelihood of counts under Poisson's distribution.

    Args:
        input: (...), the expected counts, or their logarithms.
        target: broadcasts with input, the counts.
        log_input: whether input holds logarithms.
        full: whether to add Stirling's approximation where target is above 1.
        eps: keeps the logarithm of an input of 0 finite.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ValueError: the reduction is unknown.
    """
    how = _named("poisson_nll_loss", reduction)
    return loss_likelihoods.poisson_nll_loss(input, target, log_input, full, eps, how)


@composite(
    samples=(
        Sample(array(3, 4), array(3, 4), array(3, 4)),
        Sample(array(3, 4), array(3, 4), array(3, 4), 0.5, 1.0, 1e-6, True, 2),
    ),
    methods=(),
    key="weft.triplet_margin_loss",
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|).

    Args:
        anchor: (N, D) or (D,).
        positive: of the same shape, what should be near.
        negative: of the same shape, what should be far.
        margin: by how much farther, positive.
        p: the norm's exponent.
        eps: added to each difference.
        swap: whether the negative may also be measured from the positive.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ValueError: margin is not positive, or the reduction is unknown.
        ShapeError: the three have not as many dims.
    """
    how = _named("triplet_margin_loss", reduction)
    return loss_margins.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, how)
