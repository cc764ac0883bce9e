"""Distances and similarities between pairs of vectors."""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class CosineSimilarity(Module):
    """`x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps))` along an axis.

    Args:
        dim: the axis that the vectors lie along.
        eps: the least length that is divided by.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of `x1 − x2 + eps` along the last axis.

    Args:
        p: the norm's exponent.
        eps: added to each difference, so that the root has a derivative at zero.
        keepdim: whether the last axis stays, with length one.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
