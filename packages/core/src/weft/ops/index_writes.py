"""Writing whole entries of a dim, or single elements, by number: the ``index_*`` functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import Draw, ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import check_places, picked, plain_data
from weft.ops.index_keys import ARRAY
from weft.ops.overwriting import with_added, with_items
from weft.ops.scattering import reduced

_PLACES = Draw((2,), 0, 4, kind="places")


def checked_index(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[int, Tensor]:
    """Return the dim, and the index as one of one dim whose numbers are all in range."""
    at = canonical_dim(name, dim, input.ndim)
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{name}: index must be int64 or int32, got {index.dtype}")
    if index.ndim > 1:
        raise ShapeError(f"{name}: index must have one dim, got shape {tuple(index.shape)}")
    data = plain_data(index)
    if data is not None:
        check_places(name, data, input.shape[at] if input.ndim else 1, at)
    return at, index if index.ndim else index.reshape((1,))


def _source(name: str, input: Tensor, at: int, index: Tensor, source: Tensor) -> Tensor:
    """Check a source against the entries of a dim it is to be written to."""
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"{name}: source must have input's dtype {input.dtype}, got {source.dtype}; convert one"
        )
    shape = list(input.shape) or [1]
    shape[at] = index.shape[0]
    own = tuple(source.shape)
    if own != tuple(shape) and not (source.ndim == 0 and tuple(shape) == (1,)):
        raise ShapeError(
            f"{name}: source must have shape {tuple(shape)}: input's {tuple(input.shape)} with "
            f"{index.shape[0]} indices in dim {at}; got {own}"
        )
    return source.reshape(tuple(shape))


def _errors(*more: Any) -> tuple[ErrorSample, ...]:
    return (
        ErrorSample(
            array(2, 3), 0, integers(1, low=5, high=9), array(1, 3), *more, error=IndexError,
            match=r"index \d is out of range for dim 0 of length 2",
        ),
        ErrorSample(
            array(2, 3), 1, integers(1, high=3), array(2, 3), *more, error=ShapeError,
            match=r"must have shape \(2, 1\)",
        ),
        ErrorSample(array(2), 0, array(2), array(2), *more, error=DTypeError, match="int64"),
        ErrorSample(
            array(2), 0, integers(1, 1, high=2), array(1), *more, error=ShapeError, match="one dim"
        ),
    )  # fmt: skip


@composite(
    samples=(
        Sample(array(4, 3), 0, integers(2, high=4), array(2, 3)),
        Sample(array(3, 4), -1, integers(5, high=4), array(3, 5), alpha=2),
        Sample(array(4), 0, integers(0, high=4), array(0)),
    ),
    errors=_errors(),
    inplace=True,
    out=True,
)
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Add the entries of a source to the entries of a dim that an index names.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, (n,); one number may come several times.
        source: input's shape with n entries in dim, and input's dtype.
        alpha: what source is multiplied by.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: a number is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: source has another dtype.
    """
    at, places = checked_index("index_add", input, dim, index)
    own = _source("index_add", input, at, places, source)
    x = input if input.ndim else input.reshape((1,))
    if alpha != 1:
        own = (own * alpha).to(input.dtype)
    key = (*(slice(None),) * at, ARRAY)
    params = {"key": key, "shape": tuple(x.shape)}
    out: Tensor = x + apply(catalogue.ops["index_add_into_zeros"], (own, places), params)
    return out if input.ndim else out.reshape(())


@composite(
    samples=(
        Sample(array(4, 3), 0, _PLACES, array(2, 3)),
        Sample(array(3, 4), -1, _PLACES, array(3, 2)),
    ),
    errors=_errors(),
    inplace=True,
    out=True,
)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Overwrite the entries of a dim that an index names with those of a source.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, (n,).
        source: input's shape with n entries in dim, and input's dtype.

    Returns:
        Tensor: of input's shape. Which of several entries for one number stays is not defined.

    Raises:
        IndexError: a number is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: source has another dtype.
    """
    at, places = checked_index("index_copy", input, dim, index)
    own = _source("index_copy", input, at, places, source)
    x = input if input.ndim else input.reshape((1,))
    out = with_items(x, (*(slice(None),) * at, places), own)
    return out if input.ndim else out.reshape(())


@composite(
    samples=(
        Sample(array(4, 3), 0, integers(2, high=4), 1.5),
        Sample(array(3, 4), 1, integers(2, low=-4, high=4), array()),
    ),
    errors=(
        ErrorSample(
            array(4), 0, integers(2, low=4), 1, error=IndexError,
            match=r"index \d is out of range for dim 0 of length 4",
        ),
        ErrorSample(array(4), 0, integers(2), array(2), error=ShapeError, match="0-d"),
    ),
    inplace=True,
)  # fmt: skip
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Write one number into the entries of a dim that an index names.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, (n,); negative numbers count from the end, as in PyTorch.
        value: a number, or a 0-d tensor.

    Returns:
        Tensor: of input's shape and dtype.

    Raises:
        IndexError: a number is beyond the dim.
        ShapeError: value has dims.
    """
    at = canonical_dim("index_fill", dim, input.ndim)
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"index_fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}"
        )
    length = input.shape[at] if input.ndim else 1
    data = plain_data(index)
    if data is not None:
        check_places("index_fill", data + length * (data < 0), length, at)
    given = value if isinstance(value, Tensor) else input.new_full((), value)
    x = input if input.ndim else input.reshape((1,))
    out = with_items(x, (*(slice(None),) * at, index.reshape((-1,))), given.to(input.dtype))
    return out if input.ndim else out.reshape(())


@composite(
    samples=tuple(
        Sample(
            array(3, 4, low=0.5), 1, integers(6, high=4), array(3, 6, low=0.5), reduce,
            include_self=own,
        )
        for reduce in ("prod", "mean", "amax", "amin")
        for own in (True, False)
    ),
    errors=(
        *_errors("prod"),
        ErrorSample(
            array(2), 0, integers(1), array(1), "sum", error=ValueError, match="got 'sum'"
        ),
    ),
    inplace=True,
    out=True,
)  # fmt: skip
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Combine the entries of a source into the entries of a dim that an index names.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, (n,).
        source: input's shape with n entries in dim, and input's dtype.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``; for sums there is
            :func:`weft.index_add`.
        include_self: whether input's own elements take part.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: another reduction.
        IndexError: a number is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: source has another dtype.
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ValueError(
            f"index_reduce: reduce must be 'prod', 'mean', 'amax' or 'amin', got {reduce!r}"
        )
    at, places = checked_index("index_reduce", input, dim, index)
    own = _source("index_reduce", input, at, places, source)
    if not places.numel():
        return input.clone()
    x = input if input.ndim else input.reshape((1,))
    lead = (1,) * at + (places.shape[0],) + (1,) * (x.ndim - at - 1)
    out = reduced(x, at, places.reshape(lead).expand(own.shape), own, reduce, include_self)
    return out if input.ndim else out.reshape(())


@composite(
    samples=(
        Sample(array(4, 3), (_PLACES,), array(2, 3)),
        Sample(array(4, 3), (_PLACES, integers(2, high=3)), array()),
        Sample(array(4, 3), (integers(5, high=4), integers(5, high=3)), array(5), True),
    ),
    errors=(
        ErrorSample(array(4), (integers(1, low=4),), array(1), error=IndexError, match="of length"),
        ErrorSample(array(4), integers(1), array(1), error=TypeError, match="a tuple or list"),
        ErrorSample(array(4), (integers(2, high=4),), array(3), error=ShapeError, match="fit"),
    ),
    inplace=True,
)
def index_put(
    input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Write values at places given by index tensors, as ``x[i, j] = values`` does.

    Args:
        input: (...).
        indices: integer or boolean tensors, one for each of the first dims; None takes a whole dim.
        values: of input's dtype; broadcasts to the places.
        accumulate: whether to add instead of overwriting; then one place may come several times.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: an index is beyond its dim.
        ShapeError: values does not broadcast to the places.
        DTypeError: values has another dtype.
    """
    if isinstance(indices, Tensor) or not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"index_put: expected a tuple or list of index tensors, got {type(indices).__name__}"
        )
    if values.dtype is not input.dtype:
        raise DTypeError(
            f"index_put: values must have input's dtype {input.dtype}, got {values.dtype}"
        )
    key = tuple(slice(None) if part is None else part for part in indices)
    return (with_added if accumulate else with_items)(input, key, values)


@composite(
    samples=(
        Sample(array(3, 4), integers(2, 2, low=-12, high=12)),
        Sample(array(3, 4), integers(0)),
    ),
    errors=(
        ErrorSample(
            array(3), integers(2, low=3), error=IndexError, match="for a tensor of 3 elements"
        ),
        ErrorSample(array(3), array(2), error=DTypeError, match="integer"),
    ),
    out=True,
)
def take(input: Tensor, index: Tensor) -> Tensor:
    """Take elements by their number in the flattened tensor.

    Args:
        input: (...).
        index: int64, (...); negative numbers count from the end.

    Returns:
        Tensor: of index's shape.

    Raises:
        IndexError: a number is beyond the tensor.
    """
    places = _flat_places("take", input, index).reshape((-1,))
    out: Tensor = picked(input.reshape((-1,)), places, dim=0)
    return out.reshape(tuple(index.shape))


def _flat_places(name: str, input: Tensor, index: Tensor) -> Tensor:
    """Return numbers of flattened elements with negative ones counted from the end."""
    if index.dtype.category != 1:
        raise DTypeError(f"{name}: index must be an integer tensor, got {index.dtype}")
    count = input.numel()
    data = plain_data(index)
    if data is not None and data.size and (data.min() < -count or data.max() >= count):
        bad = data[(data < -count) | (data >= count)].flat[0]
        raise IndexError(f"{name}: index {bad} is out of range for a tensor of {count} elements")
    return index + (index < 0).to(index.dtype) * count


@composite(
    samples=(
        Sample(array(4, 3), Draw((2,), 0, 12, kind="places"), array(2)),
        Sample(array(4, 3), integers(2, 3, low=-12, high=12), array(3, 2), accumulate=True),
    ),
    errors=(
        ErrorSample(array(3), integers(1, low=3), array(1), error=IndexError, match="3 elements"),
        ErrorSample(array(3), integers(2, high=3), array(3), error=ShapeError, match="as many"),
    ),
    inplace=True,
)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Write elements by their number in the flattened tensor.

    Args:
        input: (...).
        index: int64, (...); negative numbers count from the end.
        source: as many elements as index, of input's dtype.
        accumulate: whether to add instead of overwriting; then one place may come several times.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: a number is beyond the tensor.
        ShapeError: source and index differ in their number of elements.
        DTypeError: source has another dtype.
    """
    if source.dtype is not input.dtype:
        raise DTypeError(f"put: source must have input's dtype {input.dtype}, got {source.dtype}")
    if source.numel() != index.numel():
        raise ShapeError(
            f"put: source must have as many elements as index, got {source.numel()} and "
            f"{index.numel()}"
        )
    places = _flat_places("put", input, index).reshape((-1,))
    written = with_added if accumulate else with_items
    flat = written(input.reshape((-1,)), (places,), source.reshape((-1,)))
    return flat.reshape(tuple(input.shape))
