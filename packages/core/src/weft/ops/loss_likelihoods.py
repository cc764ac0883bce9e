"""Losses that are negative log-likelihoods: of counts, of normal values, of classes of a layer."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.affine import linear
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.loss import cross_entropy
from weft.ops.loss_pairs import reduced

_F = catalogue.FUNCTIONAL


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3, low=0.0, high=3.0)),
        Sample(array(4, low=0.5, high=2.0), array(4, low=0.0, high=3.0), False, reduction="sum"),
        Sample(array(2, 3), array(2, 3, low=1.5, high=4.0), full=True),
        Sample(array(3, low=0.5), array(3, low=0.1, high=0.9), False, True, 1e-3, reduction="none"),
    ),
    errors=(
        ErrorSample(array(3), array(3), reduction="avg", error=ValueError, match="reduction must"),
    ),
    namespaces=_F,
)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts under Poisson's distribution.

    exp(input) - target input, or input - target log(input + eps) where input is no logarithm.

    Args:
        input: (...), the expected counts, or their logarithms.
        target: broadcasts with input, the counts.
        log_input: whether input holds logarithms.
        full: whether to add Stirling's approximation of log(target!) where target is above 1.
        eps: keeps the logarithm of an input of 0 finite.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced.
    """
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        large = target > 1
        count = where(large, target, 1.0)
        stirling = count * count.log() - count + 0.5 * (2 * math.pi * count).log()
        loss = loss + where(large, stirling, 0.0)
    return reduced("poisson_nll_loss", loss, reduction)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3), array(2, 3, low=0.2)),
        Sample(array(2, 3), array(2, 3), array(2, low=0.2), full=True, reduction="sum"),
        Sample(array(2, 3), array(2, 3), array(2, 1, low=0.2), reduction="none"),
        Sample(array(2, 3), array(2, 3), 0.5),
    ),
    errors=(
        ErrorSample(array(2, 3), array(2, 3), array(3), error=ShapeError, match="var must have"),
        ErrorSample(array(3), array(3), -1.0, error=ValueError, match="must not be negative"),
    ),
    namespaces=_F,
)
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of values under normal distributions.

    (log(max(var, eps)) + (input - target)^2 / max(var, eps)) / 2.

    Args:
        input: (...), the expected values.
        target: broadcasts with input.
        var: the variances: a number; or of input's shape, of that shape without its last dim, or
            with length 1 there.
        full: whether to add the constant log(2 pi) / 2.
        eps: the least variance; the gradient passes it as if it were not there.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: var has another shape.
        ValueError: a variance is negative.
    """
    from weft._backend.libraries import is_array, on_host
    from weft.ops.creation import full as filled

    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError(f"gaussian_nll_loss: var must not be negative, got {var}")
        var = filled((), var, dtype=input.dtype, device=input.device)
    else:
        shape, own = tuple(input.shape), tuple(var.shape)
        if own != shape:
            if own == shape[:-1]:
                var = var.unsqueeze(-1)
            elif own[:-1] != shape[:-1] or own[-1:] != (1,):
                raise ShapeError(
                    f"gaussian_nll_loss: var must have input's shape {shape}, or that with the "
                    f"last dim left out or of length 1; got {own}"
                )
        data = on_host(var._data)
        if is_array(data) and (data < 0).any():
            raise ValueError(
                f"gaussian_nll_loss: var must not be negative, got {data.min()} in a tensor of "
                f"shape {own}"
            )
    spread = var + (var.clamp(min=eps) - var).detach()
    loss = 0.5 * (spread.log() + (input - target) ** 2 / spread)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)


@composite(
    samples=(
        Sample(array(3, 4), array(5, 4), integers(3, high=5)),
        Sample(
            array(3, 4),
            array(5, 4),
            integers(3, high=5),
            linear_bias=array(5),
            weight=array(5, low=0.5),
            reduction="sum",
            ignore_index=2,
            label_smoothing=0.1,
        ),
        Sample(array(4), array(5, 4), integers(high=5)),
        Sample(array(2, 4), array(3, 2, 4), integers(2, 2, high=3), linear_bias=array(3, 2)),
    ),
    errors=(
        ErrorSample(array(3, 4), array(5, 3), integers(3), error=ShapeError, match="in_features"),
        ErrorSample(
            array(3, 2, 4), array(5, 4), integers(3), error=ShapeError, match="1 or 2 dims"
        ),
    ),
    namespaces=_F,
)
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Cross-entropy of the logits that a linear layer makes: both steps in one call.

    Args:
        input: (N, D) or (D,).
        linear_weight: (C, D), or (C, d1, ..., D) for a loss of further dims.
        target: int64 class numbers (N, ...), or probabilities of the logits' shape (N, C, ...).
        linear_bias: (C, ...).
        weight: (C,), a factor per class.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        ignore_index: a class number that does not count; -100 if None.
        label_smoothing: in [0, 1], how much of the target is spread over all classes.
        options: refused; PyTorch splits the work into chunks by them.

    Returns:
        Tensor: (), or (N, ...) unreduced.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: options are given, or ignore_index with probabilities.
    """
    name = "linear_cross_entropy"
    if options is not None:
        raise ValueError(f"{name}: options are not supported, the logits are made whole")
    if input.ndim not in (1, 2) or linear_weight.ndim < 2:
        raise ShapeError(
            f"{name}: input must have 1 or 2 dims and linear_weight at least 2, got "
            f"{tuple(input.shape)} and {tuple(linear_weight.shape)}"
        )
    classes, *further, features = linear_weight.shape
    if input.shape[-1] != features or (further and input.ndim == 1):
        raise ShapeError(
            f"{name}: linear_weight of shape {tuple(linear_weight.shape)} expects in_features "
            f"{features} in input's last dim{' and a batch' if further else ''}, got input.shape "
            f"== {tuple(input.shape)}"
        )
    shape = (*tuple(input.shape)[:-1], classes, *further)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise ValueError(f"{name}: ignore_index is for class numbers, but target has {shape}")
    rows = math.prod(further, start=classes)
    bias = None if linear_bias is None else linear_bias.reshape((rows,))
    logits = linear(input, linear_weight.reshape((rows, features)), bias).reshape(shape)
    return cross_entropy(
        logits,
        target,
        weight,
        -100 if ignore_index is None else ignore_index,
        reduction,
        label_smoothing,
    )
