"""A convolution padded as TensorFlow pads "same": the odd pixel goes right and to the bottom."""

from __future__ import annotations

import weft
from weft import nn


class Conv2dSame(nn.Conv2d):
    """Convolution whose output has ceil(size / stride) pixels, whatever the kernel.

    PyTorch's `padding="same"` refuses strides above 1, and a symmetric padding shifts what a
    network trained in TensorFlow sees by half a stride. Arguments and parameter names are
    Conv2d's, except that there is no padding to give.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding=0, groups=groups, bias=bias
        )
        self._kernel = kernel_size
        self._stride = stride

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, in, height, width) to (batch, out, ceil(height / s), ceil(width / s))."""
        rows, columns = (_missing(size, self._kernel, self._stride) for size in x.shape[-2:])
        if rows or columns:
            top, left = rows // 2, columns // 2
            x = nn.functional.pad(x, (left, columns - left, top, rows - top))
        return super().forward(x)


def _missing(size: int, kernel: int, stride: int) -> int:
    """How many pixels an axis lacks for ceil(size / stride) outputs."""
    outputs = -(-size // stride)
    return max((outputs - 1) * stride + kernel - size, 0)
