"""Elements and places where a condition holds."""

from __future__ import annotations

from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.kernels import prefer
from weft._core.op import not_batchable, not_differentiable
from weft._core.samples import ErrorSample, Sample, array, booleans
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.indexing import getitem
from weft.ops.joining import narrow, stack


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
    widen=False,  # it has no shape rule to ask for the widened result's
    samples=(Sample(booleans(2, 3)),),
    namespaces=(),
    methods=(),
    called="nonzero",
)
def places(xp: Any, x: Any) -> Any:
    """Places of the elements that are not zero.

    Args:
        input: (...), of n dims.

    Returns:
        Tensor: int64, (number of them, n).
    """
    return xp.stack(xp.nonzero(x), axis=-1) if x.ndim else xp.zeros((int(x != 0), 0), "int64")


_truths = Launcher("truths")


def _places_on_cpu(x: Any) -> Any:
    return _truths.true_places(x, together=True) if x.size >= 2048 and _truths else None


prefer(catalogue.ops["places"], _places_on_cpu)


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


@composite(samples=(Sample(booleans(2, 3)),), not_differentiable="it finds places")
def argwhere(input: Tensor) -> Tensor:
    """Places of the elements that are not zero, a row for each.

    Args:
        input: (...), of n dims.

    Returns:
        Tensor: int64, (number of them, n), in the order of the elements.
    """
    out: Tensor = places(input)
    return out


@composite(
    samples=(
        Sample(booleans(2, 3), size=7),
        Sample(array(4), size=2, fill_value=-5),
        Sample(array(), size=2),
    ),
    errors=(ErrorSample(array(2), size=-1, error=ValueError, match="not be negative"),),
    not_differentiable="it finds places",
    out=True,
)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """Places of the elements that are not zero, as a result of fixed shape.

    Args:
        input: (...), of n dims.
        size: how many rows: further places are left out, missing ones filled.
        fill_value: what missing rows hold.

    Returns:
        Tensor: int64, (size, n).

    Raises:
        ValueError: size is negative.
    """
    from weft.ops.comparison import where
    from weft.ops.creation import arange
    from weft.ops.cumulative import cumsum

    if size < 0:
        raise ValueError(f"nonzero_static: size must not be negative, got {size}")
    shape = tuple(input.shape)
    hit = (input != 0).reshape((-1,))
    rank = cumsum(hit, 0) - 1
    # the number of each place, written to the row that is its rank; the last row takes the rest
    row = where(hit, rank, size).clamp(max=size)
    count = hit.shape[0]
    filled = rank.new_full((size + 1,), count).scatter(0, row, arange(count, device=row.device))
    flat = narrow(filled, 0, 0, size)
    columns = []
    for length in reversed(shape):
        columns.append(flat % max(length, 1))
        flat = flat // max(length, 1)
    if not columns:
        return flat.new_zeros((size, 0))
    found = (narrow(filled, 0, 0, size) < count).unsqueeze(-1)
    return where(found, stack(columns[::-1], -1), fill_value)
