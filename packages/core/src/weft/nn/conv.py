"""Convolution layers in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import functional as F
from weft.nn import init
from weft.nn._sizes import Sizes, spread
from weft.nn.module import Module
from weft.nn.parameter import Parameter

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """What convolutions and their transposes share: the parameters; PyTorch's `_ConvNd`.

    The sizes are tuples with a number for each axis; the layers below take single numbers too.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride: step of the kernel.
        padding: elements added on both sides of each axis, "valid" or "same".
        dilation: distance between the kernel's elements.
        transposed: whether this is the transpose of a convolution.
        output_padding: of a transpose, elements added at the end of each axis.
        groups: number of blocks into which the channels are divided.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Raises:
        ValueError: an argument that no convolution has; the message names it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        if groups <= 0:
            raise ValueError(f"{who}: groups must be positive, got {groups}")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(
                    f"{who}: {name} must be divisible by groups, got {channels} and {groups}"
                )
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"{who}: padding_mode must be one of {', '.join(map(repr, _PADDING_MODES))}, "
                f"got {padding_mode!r}{did_you_mean(str(padding_mode), _PADDING_MODES)}"
            )
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"{who}: padding must be numbers, 'same' or 'valid', got {padding!r}"
                )
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError(
                    f"{who}: padding='same' needs stride 1, got stride={stride}; "
                    "give the padding in numbers"
                )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        # Under PyTorch's name, which models that write their own _conv_forward read.
        self._reversed_padding_repeated_twice = _border(padding, kernel_size, dilation)
        shape = self._weight_shape()
        self.weight = Parameter(weft.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(weft.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        rows, columns = self.out_channels, self.in_channels // self.groups
        if self.transposed:
            rows, columns = self.in_channels, self.out_channels // self.groups
        return (rows, columns, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        init.fan_in_uniform_(self.bias, self.weight)

    def extra_repr(self) -> str:
        axes = len(self.kernel_size)
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * axes:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * axes:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * axes:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _border(
    padding: str | tuple[int, ...], kernel_size: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """The padding as F.pad takes it: before and after, the last axis first."""
    border: list[int] = []
    for axis in reversed(range(len(kernel_size))):
        if padding == "valid":
            border += [0, 0]
        elif padding == "same":
            total = dilation[axis] * (kernel_size[axis] - 1)
            border += [total // 2, total - total // 2]
        else:
            border += [int(padding[axis])] * 2
    return tuple(border)


class ForwardConvolution(Convolution):
    """Cross-correlation over the last axes, with a learned kernel; the base of the layers below.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or one for each axis.
        stride: step of the kernel.
        padding: elements added on both sides of each axis; "valid" for none, or "same" for as
            many as keep the size (stride 1 only; an odd one goes to the end).
        dilation: distance between the kernel's elements.
        groups: number of blocks into which the channels are divided.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size), uniform in ±1/√fan_in at first.
        bias: (out_channels,), likewise, or None.

    Raises:
        ValueError: an argument that no convolution has; the message names it.
    """

    _axes: int
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
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
        axes, who = self._axes, type(self).__name__
        super().__init__(
            in_channels,
            out_channels,
            spread(kernel_size, axes, f"{who}: kernel_size"),
            spread(stride, axes, f"{who}: stride"),
            padding if isinstance(padding, str) else spread(padding, axes, f"{who}: padding"),
            spread(dilation, axes, f"{who}: dilation"),
            False,
            (0,) * axes,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with another weight; models that standardise weights call it."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return type(self)._function(
            input, weight, bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(ForwardConvolution):
    """Convolution over time: (N, C, L) or (C, L).

    Arguments, attributes and errors: as for `weft.nn.conv.ForwardConvolution`, with one axis.

    Source: PyTorch's `torch.nn.Conv1d`.
    """

    _axes = 1
    _function = staticmethod(F.conv1d)


class Conv2d(ForwardConvolution):
    """Convolution over images: (N, C, H, W) or (C, H, W).

    Arguments, attributes and errors: as for `weft.nn.conv.ForwardConvolution`, with two axes.

    Source: PyTorch's `torch.nn.Conv2d`.
    """

    _axes = 2
    _function = staticmethod(F.conv2d)


class Conv3d(ForwardConvolution):
    """Convolution over volumes: (N, C, D, H, W) or (C, D, H, W).

    Arguments, attributes and errors: as for `weft.nn.conv.ForwardConvolution`, with three axes.

    Source: PyTorch's `torch.nn.Conv3d`.
    """

    _axes = 3
    _function = staticmethod(F.conv3d)
