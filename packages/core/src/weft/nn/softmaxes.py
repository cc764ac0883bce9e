"""Softmax along an axis, its logarithm and its mirror image, as modules."""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class _AlongAxis(Module):
    """A function along one axis that must be named."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def _axis(self) -> int:
        if self.dim is None:
            raise ValueError(
                f"{type(self).__name__}: dim must be given, as in {type(self).__name__}(dim=-1); "
                "PyTorch guesses it from the number of axes, which is deprecated there"
            )
        return self.dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """`exp(x) / Σ exp(x)` along an axis.

    Args:
        dim: the axis along which the result sums to one.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self._axis())


class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along an axis, without overflow.

    Args:
        dim: the axis.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self._axis())


class Softmin(_AlongAxis):
    """The softmax of −x along an axis.

    Args:
        dim: the axis.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(-input, self._axis())


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: the input has another number of axes.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d expects an input of 3 or 4 dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )
        return F.softmax(input, -3)
