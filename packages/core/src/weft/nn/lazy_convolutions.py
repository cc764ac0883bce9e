"""Lazy convolutions, which take their input's channels from the first input."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft._core.errors import ShapeError
from weft.nn._sizes import Sizes
from weft.nn.conv import Conv1d, Conv2d, Conv3d, Convolution
from weft.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from weft.nn.lazy import LazyModuleMixin
from weft.nn.uninitialized import UninitializedParameter


class LazyConvolution(LazyModuleMixin, Convolution):
    """What the lazy convolutions share; PyTorch's `_LazyConvXdMixin`."""

    def _await_channels(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew; while they have no shape, do nothing."""
        if self.in_channels and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give weight and bias the shapes that `input` tells, and draw them."""
        axes, who = len(self.kernel_size), type(self).__name__
        if input.ndim not in (axes + 1, axes + 2):
            raise ShapeError(
                f"{who} expects an input of {axes + 1} or {axes + 2} dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )
        fresh = self.has_uninitialized_params()
        self.in_channels = input.shape[-axes - 1]
        if self.in_channels % self.groups:
            raise ValueError(
                f"{who}: in_channels must be divisible by groups, got {self.in_channels} and "
                f"{self.groups}"
            )
        if fresh:
            weight: Any = self.weight
            weight.materialize(self._weight_shape())
            bias: Any = self.bias
            if bias is not None:
                bias.materialize((self.out_channels,))
            self.reset_parameters()


class LazyForwardConvolution(LazyConvolution):
    """The lazy `Conv1d` to `Conv3d`. Arguments: as for those, without `in_channels`."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._await_channels(out_channels, bias, device, dtype)


class LazyTransposedConvolution(LazyConvolution):
    """The lazy `ConvTranspose1d` to `3d`. Arguments: as for those, without `in_channels`."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation,
            padding_mode,
        )  # fmt: skip
        self._await_channels(out_channels, bias, device, dtype)


class LazyConv1d(LazyForwardConvolution, Conv1d):
    """A `Conv1d` with as many `in_channels` as the first input, (N, C, L) or (C, L).

    Arguments: as for `Conv1d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConv1d`.
    """

    cls_to_become = Conv1d


class LazyConv2d(LazyForwardConvolution, Conv2d):
    """A `Conv2d` with as many `in_channels` as the first input, (N, C, H, W) or (C, H, W).

    Arguments: as for `Conv2d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConv2d`.
    """

    cls_to_become = Conv2d


class LazyConv3d(LazyForwardConvolution, Conv3d):
    """A `Conv3d` with as many `in_channels` as the first input, (N, C, D, H, W) or (C, D, H, W).

    Arguments: as for `Conv3d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConv3d`.
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(LazyTransposedConvolution, ConvTranspose1d):
    """A `ConvTranspose1d` with as many `in_channels` as the first input, (N, C, L) or (C, L).

    Arguments: as for `ConvTranspose1d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConvTranspose1d`.
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyTransposedConvolution, ConvTranspose2d):
    """A `ConvTranspose2d` with as many `in_channels` as the first input, (N, C, H, W) or (C, H, W).

    Arguments: as for `ConvTranspose2d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConvTranspose2d`.
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyTransposedConvolution, ConvTranspose3d):
    """A `ConvTranspose3d` with as many `in_channels` as the first input, (C, D, H, W) or batched.

    Arguments: as for `ConvTranspose3d`, without `in_channels`.

    Source: PyTorch's `torch.nn.LazyConvTranspose3d`.
    """

    cls_to_become = ConvTranspose3d
