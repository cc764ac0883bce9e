"""Quantiles: the values at given ranks among the elements."""

from __future__ import annotations

from typing import Any

from weft._backend.libraries import is_array, on_host
from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.bounds import clamp
from weft.ops.comparison import lt, ne, where
from weft.ops.creation import full
from weft.ops.families.composite import composite
from weft.ops.gathering import picked
from weft.ops.logic import logical_not
from weft.ops.reductions import sum
from weft.ops.rounding import ceil, floor, round
from weft.ops.sorting import sort
from weft.ops.truths import any

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _ranks(name: str, input: Tensor, q: Any) -> Tensor:
    """Return q as a tensor of input's dtype, its values in [0, 1] where they can be seen."""
    if isinstance(q, Tensor):
        if q.ndim > 1:
            raise ShapeError(
                f"{name}: q must be a number or a tensor of at most one dim, got shape "
                f"{tuple(q.shape)}"
            )
        if q.dtype is not input.dtype:
            raise DTypeError(f"{name}: q must have input's dtype {input.dtype}, got {q.dtype}")
        data = on_host(q._data)
        if is_array(data) and data.size and not ((data >= 0) & (data <= 1)).all():
            raise ValueError(f"{name}: q must be in [0, 1], got {q.tolist()}")
        return q
    if not 0 <= q <= 1:
        raise ValueError(f"{name}: q must be in [0, 1], got {q!r}")
    return full((), float(q), dtype=input.dtype, device=input.device)


def _between(low: Tensor, high: Tensor, weight: Any) -> Any:
    """Interpolate from the nearer side, so that weight 1 gives exactly the higher value."""
    gap = high - low
    if not isinstance(weight, Tensor):
        return high - gap * (1 - weight)
    return where(lt(weight, 0.5), low + gap * weight, high - gap * (1 - weight))


def _quantile(
    name: str, input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{name}: expected a floating tensor, got {input.dtype}")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"{name}: interpolation must be one of {', '.join(_INTERPOLATIONS)}, got "
            f"{interpolation!r}"
        )
    at = None if dim is None else canonical_dim(name, dim, input.ndim)
    if not input._data.size:
        raise IndexError(f"{name}: input of shape {tuple(input.shape)} has no element")
    wanted = _ranks(name, input, q)
    own = input.dtype
    if own.itemsize == 2:  # ranks beyond 2048 are no half-precision numbers
        wide = _quantile(name, input.float(), wanted.float(), dim, keepdim, interpolation, skip_nan)
        return wide.to(own)
    x = input.reshape(-1) if at is None or not input.ndim else input.movedim(at, -1)
    length = x.shape[-1]
    ordered = sort(x, -1).values
    nan = ne(ordered, ordered)
    points = wanted.reshape(-1)
    if skip_nan:
        count = sum(logical_not(nan), -1, True).to(own)
        ranks = points * clamp(count - 1, min=0)
    else:  # NaN comes last: the last rank is where it is, if there is one
        ranks = where(any(nan, -1, True), float(length - 1), points * (length - 1))
    if interpolation in ("lower", "higher", "nearest"):
        chosen = {"lower": floor, "higher": ceil, "nearest": round}[interpolation](ranks)
        out = picked(ordered, chosen.to(dtypes.int64), dim=ordered.ndim - 1)
    else:
        below = floor(ranks)
        low = picked(ordered, below.to(dtypes.int64), dim=ordered.ndim - 1)
        high = picked(ordered, ceil(ranks).to(dtypes.int64), dim=ordered.ndim - 1)
        out = _between(low, high, 0.5 if interpolation == "midpoint" else ranks - below)
    if keepdim and input.ndim:
        kept = (1 if at is None or d == at else n for d, n in enumerate(input.shape))
        out = out.movedim(-1, 0).reshape((points.shape[0], *kept))
    else:
        out = out.movedim(-1, 0)
    return out if wanted.ndim else out.squeeze(0)


def _samples() -> tuple[Sample, ...]:
    return (
        Sample(array(3, 5, distinct=True), 0.3),
        Sample(array(3, 5, distinct=True), 0.6, 1),
        Sample(array(3, 5, distinct=True), 0.7, dim=-2, keepdim=True),
        Sample(array(3, 4, distinct=True), array(2, low=0.37, high=0.63), 1),
        Sample(array(4, distinct=True), array(2, low=0.37, high=0.63), keepdim=True),
        Sample(array(), 0.5),
        *(Sample(array(3, 5, distinct=True), 0.3, 1, interpolation=way) for way in _INTERPOLATIONS),
    )


_QUANTILE_ERRORS = (
    ErrorSample(array(3), 1.5, error=ValueError, match=r"q must be in \[0, 1\], got 1.5"),
    ErrorSample(array(3), array(2, low=2, high=3), error=ValueError, match="q must be in"),
    ErrorSample(array(3), array(2, 2), error=ShapeError, match="at most one dim"),
    ErrorSample(integers(3), 0.5, error=DTypeError, match="floating tensor, got weft.int64"),
    ErrorSample(array(0), 0.5, error=IndexError, match="has no element"),
    ErrorSample(array(3), 0.5, 1, error=IndexError, match="dim 1 is out of range"),
    ErrorSample(array(3), 0.5, interpolation="cubic", error=ValueError, match="got 'cubic'"),
)


@composite(samples=_samples(), errors=_QUANTILE_ERRORS, out=True)
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of all elements, or of those along a dim: the values at ranks q (n - 1).

    Args:
        input: (...), floating.
        q: a number in [0, 1], or a tensor of such, () or (k,), of input's dtype.
        dim: the dim; None for all elements.
        keepdim: whether the dim stays, with length 1.
        interpolation: what is taken between two ranks: ``"linear"``, ``"lower"``, ``"higher"``,
            ``"midpoint"`` or ``"nearest"`` (of two equally near the even one).

    Returns:
        Tensor: without that dim, and with k first if q has a dim. NaN where an element is NaN.

    Raises:
        ValueError: q leaves [0, 1], or there is no such interpolation.
        ShapeError: q has several dims.
        DTypeError: input is not floating, or q is of another dtype.
        IndexError: input is empty, or the dim is out of range.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@composite(samples=_samples(), errors=_QUANTILE_ERRORS, out=True)
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of the elements that are not NaN, of all or along a dim.

    Args:
        input: (...), floating.
        q: a number in [0, 1], or a tensor of such, () or (k,), of input's dtype.
        dim: the dim; None for all elements.
        keepdim: whether the dim stays, with length 1.
        interpolation: what is taken between two ranks: ``"linear"``, ``"lower"``, ``"higher"``,
            ``"midpoint"`` or ``"nearest"`` (of two equally near the even one).

    Returns:
        Tensor: without that dim, and with k first if q has a dim. NaN where all elements are NaN.

    Raises:
        ValueError: q leaves [0, 1], or there is no such interpolation.
        ShapeError: q has several dims.
        DTypeError: input is not floating, or q is of another dtype.
        IndexError: input is empty, or the dim is out of range.
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
