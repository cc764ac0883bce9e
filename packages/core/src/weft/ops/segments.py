"""Reducing consecutive segments of a dim."""

from __future__ import annotations

import math

from weft._backend.libraries import is_array, on_host
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.comparison import eq, gt, lt, where
from weft.ops.creation import arange, full
from weft.ops.cumulative import cumsum
from weft.ops.differences import diff
from weft.ops.families.composite import composite
from weft.ops.joining import cat
from weft.ops.memory import copied
from weft.ops.scattering import scatter_reduce
from weft.ops.searching import found

#: What scatter_reduce calls each reduction, and the result over no element.
_REDUCTIONS = {
    "sum": ("sum", 0.0),
    "mean": ("sum", 0.0),
    "prod": ("prod", 1.0),
    "max": ("amax", -math.inf),
    "amax": ("amax", -math.inf),
    "min": ("amin", math.inf),
    "amin": ("amin", math.inf),
}


def _bounds(
    data: Tensor, lengths: Tensor | None, offsets: Tensor | None, axis: int, unsafe: bool
) -> tuple[Tensor, Tensor]:
    """Return where the segments begin and end, (..., k + 1), and their lengths, (..., k)."""
    given, name = (lengths, "lengths") if lengths is not None else (offsets, "offsets")
    if given is None:
        raise ValueError("segment_reduce: expected lengths= or offsets=, which tell the segments")
    if given.dtype.category != 1:
        raise DTypeError(f"segment_reduce: {name} must be of integers, got {given.dtype}")
    lead = tuple(data.shape[:axis])
    if given.ndim != axis + 1 or tuple(given.shape[:-1]) != lead:
        raise ShapeError(
            f"segment_reduce: {name} must have shape {(*lead, 'k')}, data's dims before axis "
            f"{axis} and then the segments, got {tuple(given.shape)}"
        )
    if lengths is None:
        if not given.shape[-1]:
            raise ShapeError("segment_reduce: offsets must begin with where the first begins")
        return given, diff(given)
    known = on_host(given._data)
    if not unsafe and is_array(known):
        if (known < 0).any():
            raise ValueError(f"segment_reduce: lengths must not be negative, got {given.tolist()}")
        wrong = known.sum(-1) != data.shape[axis]
        if wrong.any():
            raise ValueError(
                f"segment_reduce: lengths must sum to {data.shape[axis]}, data's length along axis "
                f"{axis}, got {given.tolist()}; unsafe=True leaves the rest out"
            )
    ends = cumsum(given, -1)
    start = full((*lead, 1), 0, dtype=ends.dtype, device=ends.device)
    return cat([start, ends], -1), given


@composite(
    samples=(
        *(
            Sample(array(7, low=0.3), way, lengths=integers(3, high=3), unsafe=True)
            for way in ("sum", "prod")
        ),
        *(
            Sample(array(4, 2, distinct=True), way, lengths=integers(4, low=1, high=2))
            for way in ("mean", "max", "min")
        ),
        Sample(array(2, 6, 2, distinct=True), "max", lengths=integers(2, 1, low=6, high=7), axis=1),
        Sample(
            array(2, 6), "mean", lengths=integers(2, 3, high=3), axis=-1, unsafe=True, initial=2
        ),
        Sample(array(5), "sum", offsets=integers(1, high=5)),
        Sample(array(5, distinct=True), "min", lengths=integers(1, low=5, high=6), initial=0.1),
        Sample(array(5, low=0.3), "prod", lengths=integers(1, low=5, high=6), initial=2.0),
    ),
    errors=(
        ErrorSample(array(3), "sum", error=ValueError, match="lengths= or offsets="),
        ErrorSample(array(3), "any", lengths=integers(1), error=ValueError, match="got 'any'"),
        ErrorSample(
            array(3), "sum", lengths=integers(1, high=1), error=ValueError, match="must sum to 3"
        ),
        ErrorSample(
            array(3), "sum", lengths=integers(1, low=-3, high=0), error=ValueError, match="negative"
        ),
        ErrorSample(array(3), "sum", lengths=array(1), error=DTypeError, match="of integers"),
        ErrorSample(
            array(3, 2), "sum", lengths=integers(1), axis=1, error=ShapeError, match=r"\(3, 'k'\)"
        ),
        ErrorSample(integers(3), "sum", lengths=integers(1), error=DTypeError, match="floating"),
        ErrorSample(array(3), "sum", lengths=integers(1), axis=1, error=IndexError, match="dim 1"),
        ErrorSample(
            array(3), "sum", indices=integers(3), error=NotImplementedError, match="indices"
        ),
    ),
    methods=(),
)
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """Reduce each of the segments into which a dim is cut.

    Args:
        data: (..., n, ...), floating.
        reduce: ``"sum"``, ``"mean"``, ``"prod"``, ``"max"`` or ``"min"``.
        lengths: (..., k), integers: the segments' lengths, with data's dims before axis.
        indices: not taken, as in PyTorch; use ``scatter_reduce``.
        offsets: (..., k + 1), integers: where each segment begins and the last ends, used where
            lengths is not given.
        axis: the dim that is cut.
        unsafe: whether lengths are taken as they are, rather than checked to sum to n.
        initial: what each segment starts with; without it 0 for a sum, 1 for a product, -inf for
            the largest and inf for the smallest.

    Returns:
        Tensor: (..., k, ...). The mean of an empty segment is initial, or NaN without it. Equal
        extremes share the gradient evenly.

    Raises:
        ValueError: reduce is none of these, no segments are given, or lengths do not sum to n.
        ShapeError: lengths or offsets do not fit data.
        DTypeError: data is not floating, or lengths or offsets are no integers.
        IndexError: axis is out of range.
        NotImplementedError: indices are given.
    """
    if reduce not in _REDUCTIONS:
        raise ValueError(
            f"segment_reduce: reduce must be 'sum', 'mean', 'prod', 'max' or 'min', got {reduce!r}"
        )
    if indices is not None:
        raise NotImplementedError(
            "segment_reduce: indices are not taken, as in PyTorch; use scatter_reduce for segments "
            "that are not consecutive"
        )
    if not data.dtype.is_floating_point:
        raise DTypeError(f"segment_reduce: expected a floating tensor, got {data.dtype}")
    at = canonical_dim("segment_reduce", axis, data.ndim)
    bounds, counts = _bounds(data, lengths, offsets, at, unsafe)
    length, segments = data.shape[at], bounds.shape[-1] - 1
    lead, rest = tuple(data.shape[:at]), tuple(data.shape[at + 1 :])
    numbers = broadcast_to(arange(length, device=data.device), (*lead, length))
    # what lies before the first segment or behind the last goes to one more, which is cut off
    place = found(bounds, numbers.to(bounds.dtype), None, right=True) - 1
    place = where(lt(place, 0), segments, place)
    index = broadcast_to(place.reshape((*lead, length, *(1,) * len(rest))), tuple(data.shape))
    name, identity = _REDUCTIONS[reduce]
    start = identity if initial is None else float(initial)
    shape = (*lead, segments + 1, *rest)
    base = full(shape, start, dtype=data.dtype, device=data.device)
    extreme = name in ("amax", "amin")
    # an extreme that equals the start gets the whole gradient: the start takes no part in it
    out = scatter_reduce(base, at, index, data, name, include_self=not extreme)
    out = copied(out.narrow(at, 0, segments))
    if extreme and initial is not None:
        worse = lt(out, start) if name == "amax" else gt(out, start)
        out = where(worse, start, out)
    if reduce == "mean":
        number = counts.reshape((*lead, segments, *(1,) * len(rest)))
        none = eq(number, 0)
        mean = out / where(none, 1, number)
        out = mean if initial is not None else where(none, math.nan, mean)
    return out
