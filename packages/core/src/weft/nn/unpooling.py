"""The way back from max pooling: maxima at the positions they came from, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes, spread
from weft.nn.module import Module


class _MaxUnpool(Module):
    """The partial inverse of a max pooling with the same settings."""

    _axes: int
    _function: Callable[..., Tensor]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        axes, who = self._axes, type(self).__name__
        step = kernel_size if stride is None else stride
        self.kernel_size = spread(kernel_size, axes, f"{who}: kernel_size")
        self.stride = spread(step, axes, f"{who}: stride")
        self.padding = spread(padding, axes, f"{who}: padding")

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The maxima at their places.

        Args:
            input: the maxima.
            indices: their positions, as the pooling returned them.
            output_size: the size of the pooling's input, where several lead to one output's.
        """
        return type(self)._function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The partial inverse of `MaxPool1d(return_indices=True)`.

    Args: as for `MaxUnpool2d`.
    """

    _axes = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The partial inverse of `MaxPool2d(return_indices=True)`.

    Args:
        kernel_size: extent of the pooling's window.
        stride: its step; the kernel's size when None.
        padding: its padding.
    """

    _axes = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The partial inverse of `MaxPool3d(return_indices=True)`.

    Args: as for `MaxUnpool2d`.
    """

    _axes = 3
    _function = staticmethod(F.max_unpool3d)
