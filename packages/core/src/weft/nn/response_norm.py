"""Normalisation of each element by its neighbours in the channels before and after."""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class _ResponseNorm(Module):
    """The settings of both norms."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_ResponseNorm):
    """Divides each element by `(k + alpha · mean of squares over size channels)^beta`.

    Args:
        size: how many channels around the element's own count.
        alpha: the factor of the mean square.
        beta: the exponent.
        k: added to the mean square.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3, with the mean for the sum; PyTorch's
    `torch.nn.LocalResponseNorm`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Input (N, C, …) or more dims behind; the result has its shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(_ResponseNorm):
    """`LocalResponseNorm` of images as older networks have it: the window lies symmetrically.

    `x / (k + alpha / size · sum of squares over the (size − 1) // 2 channels on either side)^beta`.

    Args:
        size: the window's width in channels, which divides alpha.
        alpha: the factor of the sum of squares, divided by size.
        beta: the exponent.
        k: added to the sum.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3. PyTorch's `torch.nn.CrossMapLRN2d`
    computes the same as long as there are at most `(size + 1) // 2` channels; with more, its window
    never lets go of the first channel. Its gradient is that of another window.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """Input (N, C, H, W); the result has its shape."""
        if input.ndim != 4:
            raise ValueError(
                f"CrossMapLRN2d expects an input of 4 dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )
        window = (self.size - 1) // 2 * 2 + 1
        alpha = self.alpha * window / self.size
        return F.local_response_norm(input, window, alpha, self.beta, self.k)
