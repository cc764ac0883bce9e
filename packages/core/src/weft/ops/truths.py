"""Whether all elements are true, whether some are, and how many."""

from __future__ import annotations

from typing import Any

from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, booleans, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.reduction import reduction

_TRUTHS = (
    Sample(booleans(2, 3)),
    Sample(array(2, 3), dim=1),
    Sample(array(2, 3, 2), dim=(0, -1)),
    Sample(booleans(2, 3), dim=()),
    Sample(booleans(0), dim=0),
)
_TRUTH = not_differentiable("its result is true or false")


@reduction(
    combine="all",
    identity=1,
    dtype="bool",
    all_for_empty=False,
    vjp=_TRUTH,
    jvp=_TRUTH,
    samples=_TRUTHS,
)
def all(xp: Any, x: Any) -> Any:
    """Whether all elements are non-zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None, none if ``()``.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: bool. NaN counts as true. True of nothing.
    """
    return x != 0


@reduction(
    combine="any",
    identity=0,
    dtype="bool",
    all_for_empty=False,
    vjp=_TRUTH,
    jvp=_TRUTH,
    samples=_TRUTHS,
)
def any(xp: Any, x: Any) -> Any:
    """Whether some element is non-zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None, none if ``()``.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: bool. NaN counts as true. False of nothing.
    """
    return x != 0


@reduction(
    combine="sum",
    identity=0,
    dtype="count",
    vjp=not_differentiable("it counts"),
    jvp=not_differentiable("it counts"),
    samples=_TRUTHS,
    out=False,
)
def count_nonzero(xp: Any, x: Any) -> Any:
    """Number of elements that are not zero.

    Args:
        input: (...).
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: int64.
    """
    return (x != 0).astype("int64")


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(2, 3), array(3)),
        Sample(array(), integers(1)),
    ),
    not_differentiable="its result is a Python bool",
)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    Args:
        input: a tensor.
        other: a tensor; its dtype does not matter.

    Returns:
        bool: whether all lengths are equal. Shapes that broadcast are not the same.
    """
    return tuple(input.shape) == tuple(other.shape)
