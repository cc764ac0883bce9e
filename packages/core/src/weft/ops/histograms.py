"""Counting elements by their value: bincount and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from weft._backend.libraries import is_array
from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.bounds import clamp
from weft.ops.comparison import eq, ge, le, where
from weft.ops.creation import arange, full, ones_like
from weft.ops.extremes import amax, amin
from weft.ops.families.composite import composite
from weft.ops.gathering import scatter_into_zeros
from weft.ops.joining import narrow
from weft.ops.logic import logical_and
from weft.ops.reductions import sum
from weft.ops.searching import found


def _tally(places: Tensor, weights: Tensor, length: int) -> Tensor:
    """Add weights at places into zeros, all 1-d."""
    return scatter_into_zeros(weights, places, dim=0, length=length, shape=(length,))


@composite(
    samples=(
        Sample(integers(8, high=5)),
        Sample(integers(8, high=5), array(8), 9),
        Sample(integers(8, high=5), integers(8)),
        Sample(integers(0), minlength=2),
    ),
    errors=(
        ErrorSample(integers(2, 2), error=ShapeError, match="1-d"),
        ErrorSample(integers(2, low=-3, high=0), error=ValueError, match="not be negative"),
        ErrorSample(array(2), error=DTypeError, match="integer tensor"),
        ErrorSample(integers(2), minlength=-1, error=ValueError, match="minlength"),
        ErrorSample(integers(2), array(3), error=ShapeError, match="weights"),
    ),
)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Number of times each of 0, 1, 2, ... occurs, or the sum of the weights of its places.

    Args:
        input: (n,), integer, none negative.
        weights: (n,); 1 each if None.
        minlength: the least length of the result.

    Returns:
        Tensor: (max(largest + 1, minlength),); int64, with weights float32 if they are, else
        float64.

    Raises:
        ShapeError: input is not 1-d, or weights differs in shape.
        DTypeError: input is not of integers.
        ValueError: an element or minlength is negative.
    """
    if input.dtype.category != 1:
        raise DTypeError(f"bincount: expected an integer tensor, got {input.dtype}")
    if input.ndim != 1:
        raise ShapeError(f"bincount: expected a 1-d tensor, got shape {tuple(input.shape)}")
    if minlength < 0:
        raise ValueError(f"bincount: minlength must not be negative, got {minlength}")
    length = minlength
    if input.shape[0]:
        least = int(amin(input).item())
        if least < 0:
            raise ValueError(f"bincount: elements must not be negative, got {least}")
        length = max(minlength, int(amax(input).item()) + 1)
    places = input.to(dtypes.int64)
    if weights is None:
        return _tally(places, ones_like(places), length)
    if tuple(weights.shape) != tuple(input.shape):
        raise ShapeError(
            f"bincount: weights must have input's shape {tuple(input.shape)}, got "
            f"{tuple(weights.shape)}"
        )
    own = dtypes.float32 if weights.dtype is dtypes.float32 else dtypes.float64
    return _tally(places, weights.to(own), length)


# --- bins of values ----------------------------------------------------------------------------


class Histogram(NamedTuple):
    """Counts, and the edges of the bins."""

    hist: Tensor
    bin_edges: Tensor


class HistogramDD(NamedTuple):
    """Counts over several dims, and the edges of the bins in each."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def _floating(name: str, input: Tensor) -> None:
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{name}: expected a floating tensor, got {input.dtype}")


def _ends(
    name: str, x: Tensor, low: Any, high: Any, *, given: bool, margin: float
) -> tuple[Tensor, Tensor]:
    """Return the outermost edges as tensors: those given, or the least and largest element."""
    if not given and x._data.size:
        ends = amin(x), amax(x)
    else:
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"{name}: the range must be finite, got {low!r} to {high!r}")
        if low > high:
            raise ValueError(
                f"{name}: the range must not end below its start; got {low!r}, {high!r}"
            )
        ends = (
            full((), float(low), dtype=x.dtype, device=x.device),
            full((), float(high), dtype=x.dtype, device=x.device),
        )
    if is_array(ends[0]._data):
        seen = ends[0].item(), ends[1].item()
        if not all(map(math.isfinite, seen)):
            raise ValueError(
                f"{name}: the elements reach from {seen[0]} to {seen[1]}, which is no finite "
                f"range; pass one, or remove what is not finite"
            )
    flat = eq(ends[0], ends[1])
    return where(flat, ends[0] - margin, ends[0]), where(flat, ends[1] + margin, ends[1])


@composite(
    samples=(
        Sample(array(9, fixed=True), 4, -0.5, 0.75),
        Sample(array(3, 4, fixed=True), bins=5),
        Sample(array(fixed=True), 3),
        Sample(array(0, fixed=True), 3),
    ),
    errors=(
        ErrorSample(integers(3), error=DTypeError, match="floating tensor"),
        ErrorSample(array(3), 0, error=ValueError, match="bins must be positive"),
        ErrorSample(array(3), 3, 2, 1, error=ValueError, match="not end below"),
        ErrorSample(array(3), 3, 0, math.inf, error=ValueError, match="must be finite"),
    ),
    not_differentiable="it counts",
    out=True,
)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Number of elements in each of several bins of equal width.

    Args:
        input: (...), floating.
        bins: how many bins.
        min: where the first begins.
        max: where the last ends, itself included; if min equals max, the least and the largest
            element are taken (and, where those are equal, 1 below and 1 above).

    Returns:
        Tensor: (bins,), of input's dtype. Elements outside, and NaN, are not counted.

    Raises:
        DTypeError: input is not floating.
        ValueError: bins is not positive, or the range falls or is not finite.
    """
    _floating("histc", input)
    if bins < 1:
        raise ValueError(f"histc: bins must be positive, got {bins}")
    x = input.detach().reshape(-1)
    low, high = _ends("histc", x, min, max, given=min != max, margin=1.0)
    inside = logical_and(ge(x, low), le(x, high))
    at = where(inside, (x - low) * bins / (high - low), 0.0).to(dtypes.int64)
    return _tally(clamp(at, max=bins - 1), inside.to(x.dtype), bins)


def _edges(name: str, x: Tensor, bins: Any, low: Any, high: Any, given: bool) -> Tensor:
    """Return the edges of the bins of one dim."""
    if isinstance(bins, Tensor):
        if bins.ndim != 1 or not bins.shape[0]:
            raise ShapeError(
                f"{name}: bins given as a tensor must be 1-d with at least one edge, got shape "
                f"{tuple(bins.shape)}"
            )
        if bins.dtype is not x.dtype:
            raise DTypeError(f"{name}: bins must have input's dtype {x.dtype}, got {bins.dtype}")
        if bins.shape[0] < 2:
            raise ValueError(f"{name}: bins must be positive; one edge bounds none")
        return bins
    if isinstance(bins, bool) or not isinstance(bins, int):
        raise TypeError(f"{name}: bins must be an int or a tensor of edges, got {bins!r}")
    if bins < 1:
        raise ValueError(f"{name}: bins must be positive, got {bins}")
    first, last = _ends(name, x, low, high, given=given, margin=0.5)
    number = arange(bins + 1, dtype=x.dtype, device=x.device)
    step = (last - first) / bins
    # counted from the nearer end, so that both ends are exact
    return where(number < (bins + 1) // 2, first + step * number, last - step * (bins - number))


def _binned(
    name: str,
    x: Tensor,
    edges: Sequence[Tensor],
    weight: Tensor | None,
    shape: tuple[int, ...],
    density: bool,
) -> Tensor:
    """Count the rows of x, (n, d), in the boxes between edges."""
    if weight is not None and tuple(weight.shape) != shape:
        raise ShapeError(f"{name}: weight must have shape {shape}, got {tuple(weight.shape)}")
    if weight is not None and weight.dtype is not x.dtype:
        raise DTypeError(f"{name}: weight must have input's dtype {x.dtype}, got {weight.dtype}")
    amounts = ones_like(x[:, 0]) if weight is None else weight.reshape(-1)
    lengths = [edge.shape[0] - 1 for edge in edges]
    flat: Any = 0
    for d, edge in enumerate(edges):
        values = x[:, d]
        inside = logical_and(ge(values, edge[0]), le(values, edge[-1]))
        amounts = where(inside, amounts, 0.0)
        at = found(edge, values, None, right=True) - 1  # the last edge belongs to the last bin
        flat = flat * lengths[d] + clamp(at, min=0, max=lengths[d] - 1)
    counts = _tally(flat, amounts, math.prod(lengths)).reshape(tuple(lengths))
    if not density:
        return counts
    counts = counts / sum(counts)
    for d, edge in enumerate(edges):
        widths = narrow(edge, 0, 1, lengths[d]) - narrow(edge, 0, 0, lengths[d])
        counts = counts / widths.reshape((lengths[d], *(1,) * (len(edges) - 1 - d)))
    return counts


@composite(
    samples=(
        Sample(array(9, fixed=True), 4),
        Sample(array(3, 4, fixed=True), 4, range=(-0.5, 0.75)),
        Sample(array(9, fixed=True), 3, weight=array(9, low=0.2, fixed=True), density=True),
        Sample(array(9, fixed=True), array(4, distinct=True, fixed=True)),
        Sample(array(0, fixed=True), 2),
    ),
    errors=(
        ErrorSample(integers(3), 2, error=DTypeError, match="floating tensor"),
        ErrorSample(array(3), 0, error=ValueError, match="bins must be positive"),
        ErrorSample(array(3), 2, range=(1.0, 0.0), error=ValueError, match="not end below"),
        ErrorSample(array(3), 2, weight=array(2), error=ShapeError, match="weight must have"),
        ErrorSample(array(3), array(2, 2), error=ShapeError, match="1-d"),
    ),
    out=True,
)
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """Number of elements in each bin, or the sum of their weights.

    Args:
        input: (...), floating.
        bins: how many bins of equal width, or their edges, (k + 1,), rising.
        range: where the first of the bins of equal width begins and the last ends; the least and
            the largest element if None (0 to 1 without elements, and half a unit to each side
            where they are equal).
        weight: of input's shape and dtype; 1 each if None.
        density: whether to divide by the sum and by the width of each bin.

    Returns:
        named tuple (hist, bin_edges): (k,) and (k + 1,), of input's dtype. Each bin includes its
        left edge, the last both. Elements outside, and NaN, are not counted.

    Raises:
        DTypeError: input is not floating, or edges or weight are of another dtype.
        ShapeError: edges are not 1-d, or weight has another shape.
        ValueError: there is no bin, or the range falls or is not finite.
    """
    _floating("histogram", input)
    x = input.detach().reshape(-1)
    low, high = (0.0, 1.0) if range is None else range
    edges = _edges("histogram", x, bins, low, high, range is not None)
    rows = x.reshape((-1, 1))
    counts = _binned("histogram", rows, (edges,), weight, tuple(input.shape), density)
    return Histogram(counts, edges)


@composite(
    samples=(
        Sample(array(9, 2, fixed=True), (3, 2)),
        Sample(array(3, 4, 3, fixed=True), 2),
        Sample(array(9, 2, fixed=True), (2, 3), range=(-0.5, 0.5, -1.0, 0.75)),
        Sample(array(9, 2, fixed=True), (3, 2), weight=array(9, low=0.2, fixed=True), density=True),
    ),
    errors=(
        ErrorSample(array(3), (2,), error=ShapeError, match="at least 2 dims"),
        ErrorSample(array(3, 2), (2,), error=ValueError, match="one for each of the 2"),
        ErrorSample(array(3, 2), 2, range=(0.0, 1.0), error=ValueError, match="4 numbers"),
    ),
    methods=(),
)
def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> HistogramDD:
    """Number of points in each box of a grid over several dims, or the sum of their weights.

    Args:
        input: (..., d), floating: points of d coordinates.
        bins: how many bins of equal width, one number for all coordinates or a sequence with one
            for each; or a sequence with the edges of each, 1-d and rising.
        range: 2 d numbers, where the bins of each coordinate begin and end; the least and the
            largest value of each if None.
        weight: (...), of input's dtype; 1 each if None.
        density: whether to divide by the sum and by the volume of each box.

    Returns:
        named tuple (hist, bin_edges): (k_1, ..., k_d), and a tuple of d tensors (k_i + 1,). Points
        outside, and those with a NaN, are not counted.

    Raises:
        DTypeError: input is not floating, or edges or weight are of another dtype.
        ShapeError: input has fewer than 2 dims, edges are not 1-d, or weight does not fit.
        ValueError: bins or range are too few, there is no bin, or the range falls.
    """
    _floating("histogramdd", input)
    if input.ndim < 2:
        raise ShapeError(
            f"histogramdd: input must have at least 2 dims (..., d), got {tuple(input.shape)}"
        )
    dims = input.shape[-1]
    each = list(bins) if isinstance(bins, (tuple, list)) else [bins] * dims
    if len(each) != dims:
        raise ValueError(
            f"histogramdd: bins must be one for each of the {dims} coordinates, got {len(each)}"
        )
    ends = [0.0, 1.0] * dims if range is None else list(range)
    if len(ends) != 2 * dims:
        raise ValueError(
            f"histogramdd: range must be {2 * dims} numbers, a start and an end for each of the "
            f"{dims} coordinates; got {len(ends)}"
        )
    x = input.detach().reshape((math.prod(input.shape[:-1]), dims))
    edges = tuple(
        _edges("histogramdd", x[:, d], each[d], ends[2 * d], ends[2 * d + 1], range is not None)
        for d, _ in enumerate(each)
    )
    shape = tuple(input.shape[:-1])
    return HistogramDD(_binned("histogramdd", x, edges, weight, shape, density), edges)
