"""The lazy affine layer and the lazy norms, which take their sizes from the first input."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, ChannelNormalization
from weft.nn.instancenorm import (
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from weft.nn.lazy import LazyModuleMixin
from weft.nn.linear import Linear
from weft.nn.uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose `in_features` is the length of the first input's last axis.

    Args:
        out_features: length of the output's last axis.
        bias: whether to add a learned bias.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Source: PyTorch's `torch.nn.LazyLinear`.
    """

    cls_to_become = Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew; while they have no shape, do nothing."""
        if self.in_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give weight and bias the shapes that `input` tells, and draw them."""
        fresh = self.has_uninitialized_params()
        self.in_features = input.shape[-1]
        if fresh:
            self.weight.materialize((self.out_features, self.in_features))  # type: ignore[attr-defined]  # it has no shape yet
            if self.bias is not None:
                self.bias.materialize((self.out_features,))  # type: ignore[attr-defined]  # likewise
            self.reset_parameters()


class LazyNormalization(LazyModuleMixin, ChannelNormalization):
    """What the lazy batch and instance norms share; PyTorch's `_LazyNormBase`.

    Args:
        eps: added to the variance.
        momentum: how far the running statistics move toward a batch's.
        affine: whether there is a learned weight and bias.
        track_running_stats: whether to keep running statistics.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.
    """

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)
            self.num_batches_tracked = weft.zeros((), dtype=weft.int64, device=device)

    def reset_parameters(self) -> None:
        """Forget the batches seen, weight to ones, bias to zeros; without a shape, do nothing."""
        if self.num_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give parameters and statistics as many channels as `input` has."""
        self._check_input_dim(input)
        fresh = self.has_uninitialized_params()
        self.num_features = input.shape[self._channel_axis()]
        if fresh:
            for held in [*self._parameters.values(), *self._buffers.values()]:
                if is_lazy(held):
                    held.materialize((self.num_features,))  # type: ignore[union-attr]  # see above
            self.reset_parameters()


class LazyBatchNorm1d(LazyNormalization, BatchNorm1d):
    """A `BatchNorm1d` with as many channels as the first input.

    Arguments: as for `BatchNorm1d`, without `num_features`.

    Source: PyTorch's `torch.nn.LazyBatchNorm1d`.
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LazyNormalization, BatchNorm2d):
    """A `BatchNorm2d` with as many channels as the first input.

    Arguments: as for `BatchNorm2d`, without `num_features`.

    Source: PyTorch's `torch.nn.LazyBatchNorm2d`.
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(LazyNormalization, BatchNorm3d):
    """A `BatchNorm3d` with as many channels as the first input.

    Arguments: as for `BatchNorm3d`, without `num_features`.

    Source: PyTorch's `torch.nn.LazyBatchNorm3d`.
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(LazyNormalization, InstanceNorm1d):
    """A `InstanceNorm1d` with as many channels as the first input.

    Arguments: as for `InstanceNorm1d`, without `num_features`, with
    parameters and running statistics unless told otherwise.

    Source: PyTorch's `torch.nn.LazyInstanceNorm1d`.
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(LazyNormalization, InstanceNorm2d):
    """A `InstanceNorm2d` with as many channels as the first input.

    Arguments: as for `InstanceNorm2d`, without `num_features`, with
    parameters and running statistics unless told otherwise.

    Source: PyTorch's `torch.nn.LazyInstanceNorm2d`.
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(LazyNormalization, InstanceNorm3d):
    """A `InstanceNorm3d` with as many channels as the first input.

    Arguments: as for `InstanceNorm3d`, without `num_features`, with
    parameters and running statistics unless told otherwise.

    Source: PyTorch's `torch.nn.LazyInstanceNorm3d`.
    """

    cls_to_become = InstanceNorm3d
