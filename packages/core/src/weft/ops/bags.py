"""Rows of a table joined in bags: their sum, mean or largest."""

from __future__ import annotations

from weft._backend.libraries import is_array, on_host
from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError, did_you_mean
from weft._core.modes import no_grad
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.creation import arange, zeros
from weft.ops.families.composite import composite
from weft.ops.gathering import picked
from weft.ops.index_writes import index_add
from weft.ops.lookup import embedding_renorm_, rows_of
from weft.ops.scattering import scatter_add

MODES = ("sum", "mean", "max")


def _spread(x: Tensor, width: int) -> Tensor:
    """Return (n,) as (n, width)."""
    return x.unsqueeze(1).expand((x.shape[0], width))


def _bag_of_each(offsets: Tensor, count: int) -> Tensor:
    """Return for each of ``count`` elements the number of the bag it lies in."""
    data = on_host(offsets._data)
    if is_array(data) and data.size:
        if data[0] != 0:
            raise ValueError(f"embedding_bag: offsets must begin with 0, got {data[0]}")
        if (data[1:] < data[:-1]).any() or data[-1] > count:
            raise ValueError(
                f"embedding_bag: offsets must rise, up to the number of indices {count}; got "
                f"{data.tolist()}"
            )
    begins = scatter_add(
        zeros(count + 1, dtype=dtypes.int64, device=offsets.device),
        0,
        offsets,
        (offsets * 0 + 1).to(dtypes.int64),
    )
    return begins.cumsum(0).narrow(0, 0, count) - 1


def bagged(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Tensor | None,
    include_last_offset: bool,
    padding_idx: int | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the bags, each element's bag, the bags' sizes, and the rows of the largest."""
    name = "embedding_bag"
    for what, x in (("indices", indices), ("offsets", offsets)):
        if x.ndim != 1:
            raise ShapeError(f"{name}: {what} must have one dim, got shape {tuple(x.shape)}")
        if x.dtype.category != 1:
            raise DTypeError(f"{name}: {what} must be integer, got {x.dtype}")
    if per_sample_weights is not None and mode != 0:
        raise ValueError(f"{name}: per_sample_weights go with mode 'sum', not {MODES[mode]!r}")
    if scale_grad_by_freq and mode == 2:
        raise ValueError(f"{name}: scale_grad_by_freq does not go with mode 'max'")
    rows = rows_of(name, indices, weight, padding_idx, scale_grad_by_freq, sparse)
    bags = offsets.shape[0] - (1 if include_last_offset else 0)
    if bags < 0:
        raise ShapeError(f"{name}: include_last_offset needs at least one offset")
    count, width = rows.shape
    begins = offsets.narrow(0, 0, bags).to(dtypes.int64)
    bag = _bag_of_each(begins, count)
    # padding goes to a bag of its own, behind the others
    counted = bag
    if padding_idx is not None:
        counted = where(indices == padding_idx % weight.shape[0], bags, bag)
    ones = (counted * 0 + 1).to(dtypes.int64)
    sizes = scatter_add(
        zeros(bags + 1, dtype=dtypes.int64, device=bag.device), 0, counted, ones
    ).narrow(0, 0, bags)
    if mode == 2:
        out, largest = _largest(rows, indices, counted, sizes)
        return out, bag, sizes, largest
    if per_sample_weights is not None:
        if tuple(per_sample_weights.shape) != (count,):
            raise ShapeError(
                f"{name}: per_sample_weights must have the indices' shape {(count,)}, got "
                f"{tuple(per_sample_weights.shape)}"
            )
        rows = rows * per_sample_weights.unsqueeze(1)
    nothing = zeros((bags + 1, width), dtype=rows.dtype, device=rows.device)
    total = index_add(nothing, 0, counted, rows).narrow(0, 0, bags)
    if mode == 1:
        total = total / sizes.clamp(min=1).to(total.dtype).unsqueeze(1)
    return total, bag, sizes, sizes


def _largest(rows: Tensor, indices: Tensor, bag: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest of each bag and feature, and the number of its row; 0 of empty bags."""
    count, width = rows.shape
    shape = (sizes.shape[0], width)
    if not count:  # a sum of nothing, which keeps the table in the graph
        return rows.sum(0, keepdim=True).expand(shape), zeros(
            shape, dtype=dtypes.int64, device=rows.device
        )
    # by value from the largest down, then stably by bag: each bag begins with its largest
    falling = rows.detach().argsort(0, True, stable=True)
    by_bag = picked(_spread(bag, width), falling, dim=0).argsort(0, stable=True)
    order = picked(falling, by_bag, dim=0)
    first = (sizes.cumsum(0) - sizes).clamp(max=count - 1)
    places = picked(order, _spread(first, width), dim=0)
    empty = _spread(sizes == 0, width)
    numbers = picked(_spread(indices.to(dtypes.int64), width), places, dim=0)
    return where(empty, 0.0, picked(rows, places, dim=0)), where(empty, 0, numbers)


_OFFSETS = integers(1, low=0, high=1)


@composite(
    samples=(
        Sample(integers(3, 2, low=0, high=5), array(5, 2)),
        Sample(integers(3, 2, high=5), array(5, 2), mode="sum", per_sample_weights=array(3, 2)),
        Sample(integers(3, 2, low=0, high=5), array(5, 2, distinct=True), mode="max"),
        Sample(integers(4, low=0, high=5), array(5, 2), _OFFSETS, mode="sum", padding_idx=-2),
        Sample(integers(0, 2, low=0, high=5), array(5, 2)),
    ),
    errors=(
        ErrorSample(integers(3, 2), array(10, 2), _OFFSETS, error=ValueError, match="offsets"),
        ErrorSample(integers(3), array(10, 2), error=ValueError, match="offsets"),
        ErrorSample(integers(3, 2), array(10, 2), mode="men", error=ValueError, match="'mean'"),
        ErrorSample(
            integers(3, 2), array(10, 2), mode="sum", per_sample_weights=array(6), error=ShapeError,
            match="input's shape",
        ),
    ),
    namespaces=catalogue.FUNCTIONAL,
)  # fmt: skip
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of a table joined in bags: their sum, mean or largest.

    Args:
        input: int64 row numbers: (bags, n), each row a bag; or (n,), one bag after the other.
        weight: (rows, features).
        offsets: (bags,), int64, where in input of one dim each bag begins.
        max_norm: rows that are longer are shortened to it, in place, before they are read.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was read.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: refused; gradients are dense.
        per_sample_weights: of input's shape, a factor for each row read; for sums only.
        include_last_offset: whether offsets ends with n, where no bag begins.
        padding_idx: a row that counts in no bag; negative counts from the end.

    Returns:
        Tensor: (bags, features); 0 for an empty bag.

    Raises:
        ShapeError: a shape does not fit.
        DTypeError: numbers are not integer.
        IndexError: a number is not of a row.
        ValueError: a setting is out of range, or offsets are given or missing.
    """
    name = "embedding_bag"
    if mode not in MODES:
        raise ValueError(
            f"{name}: mode must be one of {', '.join(MODES)}, got {mode!r}"
            f"{did_you_mean(mode, MODES)}"
        )
    if input.ndim not in (1, 2):
        raise ShapeError(f"{name}: input must have one or two dims, got {tuple(input.shape)}")
    if (input.ndim == 1) != (offsets is not None):
        raise ValueError(
            f"{name}: offsets go with input of one dim, and only there; got input.shape == "
            f"{tuple(input.shape)} and offsets={offsets}"
        )
    if per_sample_weights is not None:
        if tuple(per_sample_weights.shape) != tuple(input.shape):
            raise ShapeError(
                f"{name}: per_sample_weights must have input's shape {tuple(input.shape)}, got "
                f"{tuple(per_sample_weights.shape)}"
            )
        per_sample_weights = per_sample_weights.reshape((input.numel(),))
    indices = input.reshape((input.numel(),))
    if offsets is None:
        offsets = arange(input.shape[0], device=input.device) * input.shape[1]
        include_last_offset = False
    if max_norm is not None:
        with no_grad():
            embedding_renorm_(weight.detach(), indices, max_norm, norm_type)
    return bagged(
        weight, indices, offsets, scale_grad_by_freq, MODES.index(mode), sparse,
        per_sample_weights, include_last_offset, padding_idx,
    )[0]  # fmt: skip
