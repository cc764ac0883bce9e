"""Normalising by mean and variance: over a batch, a layer, groups of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import switches
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.dispatch import apply
from weft._core.errors import ShapeError
from weft._core.modes import no_grad
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor, version_of
from weft.ops.arithmetic import square
from weft.ops.batch_norms import BATCH, FIXED
from weft.ops.exponential import rsqrt
from weft.ops.families.composite import composite
from weft.ops.group_norms import GROUP
from weft.ops.reductions import mean
from weft.ops.row_norms import LAYER

_F = catalogue.FUNCTIONAL
_kernels = Launcher("batch_norms")
_FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})  # found sooner than a kind


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


def _require_channels(name: str, input: Tensor, **named: Tensor | None) -> None:
    """Raise a ShapeError if a parameter of a channel each has another length."""
    own = input._data.shape[1:2]
    for value in named.values():
        if value is not None and value._data.shape != own:
            break
    else:
        return
    channels = input.shape[1] if input.ndim > 1 else 0
    for parameter, value in named.items():
        if value is not None and tuple(value.shape) != (channels,):
            raise ShapeError(
                f"{name}: input has {channels} channels (input.shape == {tuple(input.shape)}), "
                f"but {parameter} has shape {tuple(value.shape)}"
            )


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
    shape = input._data.shape
    own = shape[1:2]
    if (
        (running_mean is not None and running_mean._data.shape != own)
        or (running_var is not None and running_var._data.shape != own)
        or (weight is not None and weight._data.shape != own)
        or (bias is not None and bias._data.shape != own)
    ):
        named = {"running_mean": running_mean, "running_var": running_var}
        _require_channels("batch_norm", input, **named, weight=weight, bias=bias)
    if training:
        count = math.prod(shape) // (shape[1] or 1)
        if count < 2:
            raise ValueError(
                f"batch_norm: training needs more than 1 value per channel, got input.shape == "
                f"{tuple(input.shape)}"
            )
        out: Tensor
        if _alike(input, weight, bias):
            params: dict[str, Any] = {"eps": eps}
            out, centre, variance = apply(BATCH, (input, weight, bias), params)
        else:
            out, centre, variance = _by_ops(input, (0, *range(2, input.ndim)), eps)
            out = _scaled(out, *_across(input, weight, bias))
        unbiased = count / (count - 1)
        if running_mean is not None and running_var is not None:
            mean_data, spread_data, found = running_mean._data, running_var._data, centre._data
            if (
                switches.codegen
                and type(mean_data) is type(spread_data) is type(found) is ndarray
                and _kernels.record(
                    mean_data, spread_data, found, variance._data, momentum, unbiased
                )
            ):
                version_of(running_mean).writes.bump("batch_norm")
                version_of(running_var).writes.bump("batch_norm")
                return out
        if running_mean is not None:
            _record(running_mean, centre, momentum)
        if running_var is not None:
            _record(running_var, variance, momentum, unbiased)
        return out
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: running_mean and running_var are needed when not training")
    if _alike(input, running_mean, running_var, weight, bias):
        given = (input, running_mean, running_var, weight, bias)
        fixed: Tensor = apply(FIXED, given, {"eps": eps})
        return fixed
    # With fixed statistics the whole is one scale and one shift per channel.
    scale = rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    shift = shift if bias is None else shift + bias
    across = (1, -1, *(1,) * (input.ndim - 2))
    return input * scale.reshape(across) + shift.reshape(across)


def _alike(x: Tensor, *others: Tensor | None) -> bool:
    """Whether all are of x's dtype, and that is a real float: one op then does it all."""
    dtype = x._data.dtype
    for one in others:
        if one is not None:
            own = one._data.dtype
            if own is not dtype and own != dtype:
                return False
    return dtype in _FLOATS or dtype.kind in "fV"


def _across(x: Tensor, *params: Tensor | None) -> list[Tensor | None]:
    """Return parameters of a number for each channel in a shape that broadcasts with x."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return [None if p is None else p.reshape(shape) for p in params]


def _by_ops(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return x normalised over dims, and its means and variances, without those dims."""
    centre = mean(x, dims, True)
    centred = x - centre
    variance = mean(square(centred), dims, True)
    kept = tuple(n for d, n in enumerate(x.shape) if d not in dims)
    out = centred * rsqrt(variance + eps)
    return out, centre.reshape(kept), variance.reshape(kept)


def _record(running: Tensor, value: Tensor, momentum: float, factor: float = 1.0) -> None:
    """Move a recorded value towards a new one, times a factor."""
    held, data = running._data, value._data
    if (
        type(held) is ndarray
        and type(data) is ndarray
        and held.dtype == data.dtype
        and held.shape == data.shape
        and held.flags.writeable
    ):
        held *= 1 - momentum
        held += data * (momentum * factor)
        version_of(running).writes.bump("batch_norm")
        return
    with no_grad():
        running.copy_(running * (1 - momentum) + value.detach() * (momentum * factor))


def _last_dims(name: str, input: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of the last dims, which must have these lengths."""
    if not shape or tuple(input.shape)[-len(shape) :] != shape:
        raise ShapeError(
            f"{name}: expected the last dims to be {shape}, got input.shape == {tuple(input.shape)}"
        )
    return tuple(range(input.ndim - len(shape), input.ndim))


@composite(
    samples=(
        Sample(array(2, 3), (3,), array(3), array(3)),
        Sample(array(2, 3, 4), (3, 4)),
    ),
    errors=(ErrorSample(array(2, 3), (2,), error=ShapeError, match=r"last dims to be \(2,\)"),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Normalise the last dims by their own mean and variance.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the lengths of those dims.
        weight: of normalized_shape.
        bias: of normalized_shape.
        eps: added to the variance.
        cudnn_enable: taken as PyTorch takes it, and not read.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: input does not end in normalized_shape.

    Source: Ba et al., arXiv:1607.06450.
    """
    shape = tuple(normalized_shape)
    count = len(shape)
    if (
        count
        and input._data.shape[-count:] == shape
        and (weight is None or weight._data.shape == shape)
        and (bias is None or bias._data.shape == shape)
        and _alike(input, weight, bias)
    ):
        params = {"dims": count, "eps": eps, "centred": True}
        out: Tensor = apply(LAYER, (input, weight, bias), params)
        return out
    dims = _last_dims("layer_norm", input, shape)
    return _scaled(_by_ops(input, dims, eps)[0], weight, bias)


@composite(
    samples=(Sample(array(2, 4, 3), 2, array(4), array(4)), Sample(array(2, 4), 4)),
    errors=(ErrorSample(array(2, 3), 2, error=ValueError, match="3 channels into 2 groups"),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Normalise groups of channels by their own mean and variance.

    Args:
        input: (N, C, ...).
        num_groups: how many groups; it divides C.
        weight: (C,).
        bias: (C,).
        eps: added to the variance.
        cudnn_enabled: taken as PyTorch takes it, and not read.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: the groups do not divide the channels.

    Source: Wu and He, arXiv:1803.08494.
    """
    shape = tuple(input.shape)
    if shape[1] % num_groups:
        raise ValueError(f"group_norm: cannot put {shape[1]} channels into {num_groups} groups")
    if _alike(input, weight, bias):
        _require_channels("group_norm", input, weight=weight, bias=bias)
        settings = {"groups": num_groups, "eps": eps}
        fused: Tensor = apply(GROUP, (input, weight, bias), settings)
        return fused
    grouped = input.reshape((shape[0], num_groups, -1))
    out = _by_ops(grouped, (2,), eps)[0].reshape(shape)
    return _scaled(out, *_across(input, weight, bias))


@composite(
    samples=(
        Sample(array(2, 3), (3,), array(3)),
        Sample(array(2, 3, 4), (3, 4), None, 0.1),
        Sample(array(2, 3), (3,)),
    ),
    errors=(ErrorSample(array(2, 3), (2,), error=ShapeError, match=r"last dims to be \(2,\)"),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide the last dims by the root of their mean square.

    .. math:: x / \\sqrt{mean(x^2) + eps} \\cdot weight

    Args:
        input: (..., *normalized_shape), floating.
        normalized_shape: the lengths of those dims.
        weight: of normalized_shape.
        eps: added to the mean square; the spacing of input's dtype at 1 if None,
            of float32's for half precision.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: input does not end in normalized_shape.

    Source: Zhang and Sennrich, arXiv:1910.07467.
    """
    shape = tuple(normalized_shape)
    dims = _last_dims("rms_norm", input, shape)
    own = input.dtype
    if eps is None:
        eps = 2.0**-52 if own in (dtypes.float64, dtypes.complex128) else 2.0**-23
    if _alike(input, weight) and (weight is None or tuple(weight._data.shape) == shape):
        params = {"dims": len(dims), "eps": eps, "centred": False}
        fused: Tensor = apply(LAYER, (input, weight, None), params)
        return fused
    if own.itemsize < 4:  # squares of small numbers vanish in half precision
        input = input.to(dtypes.float32)
    out = input * rsqrt(mean(square(input), dims, True) + eps)
    return _scaled(out, weight, None).to(own)


@composite(
    samples=(
        Sample(array(2, 3, 4)),
        Sample(array(2, 3, 4), None, None, array(3), array(3)),
        Sample(array(2, 2, 3), array(2), array(2, low=0.5), use_input_stats=False),
        Sample(array(2, 3, 2, 2), eps=0.1),
    ),
    errors=(
        ErrorSample(array(2, 3, 1), error=ValueError, match="more than 1"),
        ErrorSample(array(2, 3, 2), use_input_stats=False, error=ValueError, match="running_mean"),
        ErrorSample(array(2, 3, 2), array(2), array(2), error=ShapeError, match="3 channels"),
    ),
    namespaces=_F,
)
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each example by its own mean and variance, or as recorded.

    Args:
        input: (N, C, *spatial).
        running_mean: (C,); used when use_input_stats is false, and else written: the mean over
            the examples.
        running_var: (C,), likewise; the recorded variances are unbiased.
        weight: (C,).
        bias: (C,).
        use_input_stats: whether to use the input's own mean and variance.
        momentum: the new examples' part in the running values.
        eps: added to the variance.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: running values are needed and absent, or a channel has one element.
        ShapeError: a parameter's length is not C.

    Source: Ulyanov et al., arXiv:1607.08022.
    """
    name = "instance_norm"
    _require_channels(
        name, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(
                f"{name}: running_mean and running_var are needed when use_input_stats is false"
            )
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    dims = tuple(range(2, input.ndim))
    count = math.prod(input.shape[d] for d in dims)
    if count < 2:
        raise ValueError(
            f"{name}: needs more than 1 spatial element per channel, got input.shape == "
            f"{tuple(input.shape)}"
        )
    if running_mean is None and running_var is None and _alike(input, weight, bias):
        settings = {"groups": input.shape[1], "eps": eps}
        fused: Tensor = apply(GROUP, (input, weight, bias), settings)
        return fused
    out, centre, variance = _by_ops(input, dims, eps)
    if running_mean is not None:
        _record(running_mean, centre.mean(0), momentum)
    if running_var is not None:
        _record(running_var, variance.mean(0), momentum, count / (count - 1))
    return _scaled(out, *_across(input, weight, bias))


@composite(
    samples=(
        Sample(array(2, 5, 3), 3),
        Sample(array(1, 4, 2, 2), 2, 0.5, 0.6, 2.0),
        Sample(array(2, 3, 2), 5, alpha=0.3),
    ),
    errors=(
        ErrorSample(array(2, 3), 2, error=ShapeError, match="at least 3 dims"),
        ErrorSample(array(2, 3, 2), 0, error=ValueError, match="size must be positive"),
    ),
    namespaces=_F,
)
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by a power of the mean square over neighbouring channels.

    .. math:: x / (k + alpha \\cdot mean(x^2))^{beta}

    Args:
        input: (N, C, *spatial).
        size: how many channels count, the own one in the middle; those beyond the ends are zeros.
        alpha: factor of the mean square.
        beta: the power.
        k: what is added.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: input has fewer than three dims.
        ValueError: size is not positive.

    Source: Krizhevsky et al., NIPS 2012; the mean instead of the sum as in PyTorch.
    """
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: input must have at least 3 dims (N, C, *spatial), got shape "
            f"{tuple(input.shape)}"
        )
    if size < 1:
        raise ValueError(f"local_response_norm: size must be positive, got {size}")
    from weft.ops.padding import constant_pad

    around = tuple((size // 2, (size - 1) // 2) if d == 1 else (0, 0) for d in range(input.ndim))
    squares: Tensor = constant_pad(square(input), widths=around, value=0.0)
    means = squares.unfold(1, size, 1).sum(-1) / size
    return input / (means * alpha + k) ** beta
