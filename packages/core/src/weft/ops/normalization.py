"""Normalising by mean and variance: over a batch, a layer, groups of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.modes import no_grad
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.arithmetic import square
from weft.ops.exponential import rsqrt
from weft.ops.families.composite import composite
from weft.ops.reductions import mean

_F = catalogue.FUNCTIONAL


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


@composite(
    samples=(
        Sample(array(3, 2, 4), array(2), array(2, low=0.5), array(2), array(2)),
        Sample(array(3, 2), array(2), array(2, low=0.5), None, array(2)),
        Sample(array(3, 2, 2), None, None, array(2), array(2), training=True),
    ),
    errors=(
        ErrorSample(array(3, 2), None, None, error=ValueError, match="running_mean"),
        ErrorSample(array(1, 2), None, None, training=True, error=ValueError, match="more than 1"),
        ErrorSample(array(3, 2), array(3), array(3), error=ShapeError, match="2 channels"),
    ),
    namespaces=_F,
)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel by its mean and variance, over the batch or as recorded.

    .. math:: (x - mean) / \\sqrt{var + eps} \\cdot weight + bias

    Args:
        input: (N, C, ...).
        running_mean: (C,); used when not training, and written in training.
        running_var: (C,), likewise; the recorded variance is unbiased.
        weight: (C,).
        bias: (C,).
        training: whether to use the batch's own mean and variance.
        momentum: the new batch's part in the running values.
        eps: added to the variance.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: running values are needed and absent, or a channel has one value in training.
        ShapeError: a parameter's length is not C.

    Source: Ioffe and Szegedy, arXiv:1502.03167.
    """
    channels = input.shape[1] if input.ndim > 1 else 0
    named = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    for name, value in named.items():
        if value is not None and tuple(value.shape) != (channels,):
            raise ShapeError(
                f"batch_norm: input has {channels} channels (input.shape == "
                f"{tuple(input.shape)}), but {name} has shape {tuple(value.shape)}"
            )
    across = (1, -1, *(1,) * (input.ndim - 2))
    if training:
        dims = (0, *range(2, input.ndim))
        count = math.prod(input.shape[d] for d in dims)
        if count < 2:
            raise ValueError(
                f"batch_norm: training needs more than 1 value per channel, got input.shape == "
                f"{tuple(input.shape)}"
            )
        centre = mean(input, dims, True)
        centred = input - centre
        variance = mean(square(centred), dims, True)
        _record(running_mean, centre.reshape(-1), momentum)
        _record(running_var, variance.reshape(-1) * (count / (count - 1)), momentum)
        out = centred * rsqrt(variance + eps)
        return _scaled(
            out,
            None if weight is None else weight.reshape(across),
            None if bias is None else bias.reshape(across),
        )
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: running_mean and running_var are needed when not training")
    # With fixed statistics the whole is one scale and one shift per channel.
    scale = rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    shift = shift if bias is None else shift + bias
    return input * scale.reshape(across) + shift.reshape(across)


def _record(running: Tensor | None, value: Tensor, momentum: float) -> None:
    if running is not None:
        with no_grad():
            running.copy_(running * (1 - momentum) + value.detach() * momentum)


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centred = x - mean(x, dims, True)
    return centred * rsqrt(mean(square(centred), dims, True) + eps)


@composite(
    samples=(
        Sample(array(2, 3), (3,), array(3), array(3)),
        Sample(array(2, 3, 4), (3, 4)),
    ),
    errors=(ErrorSample(array(2, 3), (2,), error=ShapeError, match=r"last dims to be \(2,\)"),),
    namespaces=_F,
)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise the last dims by their own mean and variance.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the lengths of those dims.
        weight: of normalized_shape.
        bias: of normalized_shape.
        eps: added to the variance.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: input does not end in normalized_shape.

    Source: Ba et al., arXiv:1607.06450.
    """
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape)[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: expected the last dims to be {shape}, got input.shape == "
            f"{tuple(input.shape)}"
        )
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    return _scaled(_normalised(input, dims, eps), weight, bias)


@composite(
    samples=(Sample(array(2, 4, 3), 2, array(4), array(4)), Sample(array(2, 4), 4)),
    errors=(ErrorSample(array(2, 3), 2, error=ValueError, match="3 channels into 2 groups"),),
    namespaces=_F,
)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels by their own mean and variance.

    Args:
        input: (N, C, ...).
        num_groups: how many groups; it divides C.
        weight: (C,).
        bias: (C,).
        eps: added to the variance.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: the groups do not divide the channels.

    Source: Wu and He, arXiv:1803.08494.
    """
    shape = tuple(input.shape)
    if shape[1] % num_groups:
        raise ValueError(f"group_norm: cannot put {shape[1]} channels into {num_groups} groups")
    grouped = input.reshape((shape[0], num_groups, -1))
    out = _normalised(grouped, (2,), eps).reshape(shape)
    across = (1, -1, *(1,) * (input.ndim - 2))
    return _scaled(
        out,
        None if weight is None else weight.reshape(across),
        None if bias is None else bias.reshape(across),
    )
