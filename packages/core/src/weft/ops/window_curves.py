"""What the window functions share: their checks, and the curves that several are made of."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.layouts import check_layout
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.creation import arange, ones, zeros
from weft.ops.modified_bessel import i0
from weft.ops.trigonometric import cos

MADE = "made from settings: no argument to differentiate by"
SAMPLES = (
    Sample(7),
    Sample(8, sym=False),
    Sample(0),
    Sample(1),
    Sample(1, sym=False),
    Sample(5, dtype=dtypes.float64),
)
ERRORS = (
    ErrorSample(-1, error=ValueError, match="at least 0, got -1"),
    ErrorSample(4, layout="sparse", error=ValueError, match=r"must be weft\.strided"),
    ErrorSample(4, dtype=dtypes.int64, error=DTypeError, match="floating dtype, got weft.int64"),
)


def checked(name: str, length: Any, dtype: Any, layout: Any) -> tuple[int, dtypes.dtype]:
    """Return the length and the dtype of a window.

    Raises:
        ValueError: the length is negative, or the layout is not the one there is.
        DTypeError: the dtype is not floating.
    """
    check_layout(name, layout)
    count = operator.index(length)
    if count < 0:
        raise ValueError(f"{name}: the window's length must be at least 0, got {count}")
    own = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtypes.canonical(dtype))
    if not own.is_floating_point:
        raise DTypeError(f"{name}: dtype must be a floating dtype, got {own}")
    return count, own


def finished(values: Tensor, dtype: dtypes.dtype, requires_grad: bool) -> Tensor:
    """Return values, which were computed in float64, as a window of its dtype."""
    out = values.to(dtype)
    return out.requires_grad_() if requires_grad else out


def places(count: int, device: Any) -> Tensor:
    """Return 0 to count - 1 in float64."""
    return arange(count, dtype=dtypes.float64, device=device)


def trivial(count: int, dtype: dtypes.dtype, device: Any, requires_grad: bool) -> Tensor:
    """Return the window of no element, or of one, which is 1."""
    make = ones if count else zeros
    return make(count, dtype=dtype, device=device, requires_grad=requires_grad)


def steps(count: int, sym: bool) -> int:
    """Return the steps of one period: a periodic window leaves out its last element."""
    return count - 1 if sym else count


def cosine_sum(
    count: int,
    weights: Iterable[float],
    span: float,
    dtype: dtypes.dtype,
    device: Any,
    record: bool,
) -> Tensor:
    """Return a_0 - a_1 cos(2 pi k / span) + a_2 cos(4 pi k / span) - ..."""
    if count <= 1:
        return trivial(count, dtype, device, record)
    angle = places(count, device) * (2 * math.pi / span)
    total = zeros(count, dtype=dtypes.float64, device=device)
    for i, weight in enumerate(weights):
        total = total + cos(angle * i) * (-weight if i % 2 else weight)
    return finished(total, dtype, record)


def kaiser_curve(
    count: int, beta: float, span: float, dtype: dtypes.dtype, device: Any, record: bool
) -> Tensor:
    """Return a Kaiser window of which ``span`` steps are one period."""
    if count <= 1:
        return trivial(count, dtype, device, record)
    height = places(count, device) * (2 / span) - 1
    curve = i0((1 - height * height).clamp(min=0.0).sqrt() * beta)
    return finished(curve / i0(places(1, device) + beta), dtype, record)
