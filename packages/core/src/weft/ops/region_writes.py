"""Copies with a region replaced: an entry, a slice, strided places, or where a mask is true."""

from __future__ import annotations

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import Draw, ErrorSample, Sample, array, booleans
from weft._core.shapes import broadcast_shapes, canonical_dim, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.families.composite import composite
from weft.ops.gathering import picked, plain_data
from weft.ops.indexing import getitem
from weft.ops.overwriting import with_items
from weft.ops.strides import strided_places


def _replaced(name: str, input: Tensor, key: tuple[object, ...], src: Tensor) -> Tensor:
    wanted = tuple(getitem(input, key).shape)
    if tuple(src.shape) != wanted:
        raise ShapeError(
            f"{name}: src must have shape {wanted}, the region's, got {tuple(src.shape)}"
        )
    return with_items(input, key, src.to(input.dtype))


@composite(
    samples=(Sample(array(2, 3), array(2), 1, -1), Sample(array(2, 3), array(3), 0, 1)),
    errors=(
        ErrorSample(array(2, 3), array(2), 0, 1, error=ShapeError, match=r"must have shape \(3,\)"),
        ErrorSample(array(2, 3), array(3), 0, 2, error=IndexError, match="index 2 is out of range"),
    ),
)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Copy a tensor with one entry of a dim replaced.

    Args:
        input: (...).
        src: of input's shape without the dim.
        dim: the dim.
        index: which entry; negative counts from the end.

    Returns:
        Tensor: of input's shape and dtype.

    Raises:
        IndexError: the entry is beyond the dim.
        ShapeError: src has another shape.
    """
    at = canonical_dim("select_scatter", dim, input.ndim)
    return _replaced("select_scatter", input, (slice(None),) * at + (index,), src)


@composite(
    samples=(
        Sample(array(4, 3), array(2, 3), 0, 1, 3),
        Sample(array(2, 5), array(2, 2), 1, 0, -1, 2),
        Sample(array(3), array(3)),
    ),
    errors=(
        ErrorSample(array(4), array(3), 0, 1, 3, error=ShapeError, match=r"must have shape \(2,\)"),
        ErrorSample(array(4), array(2), step=0, error=ValueError, match="step must be positive"),
    ),
    out=True,
)
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Copy a tensor with a slice of a dim replaced.

    Args:
        input: (...).
        src: of the slice's shape.
        dim: the dim.
        start: where the slice starts; the dim's start if None.
        end: where it ends; the dim's end if None.
        step: its step, at least 1.

    Returns:
        Tensor: of input's shape and dtype.

    Raises:
        ShapeError: src has another shape.
        ValueError: step is not positive.
    """
    at = canonical_dim("slice_scatter", dim, input.ndim)
    if step < 1:
        raise ValueError(f"slice_scatter: step must be positive, got {step}")
    key = (slice(None),) * at + (slice(start, end, step),)
    return _replaced("slice_scatter", input, key, src)


@composite(
    samples=(
        Sample(array(2, 3), array(2), (2,), (2,), 1),
        Sample(array(6), array(2, 2), (2, 2), (3, 1)),
    ),
    errors=(
        ErrorSample(array(6), array(3), (2,), (1,), error=ShapeError, match=r"shape \(2,\)"),
        ErrorSample(array(6), array(2), (2,), (6,), error=ShapeError, match="reaches element 6"),
    ),
)
def as_strided_scatter(
    input: Tensor, src: Tensor, size: object, stride: object, storage_offset: int | None = None
) -> Tensor:
    """Copy a tensor with the elements of an ``as_strided`` view replaced.

    Args:
        input: (...), its elements counted in order, as in a contiguous tensor.
        src: (*size).
        size: the view's shape.
        stride: how many elements apart neighbours are, for each dim; not negative.
        storage_offset: the element that comes first; 0 if None.

    Returns:
        Tensor: of input's shape and dtype. Which of several values for one element stays is not
        defined.

    Raises:
        ShapeError: the view leaves the tensor, or src has another shape.
    """
    lengths = shape_tuple("as_strided_scatter", size)
    steps = shape_tuple("as_strided_scatter", stride)
    places = strided_places(tuple(input.shape), lengths, steps, storage_offset or 0, input.device)
    if tuple(src.shape) != lengths:
        raise ShapeError(
            f"as_strided_scatter: src must have shape {lengths}, got {tuple(src.shape)}"
        )
    flat = _replaced(
        "as_strided_scatter",
        input.reshape((-1,)),
        (places.reshape((-1,)),),
        src.reshape((-1,)),
    )
    return flat.reshape(tuple(input.shape))


@composite(
    samples=(
        Sample(array(2, 3), booleans(2, 3), array(7)),
        Sample(array(2, 3), booleans(3), array(3, 2)),
        Sample(array(3), Draw((2, 3), 0, 2, kind="bool", fixed=True), array(6)),
    ),
    errors=(
        ErrorSample(
            array(2), Draw((2,), 1, 1, kind="int", fixed=True), array(2), error=DTypeError,
            match="boolean",
        ),
    ),
    inplace=True,
)  # fmt: skip
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Copy a tensor with the elements under a mask replaced, in order, by those of a source.

    Args:
        input: (...).
        mask: bool, broadcasts with input.
        source: at least as many elements as mask has true ones, of input's dtype.

    Returns:
        Tensor: of the common shape of input and mask.

    Raises:
        ShapeError: source has too few elements.
        DTypeError: mask is not bool, or source has another dtype.
    """
    from weft.ops.comparison import where
    from weft.ops.cumulative import cumsum

    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"masked_scatter: mask must be boolean, got {mask.dtype}")
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"masked_scatter: source must have input's dtype {input.dtype}, got {source.dtype}"
        )
    shape = broadcast_shapes("masked_scatter", tuple(input.shape), tuple(mask.shape))
    x, hit = broadcast_to(input, shape), broadcast_to(mask, shape)
    data = plain_data(hit)
    if data is not None and data.shape == shape and int(data.sum()) > source.numel():
        raise ShapeError(
            f"masked_scatter: source must have an element for each of the {int(data.sum())} true "
            f"ones of mask, got {source.numel()}"
        )
    if not source.numel():
        return x.clone()
    order = cumsum(hit.reshape((-1,)), 0) - 1
    places = order.clamp(min=0, max=source.numel() - 1)
    drawn: Tensor = picked(source.reshape((-1,)), places, dim=0)
    return where(hit, drawn.reshape(shape), x)
