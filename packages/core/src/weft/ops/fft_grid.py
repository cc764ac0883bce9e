"""The frequencies that a transform's results belong to, and their order."""

from __future__ import annotations

import math
import operator
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError
from weft._core.layouts import check_layout
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dims
from weft._core.tensor import Tensor
from weft.ops.creation import arange
from weft.ops.families.composite import composite
from weft.ops.repeating import roll

_MADE = "made from settings: no argument to differentiate by"
_ERRORS = (
    ErrorSample(-1, error=ValueError, match="at least 0, got -1"),
    ErrorSample(4, layout="sparse", error=ValueError, match=r"must be weft\.strided"),
    ErrorSample(4, dtype=dtypes.int64, error=DTypeError, match="floating dtype, got weft.int64"),
)


def _frequencies(
    name: str, n: int, first: int, count: int, d: float, dtype: Any, device: Any, record: bool
) -> Tensor:
    if n < 0:
        raise ValueError(f"{name}: the number of points n must be at least 0, got {n}")
    own = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtypes.canonical(dtype))
    if not own.is_floating_point:
        raise DTypeError(f"{name}: dtype must be a floating dtype, got {own}")
    step = 1 / (n * d) if n * d else math.inf  # as in PyTorch: without a distance, no number at 0
    out = (arange(first, first + count, dtype=dtypes.float64, device=device) * step).to(own)
    return out.requires_grad_() if record else out


@composite(
    samples=(
        Sample(5),
        Sample(4, 0.5),
        Sample(1),
        Sample(0),
        Sample(6, d=2.0, dtype=dtypes.float64),
    ),
    errors=_ERRORS,
    namespaces=catalogue.FFT,
    not_differentiable=_MADE,
    out=True,
)
def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Frequency of each entry of a transform of n points.

    Args:
        n: the number of points.
        d: the time from one point to the next, in seconds for frequencies in hertz.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (n,), in the order of ``fft``'s result: from 0 up, then the negative ones.

    Raises:
        ValueError: n is negative.
        DTypeError: dtype is not floating.
    """
    check_layout("fftfreq", layout)
    n = operator.index(n)
    ordered = _frequencies("fftfreq", n, -(n // 2), n, d, dtype, device, False)
    out = roll(ordered, -(n // 2), 0) if n else ordered
    return out.requires_grad_() if requires_grad else out


@composite(
    samples=(Sample(5), Sample(4, 0.5), Sample(1), Sample(6, d=2.0, dtype=dtypes.float64)),
    errors=_ERRORS,
    namespaces=catalogue.FFT,
    not_differentiable=_MADE,
    out=True,
)
def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Frequency of each entry of a one-sided transform of n points.

    Args:
        n: the number of points of the signal.
        d: the time from one point to the next, in seconds for frequencies in hertz.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (n // 2 + 1,), from 0 up to half the sampling rate.

    Raises:
        ValueError: n is negative.
        DTypeError: dtype is not floating.
    """
    check_layout("rfftfreq", layout)
    n = operator.index(n)
    return _frequencies("rfftfreq", n, 0, n // 2 + 1, d, dtype, device, requires_grad)


_SAMPLES = (
    Sample(array(5)),
    Sample(array(4, 3)),
    Sample(array(4, 3), dim=1),
    Sample(array(2, 3, 4, kind="complex"), dim=(0, -1)),
    Sample(array(0, 3)),
)
_SHIFT_ERRORS = (ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),)


@composite(samples=_SAMPLES, errors=_SHIFT_ERRORS, namespaces=catalogue.FFT)
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Move frequency 0 to the middle: the order of ``fft`` becomes ascending.

    Args:
        input: (...).
        dim: the dims to move along; all by default.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: a dim is out of range.
        ValueError: a dim is named twice.
    """
    dims = canonical_dims("fftshift", dim, input.ndim)
    return roll(input, tuple(input.shape[d] // 2 for d in dims), dims) if dims else input.clone()


@composite(samples=_SAMPLES, errors=_SHIFT_ERRORS, namespaces=catalogue.FFT)
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Undo ``fftshift``: ascending frequencies come into the order of ``fft``.

    Args:
        input: (...).
        dim: the dims to move along; all by default.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: a dim is out of range.
        ValueError: a dim is named twice.
    """
    dims = canonical_dims("ifftshift", dim, input.ndim)
    shifts = tuple(-(input.shape[d] // 2) for d in dims)
    return roll(input, shifts, dims) if dims else input.clone()
