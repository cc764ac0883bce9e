"""Max pooling over windows whose places are drawn, so that any size of output can be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes, spread
from weft.nn.module import Module

Ratios: TypeAlias = float | Sequence[float]


class _FractionalMaxPool(Module):
    """The largest element of each of as many windows as the output has places."""

    _axes: int
    _function: Callable[..., Any]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        axes, who = self._axes, type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{who}: one of output_size and output_ratio must be given, got "
                f"output_size={output_size} and output_ratio={output_ratio}"
            )
        self.kernel_size = spread(kernel_size, axes, f"{who}: kernel_size")
        if min(self.kernel_size) <= 0:
            raise ValueError(f"{who}: kernel_size must be positive, got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = self.output_ratio = None
        if output_size is not None:
            self.output_size = spread(output_size, axes, f"{who}: output_size")
        if output_ratio is not None:
            ratios = output_ratio if isinstance(output_ratio, Sequence) else [output_ratio] * axes
            if len(ratios) != axes or not all(0 < ratio < 1 for ratio in ratios):
                raise ValueError(
                    f"{who}: output_ratio must be one number or {axes} between 0 and 1, "
                    f"got {output_ratio}"
                )
            self.output_ratio = tuple(ratios)

    def forward(self, input: Tensor) -> Any:
        """The maxima, and with `return_indices` their positions too."""
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Max pooling of (N, C, H, W) or (C, H, W) to a size, over windows at random places.

    Args:
        kernel_size: extent of the window.
        output_size: the output's height and width, or one number for both.
        output_ratio: instead, the output's size by the input's, between 0 and 1.
        return_indices: return the positions of the maxima too.
        _random_samples: (N, C, 2), uniform in [0, 1), in place of drawn numbers; a buffer.

    Raises:
        ValueError: both or none of `output_size` and `output_ratio`, or one out of range.

    Source: Graham 2015; PyTorch's `torch.nn.FractionalMaxPool2d`.
    """

    _axes = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Max pooling of (N, C, D, H, W) or (C, D, H, W) to a size, over windows at random places.

    Args:
        kernel_size: extent of the window.
        output_size: the output's lengths, or one number for all.
        output_ratio: instead, the output's size by the input's, between 0 and 1.
        return_indices: return the positions of the maxima too.
        _random_samples: (N, C, 3), uniform in [0, 1), in place of drawn numbers; a buffer.

    Raises:
        ValueError: both or none of `output_size` and `output_ratio`, or one out of range.

    Source: Graham 2015; PyTorch's `torch.nn.FractionalMaxPool3d`.
    """

    _axes = 3
    _function = staticmethod(F.fractional_max_pool3d)
