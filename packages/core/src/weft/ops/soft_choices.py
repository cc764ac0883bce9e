"""Softmax's kin: of negated logits, and with Gumbel noise for choices one can differentiate."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue, dtypes
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.random import rand
from weft.ops.softmax import softmax

_F = catalogue.FUNCTIONAL


@composite(
    samples=(Sample(array(2, 3), 1), Sample(array(3), -1), Sample(array(2, 3), 0, dtype=None)),
    errors=(ErrorSample(array(2, 3), 2, error=IndexError, match="out of range"),),
    namespaces=_F,
)
def softmin(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Exponentials of the negated elements, scaled to the sum 1 along a dim.

    Args:
        input: (...).
        dim: the dim.
        dtype: what to convert to first.

    Returns:
        Tensor: (...), positive, with the sum 1 along the dim.
    """
    return softmax(-input, dim, dtype=dtype)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), 0.5, dim=0),
        Sample(array(4), hard=True),
    ),
    errors=(ErrorSample(array(3), 0.0, error=ValueError, match="tau must be positive"),),
    namespaces=_F,
    random=True,
)
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Draw from a categorical distribution in a way that has a gradient.

    softmax((logits + noise) / tau), the noise of Gumbel's distribution.

    Args:
        logits: (...), unscaled log-probabilities.
        tau: the temperature; the nearer to 0, the nearer to one-hot.
        hard: whether to return one-hot vectors, with the gradient of the soft ones.
        eps: taken as PyTorch takes it, and not read.
        dim: the dim of the choices.

    Returns:
        Tensor: of logits' shape, with the sum 1 along the dim.

    Raises:
        ValueError: tau is not positive.

    Source: Jang et al., arXiv:1611.01144; Maddison et al., arXiv:1611.00712.
    """
    if tau <= 0:
        raise ValueError(f"gumbel_softmax: tau must be positive, got {tau}")
    wide = logits.dtype if logits.dtype.itemsize > 2 else dtypes.float32
    # 1 - u lies in (0, 1], so that its logarithm is finite; -log of it is exponential
    exponential = -(1 - rand(tuple(logits.shape), dtype=wide, device=logits.device)).log()
    tiny = 2.0**-126  # where the draw was 0
    noise = -exponential.clamp(min=tiny).log()
    soft = softmax((logits + noise.to(logits.dtype)) / tau, dim)
    if not hard:
        return soft
    at = canonical_dim("gumbel_softmax", dim, logits.ndim)
    from weft.ops.creation import arange

    best = soft.detach().argmax(at, True)
    across = [1] * logits.ndim
    across[at] = -1
    chosen = (arange(logits.shape[at], device=logits.device).reshape(tuple(across)) == best).to(
        soft.dtype
    )
    return chosen - soft.detach() + soft
