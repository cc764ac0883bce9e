"""Pooling by the p-norm of each window: the sum for p = 1, toward the maximum as p grows."""

from __future__ import annotations

from collections.abc import Callable

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes
from weft.nn.module import Module


class _LPPool(Module):
    """`(Σ xᵖ)^(1/p)` of each window."""

    _function: Callable[..., Tensor]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window of (N, C, L) or (C, L).

    Args: as for `LPPool2d`.
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of (N, C, H, W) or (C, H, W).

    Args:
        norm_type: p.
        kernel_size: extent of the window.
        stride: step of the window; the kernel's size when None.
        ceil_mode: round the output's size up instead of down.
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window of (N, C, D, H, W) or (C, D, H, W).

    Args: as for `LPPool2d`.
    """

    _function = staticmethod(F.lp_pool3d)
