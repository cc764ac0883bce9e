"""Pooling: maxima and means over windows, or over as many windows as are wanted.

Sizes are one number for all axes or one for each. `stride=None` means the kernel's size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes, spread
from weft.nn.module import Module

OutputSizes: TypeAlias = int | Sequence[int | None] | None


class _MaxPool(Module):
    """The largest element of each window.

    Args:
        kernel_size: extent of the window.
        stride: step of the window; the kernel's size when None.
        padding: elements of −∞ added on both sides, at most half the kernel.
        dilation: distance between the window's elements.
        return_indices: return the positions of the maxima too, as PyTorch counts them.
        ceil_mode: round the output's size up instead of down.
    """

    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of (N, C, L) or (C, L).

    Args: as for `MaxPool2d`.
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size: extent of the window.
        stride: step of the window; the kernel's size when None.
        padding: elements of −∞ added on both sides, at most half the kernel.
        dilation: distance between the window's elements.
        return_indices: return the positions of the maxima too, as PyTorch counts them.
        ceil_mode: round the output's size up instead of down.
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W).

    Args: as for `MaxPool2d`.
    """

    _function = staticmethod(F.max_pool3d)


class _AvgPool(Module):
    """The mean of each window."""

    _function: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of (N, C, L) or (C, L).

    Args: as for `AvgPool2d`, without `divisor_override`.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        # PyTorch keeps, and shows, tuples in the one-dimensional case only.
        self.kernel_size = spread(kernel_size, 1, "AvgPool1d: kernel_size")
        self.stride = spread(self.stride, 1, "AvgPool1d: stride")
        self.padding = spread(padding, 1, "AvgPool1d: padding")

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size: extent of the window.
        stride: step of the window; the kernel's size when None.
        padding: zeros added on both sides, at most half the kernel.
        ceil_mode: round the output's size up instead of down.
        count_include_pad: whether the padding counts in the divisor.
        divisor_override: divide by this instead.
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W).

    Args: as for `AvgPool2d`.
    """

    _function = staticmethod(F.avg_pool3d)


class _AdaptivePool(Module):
    """Pooling into an output of a given size, whatever the input's."""

    _function: Callable[..., Any]

    def __init__(self, output_size: OutputSizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """The means of windows that divide the last axis into `output_size` parts.

    Args:
        output_size: the output's length.
    """

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The means of windows that divide the last two axes into `output_size` parts.

    Args:
        output_size: the output's height and width, or one number for both; None keeps an axis.
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """The means of windows that divide the last three axes into `output_size` parts.

    Args:
        output_size: the output's lengths, or one number for all; None keeps an axis.
    """

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_AdaptivePool):
    """Adaptive pooling by maxima, with their positions on request."""

    def __init__(self, output_size: OutputSizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of windows that divide the last axis into `output_size` parts.

    Args:
        output_size: the output's length.
        return_indices: return the positions of the maxima too.
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of windows that divide the last two axes into `output_size` parts.

    Args:
        output_size: the output's height and width, or one number for both; None keeps an axis.
        return_indices: return the positions of the maxima too.
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima of windows that divide the last three axes into `output_size` parts.

    Args:
        output_size: the output's lengths, or one number for all; None keeps an axis.
        return_indices: return the positions of the maxima too.
    """

    _function = staticmethod(F.adaptive_max_pool3d)
