"""Ops that see a tensor's elements, in their order, under another shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray
from weft._core import catalogue, dtypes
from weft._core.dispatch import apply_one, not_a_tensor, viewed
from weft._core.errors import ShapeError
from weft._core.layouts import fits_without_copy
from weft._core.moving import may_move
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim, canonical_dims, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.casting import reinterpreted
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear
from weft.ops.memory import copied, in_order, layout_of


def _resolve(name: str, own: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``wanted`` with its -1 worked out."""
    count = math.prod(own)
    if math.prod(wanted) == count and min(wanted, default=0) >= 0:
        return wanted
    if wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise ShapeError(f"{name}: at most one length may be -1, got {wanted}")
    if -1 in wanted:
        known = -math.prod(wanted)
        if known == 0 or count % known:
            raise ShapeError(
                f"{name}: {count} elements of shape {own} do not fill {wanted}: the other lengths "
                f"hold {known}, which leaves no whole number for -1"
            )
        return tuple(count // known if n == -1 else n for n in wanted)
    if math.prod(wanted) != count:
        raise ShapeError(
            f"{name}: {count} elements of shape {own} do not fill {wanted}, which has "
            f"{math.prod(wanted)}"
        )
    return wanted


def _view_shape(x: Any, *, shape: tuple[int, ...]) -> Any:
    return x.like(shape=_resolve("view", x.shape, shape))


def _view_canonical(input: Any, shape: Any) -> dict[str, Any]:
    return {"shape": _resolve("reshape", tuple(input.shape), shape_tuple("reshape", shape))}


@linear(
    shape=_view_shape,
    transpose=lambda g, x, *, shape: g.reshape(x.shape),
    batch=lambda size, batched, x, *, shape: x.reshape((size, *shape)),
    canonical=_view_canonical,
    is_view=True,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3), (3, 2)), Sample(array(4), (2, -1)), Sample(array(), (1, 1))),
)
def reshaped_view(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """View memory under another shape that its strides allow.

    Args:
        input: (...).
        shape: the shape wanted, of as many elements.

    Returns:
        Tensor: (*shape), a view.
    """
    return x.reshape(shape)


_RESHAPED = catalogue.ops["reshaped_view"]


def _quickly(input: Any, shape: tuple[Any, ...]) -> Tensor | None:
    """View contiguous memory under a shape of plain lengths; None where that needs more care.

    Views are called by the million, so this is one function with NumPy's own check of the shape.
    """
    try:
        x = input._data
    except AttributeError:
        raise not_a_tensor("reshape", 0, input) from None
    if type(x) is not ndarray or not x.flags.c_contiguous:
        return None
    try:
        data = x.reshape(*shape)
    except (TypeError, ValueError):
        return None  # the general way tells the user why
    got = data.shape
    if got != shape and got != shape[0]:  # a -1 was worked out, or what NumPy takes for one
        return None if shape[0] != -1 else viewed(_RESHAPED, input, data, {"shape": got})
    return viewed(_RESHAPED, input, data, {"shape": got})


def _fits(data: Any, shape: tuple[int, ...]) -> bool:
    """Whether an array can be seen under another shape without a copy."""
    if in_order(data):
        return True
    known = layout_of(data)
    return known is None or fits_without_copy(known[0], known[1], shape)


@composite(
    samples=(
        Sample(array(2, 3), (3, 2)),
        Sample(array(2, 3, 2), -1, 4),
        Sample(array(3, 4, step="transposed"), (2, 6)),
        Sample(array(0, 2), (2, 0)),
    ),
    errors=(
        ErrorSample(array(2, 3), (4, 2), error=ShapeError, match="6 elements of shape"),
        ErrorSample(array(2, 3), (-1, -1), error=ShapeError, match="at most one length"),
        ErrorSample(array(2, 3), (-1, 4), error=ShapeError, match="no whole number"),
    ),
    guard=False,
)
def reshape(input: Tensor, *_shape: Any, shape: Any = None) -> Tensor:
    """Give the same elements, in the same order, another shape.

    Args:
        input: (...).
        shape: the shape wanted, as ints or one tuple; one length may be -1.

    Returns:
        Tensor: (*shape); a view if input's strides allow it, else a copy.

    Raises:
        ShapeError: the number of elements differs.
    """
    if shape is not None:
        _shape = (shape,)
    found = _quickly(input, _shape)
    if found is not None:
        return found
    wanted = shape_tuple("reshape", _shape[0] if len(_shape) == 1 else _shape)
    resolved = _resolve("reshape", input._data.shape, wanted)
    return _relabelled(input if _fits(input._data, resolved) else copied(input), resolved)


def _settled(input: Tensor) -> bool:
    """Bring a result that lies channels last into the order of its indices, if that is ours to do.

    A convolution leaves its result in the order that is quickest for the next layer, which is not
    the one that PyTorch's users count on. Nobody sees the tensor's memory move where no view of it
    was made and the user did not lay it out: the memory is moved, and then viewed.
    """
    data = input._data
    if type(data) is not ndarray or data.ndim < 3 or not _lies_last(data):
        return False
    del data  # who holds it is counted
    if not may_move(input):
        return False
    input._data = input._data.copy(order="C")
    return True


def _lies_last(data: Any) -> bool:
    """Whether an array (N, C, *spatial) lies densely with its channels innermost."""
    moved: bool = data.transpose(0, *range(2, data.ndim), 1).flags.c_contiguous
    return moved


@composite(
    samples=(Sample(array(2, 3), (3, 2)), Sample(array(2, 3), -1)),
    namespaces=(),
    methods=("view",),
    errors=(
        ErrorSample(array(3, 4, step="transposed"), (2, 6), error=ShapeError, match="use reshape"),
    ),
    guard=False,
)
def view(input: Tensor, *_size: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """Give the same memory another shape, or read it as another dtype, never copying.

    Args:
        input: (...).
        size: the shape wanted, as ints or one tuple; one length may be -1. Or a dtype.
        dtype: instead of a shape, the dtype as which to read the same bytes; of another size it
            divides or multiplies the last dim, which must be contiguous.

    Returns:
        Tensor: (*size), a view.

    Raises:
        ShapeError: the number of elements differs, or input's strides do not allow it. A result
            that lies channels last, and of which there is no other view, is brought in order first.
    """
    if size is not None:
        _size = (size,)
    found = _quickly(input, _size)
    if found is not None:
        return found
    if len(_size) == 1 and isinstance(_size[0], dtypes.dtype):
        dtype = _size[0]
    if dtype is not None:
        read: Tensor = reinterpreted(input, dtype=dtype)
        return read
    wanted = shape_tuple("view", _size[0] if len(_size) == 1 else _size)
    resolved = _resolve("view", input._data.shape, wanted)
    if not _fits(input._data, resolved) and not _settled(input):
        raise ShapeError(
            f"view: a tensor of shape {tuple(input.shape)} and strides {input.stride()} cannot be "
            f"seen as {resolved} without a copy; use reshape"
        )
    return _relabelled(input, resolved)


@composite(
    samples=(
        Sample(array(2, 3, 2)),
        Sample(array(2, 3, 2), start_dim=1),
        Sample(array()),
        Sample(array(2, 3, 2), 0, 1),
    ),
    errors=(
        ErrorSample(array(2, 3), 1, 0, error=ValueError, match="start_dim 1 is after end_dim 0"),
    ),
)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join dims into one.

    Args:
        input: (...).
        start_dim: the first dim to join.
        end_dim: the last.

    Returns:
        Tensor: with one dim in place of those; (1,) for a 0-d input.

    Raises:
        ValueError: start_dim comes after end_dim.
    """
    shape = tuple(input.shape)
    first = canonical_dim("flatten", start_dim, len(shape))
    last = canonical_dim("flatten", end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {first} is after end_dim {last}")
    if not shape:
        return reshape(input, (1,))
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@composite(samples=(Sample(array(2, 3)), Sample(array())))
def ravel(input: Tensor) -> Tensor:
    """Join all dims into one: ``flatten`` of the whole tensor.

    Args:
        input: (...).

    Returns:
        Tensor: (number of elements,); a view if input is contiguous, else a copy.
    """
    return reshape(input, (-1,)) if math.prod(input.shape) else reshape(input, (0,))


@composite(
    samples=(Sample(array(2, 3), array(3, 2, low=0.0)),), namespaces=(), methods=("view_as",)
)
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Give the same memory the shape of another tensor, never copying.

    Args:
        input: (...), contiguous.
        other: a tensor of the shape wanted.

    Returns:
        Tensor: of other's shape, a view.
    """
    return view(input, tuple(other.shape))


@composite(
    samples=(Sample(array(2, 3), array(3, 2, low=0.0)),), namespaces=(), methods=("reshape_as",)
)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Give the same elements the shape of another tensor.

    Args:
        input: (...).
        other: a tensor of the shape wanted.

    Returns:
        Tensor: of other's shape.
    """
    return reshape(input, tuple(other.shape))


@composite(
    samples=(Sample(array(6, 2), 0, (2, 3)), Sample(array(2, 6), -1, (-1, 2))),
)
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split one dim into several.

    Args:
        input: (..., n, ...).
        dim: the dim to split.
        sizes: the lengths it becomes; one may be -1.

    Returns:
        Tensor: (..., *sizes, ...).

    Raises:
        ShapeError: the lengths do not multiply to n.
    """
    shape = tuple(input.shape)
    at = canonical_dim("unflatten", dim, len(shape))
    inner = _resolve("unflatten", (shape[at],), tuple(sizes))
    return reshape(input, (*shape[:at], *inner, *shape[at + 1 :]))


@composite(
    samples=(
        Sample(array(2, 1, 3, 1)),
        Sample(array(2, 1, 3), 1),
        Sample(array(2, 3), 0),
        Sample(array(1, 2, 1), (0, 2)),
    ),
)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Drop dims of length 1.

    Args:
        input: a tensor.
        dim: which dim or dims may go; all if None. Others, and longer ones, stay.

    Returns:
        Tensor: a view.
    """
    dims = canonical_dims("squeeze", dim, input.ndim)
    keep = tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in dims)
    return _relabelled(input, keep)


@composite(
    samples=(Sample(array(2, 3), 0), Sample(array(2, 3), -1), Sample(array(), 0)),
    errors=(ErrorSample(array(2, 3), 3, error=IndexError, match="dim 3 is out of range"),),
)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dim of length 1.

    Args:
        input: a tensor.
        dim: where the new dim is to be in the result.

    Returns:
        Tensor: a view.
    """
    at = canonical_dim("unsqueeze", dim, input.ndim + 1)
    shape = tuple(input.shape)
    return _relabelled(input, (*shape[:at], 1, *shape[at:]))


def _relabelled(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """View memory under a shape that is known to fit it."""
    return apply_one(_RESHAPED, x, {"shape": shape})
