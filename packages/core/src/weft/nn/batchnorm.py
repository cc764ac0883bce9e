"""Normalisation of channels with running statistics: the base, and batch normalisation."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.normalization import affine_parameters


class ChannelNormalization(Module):
    """What normalises channels by statistics that it may keep; base of batch and instance norm.

    Args:
        num_features: channels, the length of axis 1.
        eps: added to the variance.
        momentum: how far the running statistics move toward a batch's; None takes the plain
            average of all batches seen.
        affine: whether there is a learned weight and bias.
        track_running_stats: whether to keep running statistics.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.

    Attributes:
        weight: (num_features,), ones at first, or None.
        bias: (num_features,), zeros at first, or None.
        running_mean: buffer (num_features,), zeros at first, or None.
        running_var: buffer (num_features,), ones at first, or None.
        num_batches_tracked: buffer (), int64, or None.
    """

    _version = 2  # 2 added num_batches_tracked

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        affine_parameters(self, (num_features,), affine, affine and bias, device, dtype)
        if track_running_stats:
            made = {"device": device, "dtype": dtype}
            self.register_buffer("running_mean", weft.zeros(num_features, **made))
            self.register_buffer("running_var", weft.ones(num_features, **made))
            count = weft.zeros((), dtype=weft.int64, device=device)
            self.register_buffer("num_batches_tracked", count)
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)

    def _check_input_dim(self, input: Tensor) -> None:
        """Refuse inputs of other dimensions; under PyTorch's name, as subclasses replace it."""
        raise NotImplementedError(f"{type(self).__name__} defines no _check_input_dim()")

    def _channel_axis(self) -> int:
        """Which axis the channels are."""
        return 1

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.track_running_stats:
            with weft.no_grad():
                self.running_mean.copy_(weft.zeros_like(self.running_mean))
                self.running_var.copy_(weft.ones_like(self.running_var))
                self.num_batches_tracked.copy_(weft.zeros_like(self.num_batches_tracked))

    def reset_parameters(self) -> None:
        """Forget the batches seen; set weight to ones and bias to zeros."""
        self.reset_running_stats()
        with weft.no_grad():
            if self.weight is not None:
                self.weight.copy_(weft.ones_like(self.weight))
            if self.bias is not None:
                self.bias.copy_(weft.zeros_like(self.bias))

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        *lists: Any,
    ) -> None:
        # Checkpoints before version 2, and files that carry no version, may lack the count.
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            held = self.num_batches_tracked
            state_dict[key] = weft.tensor(0, dtype=weft.int64) if held is None else held
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *lists)


class BatchNormalization(ChannelNormalization):
    """Normalises each channel by its mean and variance over the batch, then scales and shifts.

    `y = (x − mean) / √(var + eps) · weight + bias`. In training the statistics are the batch's
    (variance with divisor n), and the running ones follow them (variance with divisor n − 1); in
    evaluation the running ones are used.

    Args:
        num_features: channels, the length of axis 1.
        eps: added to the variance.
        momentum: how far the running statistics move toward a batch's; None takes the plain
            average of all batches seen.
        affine: whether there is a learned weight and bias.
        track_running_stats: whether to keep running statistics; without them the batch's are
            used in evaluation too.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.

    Attributes:
        weight: (num_features,), ones at first, or None.
        bias: (num_features,), zeros at first, or None.
        running_mean: buffer (num_features,), zeros at first, or None.
        running_var: buffer (num_features,), ones at first, or None.
        num_batches_tracked: buffer (), int64, or None.
    """

    _ranks: tuple[int, ...] = ()

    def _check_input_dim(self, input: Tensor) -> None:
        """Refuse inputs of other dimensions; under PyTorch's name, as subclasses replace it."""
        if input.ndim not in self._ranks:
            raise ValueError(
                f"{type(self).__name__} expects an input of "
                f"{' or '.join(map(str, self._ranks))} dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        running_mean, running_var = self.running_mean, self.running_var
        momentum = 0.0 if self.momentum is None else self.momentum
        training = self.training
        if training and self.track_running_stats:
            if self.num_batches_tracked is not None:
                with weft.no_grad():
                    self.num_batches_tracked.copy_(self.num_batches_tracked + 1)
                if self.momentum is None:
                    momentum = 1.0 / self.num_batches_tracked.item()
        elif training:
            running_mean = running_var = None  # kept by the user, but not to be updated
        return F.batch_norm(
            input,
            running_mean,
            running_var,
            self.weight,
            self.bias,
            training or (running_mean is None and running_var is None),
            momentum,
            self.eps,
        )


class BatchNorm1d(BatchNormalization):
    """Batch normalisation of (N, C) or (N, C, L).

    Arguments and attributes: as for `weft.nn.batchnorm.BatchNormalization`.

    Source: Ioffe and Szegedy 2015; PyTorch's `torch.nn.BatchNorm1d`.
    """

    _ranks = (2, 3)


class BatchNorm2d(BatchNormalization):
    """Batch normalisation of (N, C, H, W).

    Arguments and attributes: as for `weft.nn.batchnorm.BatchNormalization`.

    Source: Ioffe and Szegedy 2015; PyTorch's `torch.nn.BatchNorm2d`.
    """

    _ranks = (4,)


class BatchNorm3d(BatchNormalization):
    """Batch normalisation of (N, C, D, H, W).

    Arguments and attributes: as for `weft.nn.batchnorm.BatchNormalization`.

    Source: Ioffe and Szegedy 2015; PyTorch's `torch.nn.BatchNorm3d`.
    """

    _ranks = (5,)
