"""Instance normalisation: each channel of each sample by its own mean and variance."""

from __future__ import annotations

import warnings
from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.batchnorm import ChannelNormalization


class InstanceNormalization(ChannelNormalization):
    """Normalises each channel of each sample, then scales and shifts each channel.

    `y = (x − mean) / √(var + eps) · weight + bias`, mean and variance (divisor n) over the axes
    behind the channels. With running statistics, those are used in evaluation.

    Args:
        num_features: channels.
        eps: added to the variance.
        momentum: how far the running statistics move toward a batch's.
        affine: whether there is a learned weight and bias.
        track_running_stats: whether to keep running statistics.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.

    Attributes: as for `weft.nn.batchnorm.ChannelNormalization`.

    Warns:
        UserWarning: the input has other channels than `num_features`, which nothing depends on
            without `affine` and running statistics.
    """

    _axes: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        self._check_channels(input)
        batched = input if input.ndim == self._axes + 2 else input.unsqueeze(0)
        out = F.instance_norm(
            batched,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out if batched is input else out.squeeze(0)

    def _check_input_dim(self, input: Tensor) -> None:
        """Refuse inputs of other dimensions; under PyTorch's name, as subclasses replace it."""
        ranks = (self._axes + 1, self._axes + 2)
        if input.ndim not in ranks:
            raise ValueError(
                f"{type(self).__name__} expects an input of {ranks[0]} or {ranks[1]} dimensions, "
                f"got {input.ndim} (input.shape == {tuple(input.shape)})"
            )

    def _channel_axis(self) -> int:
        return -self._axes - 1

    def _check_channels(self, input: Tensor) -> None:
        who = type(self).__name__
        channels = input.shape[self._channel_axis()]
        if channels != self.num_features:
            said = (
                f"{who}: num_features is {self.num_features}, but the input has {channels} "
                f"channels (input.shape == {tuple(input.shape)})"
            )
            if self.affine or self.track_running_stats:
                raise ValueError(said)
            warnings.warn(f"{said}; nothing depends on it with affine=False", stacklevel=3)


class InstanceNorm1d(InstanceNormalization):
    """Instance normalisation of (N, C, L) or (C, L).

    Arguments and attributes: as for `weft.nn.instancenorm.InstanceNormalization`.

    Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch's `torch.nn.InstanceNorm1d`.
    """

    _axes = 1


class InstanceNorm2d(InstanceNormalization):
    """Instance normalisation of (N, C, H, W) or (C, H, W).

    Arguments and attributes: as for `weft.nn.instancenorm.InstanceNormalization`.

    Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch's `torch.nn.InstanceNorm2d`.
    """

    _axes = 2


class InstanceNorm3d(InstanceNormalization):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W).

    Arguments and attributes: as for `weft.nn.instancenorm.InstanceNormalization`.

    Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch's `torch.nn.InstanceNorm3d`.
    """

    _axes = 3
