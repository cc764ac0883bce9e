"""Connectionist temporal classification: the likelihood of a sequence whose timing is not known."""

from __future__ import annotations

import math
from typing import Any

from weft._backend.libraries import is_array, on_host
from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.alignments import alignment_losses
from weft.ops.comparison import where
from weft.ops.creation import arange, tensor
from weft.ops.families.composite import composite
from weft.ops.loss_pairs import reduced


def _lengths(what: str, given: Any, count: int, most: int, device: Any) -> Tensor:
    """Return lengths as int64 (count,), checked where they are known."""
    out = given if isinstance(given, Tensor) else tensor(given, dtype=dtypes.int64, device=device)
    out = out.reshape((1,)) if out.ndim == 0 else out
    if out.dtype.category != 1:
        raise DTypeError(f"ctc_loss: {what} must be integer, got {out.dtype}")
    if tuple(out.shape) != (count,):
        raise ShapeError(
            f"ctc_loss: {what} must hold one length for each of {count} sequences, got shape "
            f"{tuple(out.shape)}"
        )
    data = on_host(out._data)
    if is_array(data) and data.size and (data.min() < 0 or data.max() > most):
        raise ValueError(
            f"ctc_loss: {what} must be from 0 to {most}, got {data.min()} to {data.max()}"
        )
    return out.to(device=device, dtype=dtypes.int64)


def _labels(targets: Tensor, lengths: Tensor, count: int) -> Tensor:
    """Return targets as (count, longest), where they are given one after the other."""
    if targets.ndim == 2:
        return targets
    data = on_host(lengths._data)
    total, longest = targets.shape[0], targets.shape[0]
    if is_array(data):
        longest = int(data.max()) if data.size else 0
        if int(data.sum()) != total:
            raise ShapeError(
                f"ctc_loss: target_lengths add up to {int(data.sum())}, but targets has {total} "
                f"labels"
            )
    if not longest:
        return targets.new_zeros((count, 0))
    first = lengths.cumsum(0) - lengths
    place = (first.unsqueeze(1) + arange(longest, device=targets.device)).clamp(0, total - 1)
    return targets[place]


@composite(
    samples=(
        Sample(array(5, 2, 4), integers(2, 2, low=1, high=4), (5, 4), (2, 1)),
        Sample(array(6, 2, 3), integers(3, low=1, high=3), (6, 5), (1, 2), reduction="sum"),
        Sample(array(4, 3), integers(2, low=0, high=2), (4,), (2,), 2, "none"),
        Sample(array(4, 2, 3), integers(2, 2, low=1, high=3), (4, 2), (0, 2), 0, "none", True),
    ),
    errors=(
        ErrorSample(
            array(5, 2, 4), integers(2, 2, low=1, high=4), (5, 6), (2, 1), error=ValueError,
            match="input_lengths must be from 0 to 5",
        ),
        ErrorSample(
            array(5, 2, 4), integers(2, 2, low=1, high=4), (5, 5, 5), (2, 1), error=ShapeError,
            match="each of 2 sequences",
        ),
        ErrorSample(
            array(5, 2, 4), integers(2, 2, low=1, high=4), (5, 5), (2, 1), 4, error=ValueError,
            match="blank must be",
        ),
        ErrorSample(
            array(5, 2, 4), integers(2, low=1, high=4), (5, 5), (2, 1), error=ShapeError,
            match="add up to 3",
        ),
        ErrorSample(array(5, 2, 4), array(2, 2), (5, 5), (2, 1), error=DTypeError, match="integer"),
    ),
    namespaces=catalogue.FUNCTIONAL,
)  # fmt: skip
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences, summed over all alignments with the input.

    An alignment gives a class to each time step; equal neighbours are joined, then blanks leave.

    Args:
        log_probs: (T, N, C) or (T, C), logarithms of each step's class probabilities.
        targets: (N, S), int64 class numbers, or all labels one after the other (sum of lengths,).
        input_lengths: (N,), a tensor or a tuple: how many steps count.
        target_lengths: (N,), likewise: how many labels.
        blank: the class that stands for no label.
        reduction: ``"none"``, ``"mean"`` (each loss divided by its target's length first) or
            ``"sum"``.
        zero_infinity: whether a target that no alignment fits costs nothing instead of infinity.

    Returns:
        Tensor: (), or (N,) unreduced. The gradient is that of this formula; PyTorch's adds
        exp(log_probs) to it, which makes no difference after log_softmax. Where the loss is
        infinite the gradient is 0.

    Raises:
        ShapeError: the lengths and targets do not fit.
        ValueError: a length or blank is out of range.
        DTypeError: targets or lengths are not integer.

    Source: Graves et al., ICML 2006.
    """
    name = "ctc_loss"
    if log_probs.ndim not in (2, 3):
        raise ShapeError(
            f"{name}: log_probs must be (T, N, C) or (T, C), got {tuple(log_probs.shape)}"
        )
    single = log_probs.ndim == 2
    scores = log_probs.unsqueeze(1) if single else log_probs
    length, count, classes = scores.shape
    if not 0 <= blank < classes:
        raise ValueError(f"{name}: blank must be from 0 to {classes - 1}, got {blank}")
    if targets.dtype.category != 1:
        raise DTypeError(f"{name}: targets must be integer class numbers, got {targets.dtype}")
    if targets.ndim not in (1, 2) or (targets.ndim == 2 and targets.shape[0] != count):
        raise ShapeError(
            f"{name}: targets must be ({count}, S) or (sum of target_lengths,), got shape "
            f"{tuple(targets.shape)}"
        )
    if length == 0:
        raise ShapeError(f"{name}: log_probs needs at least one time step")
    labels = targets.to(dtypes.int64)
    steps_used = _lengths("input_lengths", input_lengths, count, length, scores.device)
    used = _lengths("target_lengths", target_lengths, count, labels.shape[-1], scores.device)
    own = scores.dtype
    wide = scores.to(dtypes.float32) if own.itemsize < 4 else scores
    loss = alignment_losses(wide, _labels(labels, used, count), steps_used, used, blank=blank)
    loss = loss.to(own)
    if zero_infinity:
        loss = where(loss == math.inf, 0.0, loss)
    if reduction == "mean":
        loss = loss / used.clamp(min=1).to(loss.dtype)
    elif single and reduction == "none":
        loss = loss.squeeze(0)
    return reduced(name, loss, reduction)
