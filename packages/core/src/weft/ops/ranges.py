"""Evenly spaced numbers, and the identity matrix."""

from __future__ import annotations

import math
import operator
from typing import Any

from weft._backend import np
from weft._backend.numpy_ import restore, silence
from weft._core import dtypes
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.making import MADE, converted, finished, number_of, settings_of


@composite(
    samples=(Sample(5), Sample(1, 4), Sample(0.0, 1.0, 0.25), Sample(5, 1, -2), Sample(0, 3, 2)),
    errors=(
        ErrorSample(1, 3, 0, error=ValueError, match="step 0 does not lead from 1 to 3"),
        ErrorSample(1, 3, -1, error=ValueError, match="step -1 does not lead"),
        ErrorSample(error=TypeError, match="needs the argument end"),
    ),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from ``start`` up to but not including ``end``, ``step`` apart.

    Args:
        start: the first, 0 by default; if it is the only number, the end.
        end: where to stop.
        step: the distance; may be negative, not 0.
        dtype: its dtype; int64 if all three are ints, else the default floating dtype.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (ceil((end - start) / step),).

    Raises:
        ValueError: step is 0, or leads away from end.
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange() needs the argument end")
    first = 0 if start is None else number_of("arange", "start", start)
    last, apart = number_of("arange", "end", end), number_of("arange", "step", step)
    if apart == 0 or (last - first) * apart < 0:
        raise ValueError(f"arange: step {apart} does not lead from {first} to {last}")
    integral = all(isinstance(v, int) for v in (first, last, apart))
    own, place = settings_of(
        "arange",
        {"dtype": dtype, "layout": layout, "device": device},
        dtypes.int64 if integral else None,
    )
    if integral:
        values = np.arange(first, last, apart)
    else:
        length = math.ceil((last - first) / apart)
        values = first + np.arange(length, dtype=np.float64) * apart
    return finished(converted(values, own), place, requires_grad)


@composite(
    samples=(Sample(1, 4), Sample(0.0, 1.0, 0.25), Sample(5, 1, -2)),
    errors=(ErrorSample(1, 3, 0, error=ValueError, match="step 0 does not lead from 1 to 3"),),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from ``start`` up to and including ``end``; prefer :func:`weft.arange`.

    Args:
        start: the first.
        end: where to stop.
        step: the distance; may be negative, not 0.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (floor((end - start) / step) + 1,).

    Raises:
        ValueError: step is 0, or leads away from end.
    """
    if end is None:
        raise TypeError("range() needs the argument end")
    first, last = number_of("range", "start", start), number_of("range", "end", end)
    apart = number_of("range", "step", step)
    if apart == 0 or (last - first) * apart < 0:
        raise ValueError(f"range: step {apart} does not lead from {first} to {last}")
    own, place = settings_of("range", {"dtype": dtype, "layout": layout, "device": device})
    length = math.floor((last - first) / apart) + 1
    values = first + np.arange(length, dtype=np.float64) * apart
    return finished(converted(values, own), place, requires_grad)


def _count(name: str, steps: Any) -> int:
    count = operator.index(steps)
    if count < 0:
        raise ValueError(f"{name}: steps must not be negative, got {count}")
    return count


def _spaced(start: Any, end: Any, count: int) -> Any:
    """Return evenly spaced numbers, counted from both ends so that they mirror each other."""
    kind = np.complex128 if isinstance(start, complex) or isinstance(end, complex) else np.float64
    if count == 1:
        return np.asarray([start], kind)
    step = (end - start) / max(count - 1, 1)
    out = np.empty(count, kind)
    half = count // 2
    out[:half] = start + step * np.arange(half)
    out[half:] = end - step * np.arange(count - 1 - half, -1, -1)
    return out


def _whole(value: Any, dtype: Any) -> Any:
    """Return an end as the dtype holds it: integers cut it."""
    return int(value) if dtype.kind in "iu" and not isinstance(value, complex) else value


@composite(
    samples=(
        Sample(0.0, 1.0, 5),
        Sample(3, -3, 4),
        Sample(2, 7, 1),
        Sample(2, 7, 0),
        Sample(0, 10, 4, dtype=dtypes.int64),
        Sample(0, 1j, 3),
    ),
    errors=(ErrorSample(0, 1, -1, error=ValueError, match="must not be negative, got -1"),),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Args:
        start: the first; a number or a 0-d tensor.
        end: the last; a number or a 0-d tensor.
        steps: how many.
        dtype: its dtype; the default floating dtype if None, the complex one for complex ends.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (steps,); a single one is start.

    Raises:
        ValueError: steps is negative.
    """
    first, last = number_of("linspace", "start", start), number_of("linspace", "end", end)
    default = dtypes.default_complex() if isinstance(first + last, complex) else None
    own, place = settings_of(
        "linspace",
        {"dtype": dtype, "layout": layout, "device": device},
        default,
    )
    values = _spaced(_whole(first, own), _whole(last, own), _count("linspace", steps))
    return finished(converted(values, own), place, requires_grad)


@composite(
    samples=(
        Sample(0.0, 3.0, 4),
        Sample(-2, 2, 3, 2.0),
        Sample(0, 5, 6, base=2, dtype=dtypes.int64),
        Sample(2, 7, 1),
    ),
    errors=(ErrorSample(0, 1, -1, error=ValueError, match="must not be negative, got -1"),),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``steps`` powers of a base, with evenly spaced exponents.

    Args:
        start: the first exponent; a number or a 0-d tensor.
        end: the last exponent; a number or a 0-d tensor.
        steps: how many.
        base: the base.
        dtype: its dtype; the default floating dtype if None, the complex one for complex ends.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (steps,), from base ** start to base ** end.

    Raises:
        ValueError: steps is negative.
    """
    first, last = number_of("logspace", "start", start), number_of("logspace", "end", end)
    default = dtypes.default_complex() if isinstance(first + last, complex) else None
    own, place = settings_of(
        "logspace",
        {"dtype": dtype, "layout": layout, "device": device},
        default,
    )
    exponents = _spaced(_whole(first, own), _whole(last, own), _count("logspace", steps))
    before = silence()
    try:
        values = base**exponents
    finally:
        restore(before)
    return finished(converted(values, own), place, requires_grad)


@composite(
    samples=(Sample(3), Sample(2, 3), Sample(0, 2)),
    errors=(ErrorSample(-1, error=ShapeError, match="n must not be negative, got -1"),),
    methods=(),
    not_differentiable=MADE,
    out=True,
)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Return a matrix with ones on the diagonal and zeros elsewhere.

    Args:
        n: rows.
        m: columns; n if None.
        dtype: its dtype; the default floating dtype if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (n, m).

    Raises:
        ShapeError: a length is negative.
    """
    for what, length in (("n", n), ("m", 0 if m is None else m)):
        if length < 0:
            raise ShapeError(f"eye: {what} must not be negative, got {length}")
    own, place = settings_of("eye", {"dtype": dtype, "layout": layout, "device": device})
    return finished(np.eye(n, n if m is None else m, dtype=own), place, requires_grad)
