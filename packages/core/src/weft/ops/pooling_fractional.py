"""Max pooling by a fraction: windows whose steps are drawn at random, to a given size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.creation import arange
from weft.ops.families.composite import composite
from weft.ops.gathering import picked
from weft.ops.joining import cat
from weft.ops.random import rand


def _output_lengths(
    name: str, spatial: tuple[int, ...], size: Any, ratio: Any, count: int
) -> tuple[int, ...]:
    if (size is None) == (ratio is None):
        raise ValueError(
            f"{name}: needs either output_size or output_ratio, got {size!r} and {ratio!r}"
        )
    if size is not None:
        return ints_per_dim(name, "output_size", size, count, 1)
    parts = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * count
    if len(parts) != count or not all(0 < r < 1 for r in parts):
        raise ValueError(f"{name}: output_ratio must be {count} numbers in (0, 1), got {ratio!r}")
    return tuple(int(n * r) for n, r in zip(spatial, parts, strict=True))


def _starts(drawn: Tensor, length: int, window: int, parts: int) -> Tensor:
    """Return where the windows along a dim begin, (N, C, parts), from one draw for each row."""
    last = drawn.unsqueeze(-1).to(dtypes.int64) * 0 + (length - window)
    if parts == 1:
        return last
    step = (length - window) / (parts - 1)
    offset = drawn.unsqueeze(-1)
    before = ((arange(parts - 1, device=drawn.device).to(drawn.dtype) + offset) * step).to(
        dtypes.int64
    )
    return cat([before - (offset * step).to(dtypes.int64), last], -1)


def _pooled(
    name: str,
    count: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} without N, "
            f"got shape {tuple(input.shape)}"
        )
    x = input if input.ndim == count + 2 else input.unsqueeze(0)
    batch, channels, *rest = x.shape
    spatial = tuple(rest)
    kernel = ints_per_dim(name, "kernel_size", kernel_size, count, 1)
    lengths = _output_lengths(name, spatial, output_size, output_ratio, count)
    for n, k, parts in zip(spatial, kernel, lengths, strict=True):
        if parts < 1 or parts + k - 1 > n:
            raise ShapeError(
                f"{name}: {lengths} windows of {kernel} do not fit into input.shape == "
                f"{tuple(input.shape)}: output_size + kernel_size - 1 must be at most the length"
            )
    if samples is None:
        precise = input.dtype if input.dtype.itemsize > 2 else dtypes.float32
        samples = rand((batch, channels, count), dtype=precise, device=input.device)
    elif tuple(samples.shape) != (batch, channels, count):
        raise ShapeError(
            f"{name}: _random_samples must have shape {(batch, channels, count)}, got "
            f"{tuple(samples.shape)}"
        )
    numbers: Any = 0  # (N, C, out, kernel, out, kernel, ...)
    for dim, (n, k, parts) in enumerate(zip(spatial, kernel, lengths, strict=True)):
        # of two dims the last is drawn first, as in PyTorch
        drawn = samples.select(-1, count - 1 - dim if count == 2 else dim)
        places = _starts(drawn.detach(), n, k, parts).unsqueeze(-1) + arange(k, device=drawn.device)
        across = [1] * (2 * count)
        across[2 * dim : 2 * dim + 2] = parts, k
        numbers = numbers * n + places.reshape((batch, channels, *across))
    order = (0, 1, *range(2, 2 + 2 * count, 2), *range(3, 3 + 2 * count, 2))
    windows = numbers.permute(order).reshape((batch, channels, math.prod(lengths), -1))
    every = math.prod(tuple(windows.shape)[2:])
    flat = x.reshape((batch, channels, math.prod(spatial)))
    values = picked(flat, windows.reshape((batch, channels, every)), dim=2)
    best = values.detach().reshape(tuple(windows.shape)).argmax(-1, True)
    where = picked(windows, best, dim=3).squeeze(-1)
    shape = (batch, channels, *lengths)
    out, found = picked(flat, where, dim=2).reshape(shape), where.reshape(shape)
    return (out, found) if input.ndim == count + 2 else (out.squeeze(0), found.squeeze(0))


def _make(count: int, pair: bool) -> Callable[..., Any]:
    name = f"fractional_max_pool{count}d" + ("_with_indices" if pair else "")

    def function(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        out, places = _pooled(
            name, count, input, kernel_size, output_size, output_ratio, _random_samples
        )
        return (out, places) if pair or return_indices else out

    told = "taken as PyTorch takes it, and not read: both are returned"
    asked = "whether to return also where in the flattened spatial dims they were"
    returned = "tuple: (N, C, *out), and int64 places in the flattened spatial dims."
    either = "Tensor: (N, C, *out), or with return_indices a tuple of that and int64 places."
    function.__doc__ = f"""Largest element of windows whose places are drawn, over {count} dims.

    Args:
        input: (N, C, *spatial), floating, or without N.
        kernel_size: the windows' lengths.
        output_size: how many windows per spatial dim.
        output_ratio: or their number as a fraction of the lengths, in (0, 1).
        return_indices: {told if pair else asked}.
        _random_samples: (N, C, {count}), numbers in [0, 1) that place the windows; drawn if None.

    Returns:
        {returned if pair else either}

    Raises:
        ShapeError: the windows do not fit.
        ValueError: output_size and output_ratio are both given or both missing, or out of range.

    Source: Graham, arXiv:1412.6071.
    """
    function.__name__ = function.__qualname__ = name
    shapes: dict[int, tuple[int, ...]] = {2: (7, 6), 3: (5, 6, 5)}
    shape = shapes[count]
    return composite(
        samples=(
            Sample(array(2, 2, *shape, distinct=True), 2, 3),
            Sample(array(2, *shape, distinct=True), 2, output_ratio=(0.5,) * count),
            Sample(array(1, 1, *shape, distinct=True), 2, (1,) * count),
        ),
        errors=(
            ErrorSample(array(1, 1, *shape), 2, error=ValueError, match="either output_size"),
            ErrorSample(array(1, 1, *shape), 2, 6, error=ShapeError, match="do not fit"),
            ErrorSample(
                array(1, 1, *shape), 2, output_ratio=1.5, error=ValueError, match="output_ratio"
            ),
        ),
        namespaces=catalogue.FUNCTIONAL,
        random=True,
    )(function)


fractional_max_pool2d, fractional_max_pool3d = _make(2, False), _make(3, False)
fractional_max_pool2d_with_indices = _make(2, True)
fractional_max_pool3d_with_indices = _make(3, True)
