"""Class numbers: one-hot vectors, and rows of a table."""

from __future__ import annotations

from weft._backend.libraries import is_array, on_host
from weft._core import catalogue, dtypes
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, ShapeError
from weft._core.modes import no_grad
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import check_places
from weft.ops.indexing import getitem


@composite(
    samples=(Sample(integers(4, low=0, high=3), 3), Sample(integers(2, low=0, high=3))),
    namespaces=catalogue.FUNCTIONAL,
    not_differentiable="its argument is a class number",
)
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 in the place of each class, 0 elsewhere.

    Args:
        input: (...), int64 class numbers.
        num_classes: how many classes; -1 takes one more than the largest number.

    Returns:
        Tensor: (..., num_classes), int64.

    Raises:
        IndexError: a class number is negative or too large.
    """
    from weft.ops.creation import arange
    from weft.ops.gathering import plain_data

    if num_classes == -1 and isinstance(input._data, Boxed):
        data = input._data.read("one_hot without num_classes")
    else:
        data = plain_data(input)
    if num_classes == -1 and data is None:
        raise RuntimeError(
            "one_hot: the number of classes is read from the data, which a tensor on the meta "
            "device has not; pass num_classes"
        )
    count = int(data.max()) + 1 if num_classes == -1 else num_classes
    if data is not None:
        check_places("one_hot", data, count)
    return (input.unsqueeze(-1) == arange(count, device=input.device)).to(dtypes.int64)


_ABOVE_NORM = 1e-7  # PyTorch's: keeps a shortened row just below the limit


def _shortened(rows: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Return rows with those that are too long scaled down to the limit."""
    lengths = rows.norm(norm_type, -1, True)
    short = rows * (max_norm / (lengths + _ABOVE_NORM))
    return short.where(lengths > max_norm, rows)


def _renormed(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    with no_grad():
        numbers = input.reshape((input.numel(),))
        if not numbers.shape[0]:
            return
        table = weight.detach()
        # a row that is read twice is written twice with the same values
        table[numbers] = _shortened(getitem(table, numbers), max_norm, norm_type)


def _check_rows(name: str, input: Tensor, weight: Tensor) -> None:
    if input.dtype.category != 1:
        raise DTypeError(f"{name}: row numbers must be integer, got {input.dtype}")
    if weight.ndim != 2:
        raise ShapeError(
            f"{name}: weight must be (rows, features), got shape {tuple(weight.shape)}"
        )
    if is_array(input._data):
        check_places(name, on_host(input._data), weight.shape[0])


def rows_of(
    name: str,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None,
    scale_grad_by_freq: bool,
    sparse: bool,
) -> Tensor:
    """Return the rows of a table, everything checked."""
    from weft.ops.comparison import where

    if sparse:
        raise ValueError(
            f"{name}: sparse=True is not supported, weft has no sparse gradients; leave it out "
            f"for the same result with a dense gradient"
        )
    _check_rows(name, input, weight)
    count = weight.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ValueError(
                f"{name}: padding_idx must lie within the {count} rows, got {padding_idx}"
            )
        padding_idx %= count
    out = getitem(weight, input)
    if not input.ndim:  # one row would be a view of the table
        out = out.clone()
    if scale_grad_by_freq and weight.dtype.category > 1:
        from weft.ops.creation import zeros
        from weft.ops.scattering import scatter_add

        flat = input.reshape((input.numel(),))
        ones = (flat * 0 + 1).to(weight.dtype)
        counts = scatter_add(zeros(count, dtype=weight.dtype, device=weight.device), 0, flat, ones)
        per_row = getitem(counts, input).unsqueeze(-1)
        # the value stays as it is; only the gradient is divided
        out = out.detach() + (out - out.detach()) / per_row
    if padding_idx is None:
        return out
    return where((input == padding_idx).unsqueeze(-1), out.detach(), out)


_ROW_ERRORS = (
    ErrorSample(array(2), array(3, 2), error=DTypeError, match="integer"),
    ErrorSample(integers(2, low=7), array(3, 2), error=IndexError, match="of length 3"),
    ErrorSample(integers(2, high=3), array(3), error=ShapeError, match="rows, features"),
    ErrorSample(integers(2, high=3), array(3, 2), 3, error=ValueError, match="within the 3 rows"),
)


@composite(
    samples=(
        Sample(integers(2, 3, low=0, high=4), array(4, 2)),
        Sample(integers(3, low=0, high=4), array(4, 2), padding_idx=1),
        Sample(integers(5, low=0, high=3), array(3, 2), -1, scale_grad_by_freq=True),
        Sample(integers(low=0, high=4), array(4, 2)),
    ),
    namespaces=catalogue.FUNCTIONAL,
    errors=_ROW_ERRORS,
)
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table, by number.

    Args:
        input: (...), int64 row numbers.
        weight: (rows, features).
        padding_idx: a row that gets no gradient; negative counts from the end.
        max_norm: rows that are longer are shortened to it, in place, before they are read.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was read.
        sparse: refused; gradients are dense.

    Returns:
        Tensor: (..., features).

    Raises:
        DTypeError: input is not integer.
        IndexError: a number is not of a row.
        ShapeError: weight is no table.
        ValueError: padding_idx is no row, or sparse is asked for.
    """
    if max_norm is not None:
        _check_rows("embedding", input, weight)
        _renormed(weight, input, max_norm, norm_type)
    return rows_of("embedding", input, weight, padding_idx, scale_grad_by_freq, sparse)


@composite(
    samples=(
        Sample(array(4, 3), integers(2, 3, low=0, high=4), 0.5, 2.0),
        Sample(array(4, 3), integers(3, low=0, high=4), 0.7, 1.0),
    ),
    errors=(
        ErrorSample(array(3, 2), array(2), 1.0, 2.0, error=DTypeError, match="integer"),
        ErrorSample(array(3, 2), integers(2, low=7), 1.0, 2.0, error=IndexError, match="length 3"),
    ),
    methods=(),
    not_differentiable="it writes into the table",
)
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shorten the rows of a table that are named and too long, in place.

    Args:
        input: (rows, features), the table.
        indices: (...), int64 row numbers.
        max_norm: the largest length.
        norm_type: the p of the norm.

    Returns:
        Tensor: the table itself.

    Raises:
        DTypeError: the numbers are not integer.
        IndexError: a number is not of a row.
    """
    _check_rows("embedding_renorm_", indices, input)
    _renormed(input, indices, max_norm, norm_type)
    return input
