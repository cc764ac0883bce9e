"""Dropout of elements and of whole channels; it acts in training mode only."""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class _Dropout(Module):
    """What every dropout shares: its probability.

    Args:
        p: probability with which an element becomes zero; the others are divided by 1 − p.
        inplace: write the result into the input.

    Raises:
        ValueError: `p` lies outside [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must lie in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeroes elements with probability p in training. Source: Hinton et al. 2012.

    Args:
        p: the probability; the elements that stay are divided by 1 − p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Zeroes whole channels of (N, C, L) or (C, L) with probability p in training.

    Args:
        p: the probability; the channels that stay are divided by 1 − p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Zeroes whole channels of (N, C, H, W) with probability p in training.

    Args:
        p: the probability; the channels that stay are divided by 1 − p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Zeroes whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p in training.

    Args:
        p: the probability; the channels that stay are divided by 1 − p.
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout after SELU: elements become its negative limit, and mean and variance stay.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Source: Klambauer et al. 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels, along axis 1.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Source: Klambauer et al. 2017; PyTorch's `torch.nn.FeatureAlphaDropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
