"""Elements and places where a condition holds."""

from __future__ import annotations

from typing import Any

from weft._core.op import not_batchable, not_differentiable
from weft._core.samples import Sample, array, booleans
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.indexing import getitem


@composite(
    samples=(Sample(array(2, 3), booleans(2, 3)),),
    out=True,
)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Take the elements where a mask is true, as a 1-d tensor.

    Args:
        input: (...).
        mask: bool, broadcasts with input.

    Returns:
        Tensor: (number of true elements,).
    """
    shape = broadcast_shapes("masked_select", tuple(input.shape), tuple(mask.shape))
    return getitem(broadcast_to(input, shape), broadcast_to(mask, shape))


_DATA = "the result's shape depends on the data"


@custom(
    shape=lambda x: _nonzero_shape(x),
    vjp=not_differentiable("it finds places"),
    jvp=not_differentiable("it finds places"),
    batch=not_batchable(_DATA),
    samples=(Sample(booleans(2, 3)),),
    namespaces=(),
    methods=(),
)
def places(xp: Any, x: Any) -> Any:
    """Places of the elements that are not zero.

    Args:
        input: (...), of n dims.

    Returns:
        Tensor: int64, (number of them, n).
    """
    return xp.stack(xp.nonzero(x), axis=-1) if x.ndim else xp.zeros((int(x != 0), 0), "int64")


def _nonzero_shape(x: Any) -> Any:
    raise RuntimeError(
        f"nonzero: {_DATA}, and a tensor of shape {x.shape} on the meta device has none"
    )


@composite(
    samples=(Sample(booleans(2, 3)), Sample(booleans(2, 3), as_tuple=True)),
    not_differentiable="it finds places",
    out=True,
)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Places of the elements that are not zero.

    Args:
        input: (...), of n dims.
        as_tuple: whether to return one tensor for each dim, with which input can be indexed.

    Returns:
        Tensor: int64, (number of them, n); with ``as_tuple`` a tuple of n tensors of one dim.
    """
    if not as_tuple:
        return places(input)
    return tuple(places(input if input.ndim else input.reshape(1)).unbind(1))
