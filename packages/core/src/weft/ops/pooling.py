"""Pooling: the largest or the mean of windows, at fixed steps or to a fixed size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.creation import tensor
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.indexing import picked
from weft.ops.padding import constant_pad
from weft.ops.reductions import mean, sum

_PLACES = not_differentiable("it finds places, which are whole numbers")


def _per_dim(name: str, setting: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(
            f"{name}: {setting} must be an int or {count} ints of at least {least}, got {value!r}"
        )
    return values


def _checked(
    name: str, input: Tensor, kernel_size: Any, stride: Any, padding: Any, count: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    kernel = _per_dim(name, "kernel_size", kernel_size, count, 1)
    steps = kernel if stride is None else _per_dim(name, "stride", stride, count, 1)
    pads = _per_dim(name, "padding", padding, count, 0)
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} without N, "
            f"got shape {tuple(input.shape)}"
        )
    for p, k in zip(pads, kernel, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding {pads} must be at most half of the kernel {kernel}")
    return kernel, steps, pads


def _windows_shape(
    x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[int, ...]:
    lead = x.shape[: x.ndim - len(kernel)]
    lengths = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            x.shape[len(lead) :], kernel, stride, padding, dilation, strict=True
        )
    )
    if min(lengths) < 1:
        raise ShapeError(
            f"pooling: the window {kernel} is larger than the padded input (input.shape == "
            f"{x.shape}, padding {padding})"
        )
    return (*lead, *lengths)


@custom(
    shape=lambda x, **geometry: Aval(_windows_shape(x, **geometry), dtypes.int64.numpy),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=lambda size, batched, x, **geometry: largest_places(x, **geometry),
    samples=(
        Sample(
            array(2, 2, 5, 4, distinct=True),
            kernel=(3, 2),
            stride=(2, 2),
            padding=(1, 0),
            dilation=(1, 1),
        ),
    ),
    namespaces=(),
    methods=(),
)
def largest_places(
    xp: Any,
    x: Any,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Any:
    """Where in the flattened spatial dims the largest element of each window is.

    Args:
        input: (..., *spatial).
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: on both sides, never the largest.
        dilation: step within a window.

    Returns:
        Tensor: int64, (..., *out).
    """
    count = len(kernel)
    lead = x.shape[:-count]
    spatial = x.shape[-count:]
    out = _windows_shape(
        Aval(x.shape, x.dtype), kernel=kernel, stride=stride, padding=padding, dilation=dilation
    )[len(lead) :]
    low = -math.inf if x.dtype.kind == "f" else xp.iinfo(x.dtype).min
    widths = [(0, 0)] * len(lead) + [(p, p) for p in padding]
    filled = xp.pad(x, widths, constant_values=low)
    place = xp.arange(math.prod(spatial)).reshape(spatial)
    places = xp.pad(place, [(p, p) for p in padding], constant_values=-1)
    best = xp.full((*lead, *out), low, x.dtype)
    where = xp.full((*lead, *out), -1, xp.int64)
    for tap in itertools.product(*map(range, kernel)):
        region = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, out, stride, strict=True)
        )
        here = filled[(..., *region)]
        inside = places[region] >= 0
        # the first inside element always counts, so that a window of -inf or NaN has a place
        better = inside & ((here > best) | (where < 0) | ((here != here) & (best == best)))
        best = xp.where(better, here, best)
        where = xp.where(better, places[region], where)
    return where


def _max_pool(
    count: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    return_indices: bool,
) -> Any:
    name = f"max_pool{count}d"
    kernel, steps, pads = _checked(name, input, kernel_size, stride, padding, count)
    places = largest_places(
        input,
        kernel=kernel,
        stride=steps,
        padding=pads,
        dilation=_per_dim(name, "dilation", dilation, count, 1),
    )
    lead = tuple(input.shape)[: input.ndim - count]
    values = picked(input.reshape((*lead, -1)), places.reshape((*lead, -1)), dim=len(lead))
    values = values.reshape(tuple(places.shape))
    return (values, places) if return_indices else values


_MAX_DOC = """Largest element of each window over {dims}.

    Args:
        input: (N, C, *spatial), or without N.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        padding: on both sides, at most half the window; never the largest.
        dilation: step within a window.
        return_indices: whether to return also where in the flattened spatial dims they were.

    Returns:
        Tensor: (N, C, *out), or with return_indices a tuple of that and int64 places.

    Raises:
        ShapeError: the window exceeds the padded input.
        ValueError: a setting is out of range.
    """
_AVG_DOC = """Mean of each window over {dims}.

    Args:
        input: (N, C, *spatial), or without N.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        padding: zeros on both sides, at most half the window.
        count_include_pad: whether the zeros count in the divisor.

    Returns:
        Tensor: (N, C, *out).

    Raises:
        ShapeError: the window exceeds the padded input.
        ValueError: a setting is out of range.
    """
_ADAPTIVE_DOC = """Mean of as many windows as the result has places, over {dims}.

    Window i of a dim of length n with m results covers floor(i n / m) to ceil((i + 1) n / m).

    Args:
        input: (N, C, *spatial), or without N.
        output_size: the result's spatial lengths; None keeps a length.

    Returns:
        Tensor: (N, C, *output_size).

    Raises:
        ValueError: output_size is not positive ints.
    """
_DIMS = {1: "one dim", 2: "two dims", 3: "three dims"}


def _enter(count: int, kind: str, doc: str, samples: Any, errors: Any = ()) -> Callable[..., Any]:
    """Return the decorator that enters one pooling function under its name and docstring."""

    def decorate(function: Any) -> Any:
        function.__name__ = function.__qualname__ = f"{kind}{count}d"
        function.__doc__ = doc.format(dims=_DIMS[count])
        return composite(
            samples=samples, errors=errors, namespaces=catalogue.FUNCTIONAL, methods=()
        )(function)

    return decorate


def _spatial(count: int, length: int = 5) -> tuple[int, ...]:
    return (length, 4, 3)[:count]


def _make_max(count: int) -> Any:
    @_enter(
        count,
        "max_pool",
        _MAX_DOC,
        samples=(
            Sample(array(2, 2, *_spatial(count), distinct=True), 2),
            Sample(array(2, *_spatial(count), distinct=True), 3, stride=1, padding=1),
        ),
        errors=(
            ErrorSample(array(1, 1, *_spatial(count)), 7, error=ShapeError, match="larger than"),
            ErrorSample(
                array(1, 1, *_spatial(count)), 2, padding=2, error=ValueError, match="half"
            ),
        ),
    )
    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
    ) -> Any:
        return _max_pool(count, input, kernel_size, stride, padding, dilation, return_indices)

    return function


def _make_avg(count: int) -> Any:
    @_enter(
        count,
        "avg_pool",
        _AVG_DOC,
        samples=(
            Sample(array(2, 2, *_spatial(count)), 2),
            Sample(array(2, *_spatial(count)), 3, stride=1, padding=1),
            Sample(array(2, *_spatial(count)), 3, 2, 1, count_include_pad=False),
        ),
    )
    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        count_include_pad: bool = True,
    ) -> Tensor:
        name = f"avg_pool{count}d"
        kernel, steps, pads = _checked(name, input, kernel_size, stride, padding, count)
        lead = input.ndim - count
        _windows_shape(input, kernel=kernel, stride=steps, padding=pads, dilation=(1,) * count)
        widths = ((0, 0),) * lead + tuple((p, p) for p in pads)
        padded = constant_pad(input, widths=widths, value=0.0) if any(pads) else input
        total = _window_sums(padded, kernel, steps)
        if count_include_pad or not any(pads):
            return total / math.prod(kernel)
        inside = constant_pad(input.detach()[(0,) * lead] * 0 + 1, widths=widths[lead:], value=0.0)
        return total / _window_sums(inside, kernel, steps)

    return function


def _window_sums(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    lead = x.ndim - len(kernel)
    for i, (k, s) in enumerate(zip(kernel, stride, strict=True)):
        x = sum(x.unfold(lead + i, k, s), dim=-1)
    return x


def _make_adaptive(count: int) -> Any:
    @_enter(
        count,
        "adaptive_avg_pool",
        _ADAPTIVE_DOC,
        samples=(
            Sample(array(2, 2, *_spatial(count)), 1),
            Sample(array(2, *_spatial(count)), 2),
        ),
        errors=(ErrorSample(array(1, *_spatial(count)), 0, error=ValueError, match="output_size"),),
    )
    def function(input: Tensor, output_size: Any) -> Tensor:
        lead = input.ndim - count
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * count
        lengths = tuple(
            own if n is None else n for n, own in zip(sizes, input.shape[lead:], strict=True)
        )
        _per_dim(f"adaptive_avg_pool{count}d", "output_size", lengths, count, 1)
        if all(n == 1 for n in lengths):
            return mean(input, tuple(range(lead, input.ndim)), True)
        out = input
        for dim, length in enumerate(lengths, start=lead):
            if length != out.shape[dim]:
                weights = tensor(_averaging(out.shape[dim], length), dtype=input.dtype)
                out = (out.transpose(dim, -1) @ weights).transpose(dim, -1)
        return out

    return function


def _averaging(length: int, parts: int) -> list[list[float]]:
    """Return the matrix (length, parts) that averages a dim over ``parts`` windows."""
    matrix = [[0.0] * parts for _ in range(length)]
    for i in range(parts):
        start, end = i * length // parts, -(-(i + 1) * length // parts)
        for j in range(start, end):
            matrix[j][i] = 1 / (end - start)
    return matrix


max_pool1d, max_pool2d, max_pool3d = (_make_max(count) for count in (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = (_make_avg(count) for count in (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _make_adaptive(count) for count in (1, 2, 3)
)
