"""Windows of images as columns, and columns added up to images again."""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes
from weft.nn.module import Module


class Unfold(Module):
    """The windows of (N, C, H, W) as columns: (N, C · elements of a window, windows).

    Args:
        kernel_size: extent of the window.
        dilation: distance between the window's elements.
        padding: zeros added on both sides.
        stride: step of the window.

    Source: PyTorch's `torch.nn.Unfold`.
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Adds columns up to images: each where `Unfold` with the same settings would take it from.

    Args:
        output_size: height and width of the images.
        kernel_size: extent of the window.
        dilation: distance between the window's elements.
        padding: zeros that were added on both sides.
        stride: step of the window.

    Source: PyTorch's `torch.nn.Fold`.
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Input (N, C · elements of a window, windows); the result is (N, C, *output_size)."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
