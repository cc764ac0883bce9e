"""Expanding to a shape and its transpose, summing back: what broadcasting is made of."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.numpy_ import expanded, repeated
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.dispatch import apply_one, viewed
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import broadcast_shapes, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear


def _shape(x: Any, *, size: tuple[int, ...]) -> Any:
    lead = len(size) - len(x.shape)
    fits = lead >= 0 and all(
        own in (1, wanted) for own, wanted in zip(x.shape, size[lead:], strict=True)
    )
    if not fits or any(n < 0 for n in size):
        raise ShapeError(
            f"expand: a tensor of shape {x.shape} cannot be expanded to {size}: lengths must be "
            f"equal, or 1 in the tensor"
        )
    return x.like(shape=size)


def _batch(size_: int, batched: Any, x: Any, *, size: tuple[int, ...]) -> Any:
    own = tuple(x.shape[1:])
    x = x.reshape((size_, *(1,) * (len(size) - len(own)), *own))
    return broadcast_to(x, (size_, *size))


def _canonical(input: Any, size: Any) -> dict[str, Any]:
    wanted = shape_tuple("expand", size)
    own = input.shape
    lead = len(wanted) - len(own)
    return {
        "size": tuple(own[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    }


@linear(
    shape=_shape,
    transpose=lambda g, x, *, size: sum_to(g, x.shape),
    batch=_batch,
    canonical=_canonical,
    is_view=True,
    samples=(
        Sample(array(2, 1), (2, 3)),
        Sample(array(3), (2, 3)),
        Sample(array(), (2,)),
        Sample(array(1, 2), (3, -1)),
    ),
    errors=(
        ErrorSample(array(2, 3), (2, 4), error=ShapeError, match=r"cannot be expanded to \(2, 4\)"),
        ErrorSample(array(2, 3), (3,), error=ShapeError, match="cannot be expanded"),
    ),
)
def broadcast_to(xp: Any, x: Any, *, size: tuple[int, ...]) -> Any:
    """Repeat dims of length 1, and new leading dims, to a shape, without copying.

    Args:
        input: a tensor whose lengths equal size's, counted from the right, or are 1.
        size: the shape wanted; -1 keeps a length.

    Returns:
        Tensor: (*size), a view.

    Raises:
        ShapeError: input cannot be expanded so.
    """
    return xp.broadcast_to(x, size)


_EXPAND = catalogue.ops["broadcast_to"]


def _on_numpy(x: Any, *, size: tuple[int, ...]) -> Any:
    _shape(Aval(x.shape, x.dtype), size=size)  # what follows does not look
    return expanded(x, size)


_EXPAND.kernels[ndarray] = _on_numpy


@composite(
    samples=(Sample(array(2, 1), (2, 3)), Sample(array(2, 1), 2, -1)),
    namespaces=(),
    methods=("expand",),
)
def expand(input: Tensor, *size: Any) -> Tensor:
    """Repeat dims of length 1, and new leading dims, to a shape, without copying.

    Args:
        input: a tensor whose lengths equal size's, counted from the right, or are 1.
        size: the shape wanted, as ints or one tuple; -1 keeps a length.

    Returns:
        Tensor: (*size), a view.

    Raises:
        ShapeError: input cannot be expanded so.
    """
    return broadcast_to(input, shape_tuple("expand", size[0] if len(size) == 1 else size))


@composite(
    samples=(Sample(array(2, 1), array(2, 3, low=0.0)), Sample(array(1), array(2, 3))),
    errors=(ErrorSample(array(2, 1), array(3), error=ShapeError, match="cannot be expanded to"),),
    namespaces=(),
    methods=("expand_as",),
)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Expand to the shape of another tensor.

    Args:
        input: a tensor.
        other: a tensor of the shape wanted.

    Returns:
        Tensor: of other's shape, a view.
    """
    return broadcast_to(input, tuple(other.shape))


@composite(samples=(Sample(array(2, 3), array(2, 1)),), methods=(), namespaces=("weft",))
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand tensors to their common shape.

    Args:
        tensors: tensors whose shapes broadcast.

    Returns:
        tuple of Tensor: views, all of the common shape.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    shape = broadcast_shapes("broadcast_tensors", *(tuple(t.shape) for t in tensors))
    return tuple(broadcast_to(t, shape) for t in tensors)


def expand_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Expand to a shape; the tensor itself if it has that shape."""
    data = x._data
    if data.shape == shape:
        return x
    if type(data) is ndarray and not data.ndim:  # the cotangent of a sum, which fits any shape
        return viewed(_EXPAND, x, repeated(data, shape), {"size": shape})
    return apply_one(_EXPAND, x, {"size": tuple(shape)})


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a tensor, or of what stands in for one that was not saved."""
    return x._data.shape if isinstance(x, Tensor) else getattr(x, "shape", ())


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Sum the dims that broadcasting from ``shape`` repeated: the transpose of expanding."""
    own = x._data.shape
    if own == shape:
        return x
    from weft.ops.reductions import sum

    lead = len(own) - len(shape)
    if lead < 0:  # a cotangent of fewer dims than its argument: only by broadcasting a constant
        return broadcast_to(x, shape)
    repeated = [i for i in range(len(own)) if i < lead or shape[i - lead] == 1 != own[i]]
    out = sum(x, dim=tuple(repeated), keepdim=True) if repeated else x
    out = out.reshape(tuple(out.shape)[lead:])
    return out if tuple(out.shape) == shape else broadcast_to(out, shape)
