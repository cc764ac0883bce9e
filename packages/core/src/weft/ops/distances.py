"""Lengths and distances along one dim: unit vectors, cosines, distances of pairs."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite


def _require_floating(name: str, *tensors: Tensor) -> None:
    for x in tensors:
        if x.dtype.category < 2:
            raise DTypeError(f"{name}: expected a floating tensor, got {x.dtype}")


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), 1.0, 0),
        Sample(array(2, 3, low=0.2), 3, -1),
        Sample(array(0, 3)),
    ),
    errors=(ErrorSample(integers(2, 3), error=DTypeError, match="floating"),),
    namespaces=catalogue.FUNCTIONAL,
    out=True,
)
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along a dim, so that it becomes 1.

    Args:
        input: (...), floating or complex.
        p: the norm's exponent.
        dim: the dim or dims.
        eps: the least length that is divided by.

    Returns:
        Tensor: of input's shape; zero vectors stay zero.

    Raises:
        DTypeError: input is not floating.
    """
    _require_floating("normalize", input)
    return input / input.norm(p, dim, True).clamp(min=eps)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(2, 3), array(3), 0, 0.1),
        Sample(array(3), array(3), dim=-1),
    ),
    errors=(ErrorSample(integers(2, 3), array(2, 3), error=DTypeError, match="floating"),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dim.

    .. math:: x_1 \\cdot x_2 / (max(|x_1|, eps) max(|x_2|, eps))

    Args:
        x1: (...), floating.
        x2: broadcasts with x1.
        dim: the dim of the broadcast shape.
        eps: the least length that is divided by. Where it is in force the gradient is this
            formula's; PyTorch's is that of the formula without the maximum.

    Returns:
        Tensor: without that dim.

    Raises:
        DTypeError: a tensor is not floating.
    """
    from weft.ops.broadcasting import broadcast_tensors

    _require_floating("cosine_similarity", x1, x2)
    units = []
    for x in broadcast_tensors(x1, x2):
        units.append(x / x.norm(2, dim, True).clamp(min=eps))
    return (units[0] * units[1]).sum(dim)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(2, 1, 3), array(4, 3), 1.0, keepdim=True),
        Sample(array(3), array(3), 3.0, 0.01),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dim.

    Args:
        x1: (..., D), floating.
        x2: broadcasts with x1.
        p: the norm's exponent.
        eps: added to each difference.
        keepdim: whether the last dim stays, with length 1.

    Returns:
        Tensor: (...).

    Raises:
        DTypeError: neither tensor is floating.
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)
