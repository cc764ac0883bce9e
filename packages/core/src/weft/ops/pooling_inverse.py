"""Max unpooling: pooled elements back in their places, zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import scatter_into_zeros


def _lengths(
    name: str, input: Tensor, kernel_size: Any, stride: Any, padding: Any, wanted: Any, count: int
) -> tuple[int, ...]:
    kernel = ints_per_dim(name, "kernel_size", kernel_size, count, 1)
    steps = kernel if stride in (None, ()) else ints_per_dim(name, "stride", stride, count, 1)
    pads = ints_per_dim(name, "padding", padding, count, 0)
    spatial = tuple(input.shape)[input.ndim - count :]
    usual = tuple(
        (n - 1) * s + k - 2 * p for n, s, k, p in zip(spatial, steps, kernel, pads, strict=True)
    )
    if wanted is None:
        return usual
    chosen = tuple(wanted)
    if len(chosen) == count + 2:
        chosen = chosen[2:]
    fits = len(chosen) == count and all(
        abs(n - own) < s for n, own, s in zip(chosen, usual, steps, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name}: output_size must have {count} lengths (or {count + 2} with N and C), each "
            f"less than a stride {steps} from {usual}; got {tuple(wanted)}"
        )
    return chosen


def _max_unpool(count: int) -> Callable[..., Tensor]:
    name = f"max_unpool{count}d"

    def function(
        input: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        if input.ndim not in (count + 1, count + 2):
            raise ShapeError(
                f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} "
                f"without N, got shape {tuple(input.shape)}"
            )
        if tuple(indices.shape) != tuple(input.shape):
            raise ShapeError(
                f"{name}: indices must have input's shape {tuple(input.shape)}, got "
                f"{tuple(indices.shape)}"
            )
        if indices.dtype is not dtypes.int64:
            raise DTypeError(f"{name}: indices must be int64, got {indices.dtype}")
        lengths = _lengths(name, input, kernel_size, stride, padding, output_size, count)
        if min(lengths) < 1:
            raise ShapeError(f"{name}: the result would have the spatial lengths {lengths}")
        lead = tuple(input.shape)[: input.ndim - count]
        rows, places = math.prod(lead), math.prod(tuple(input.shape)[len(lead) :])
        total = math.prod(lengths)
        # an element that was the largest of several windows is written once, not added up
        numbers = indices.reshape((rows, places))
        values = input.reshape((rows, places))
        hits = scatter_into_zeros(
            values.detach() * 0 + 1, numbers, dim=1, length=total, shape=(rows, total)
        )
        out = scatter_into_zeros(values, numbers, dim=1, length=total, shape=(rows, total))
        out = out / hits.clamp(min=1)
        return out.reshape((*lead, *lengths))

    function.__doc__ = f"""Put pooled elements back in their places: undo ``max_pool{count}d``.

    Args:
        input: (N, C, *out), or without N: what was pooled.
        indices: int64, of input's shape: the places that pooling returned.
        kernel_size: the windows' lengths.
        stride: from one window to the next; the windows' lengths if None.
        padding: what was padded on both sides.
        output_size: the spatial lengths before pooling, where several give the same result.

    Returns:
        Tensor: (N, C, *spatial), zero where nothing was the largest. Where several windows name
        one place, which have the same value after pooling, it holds their mean.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: indices are not int64.
        IndexError: a place is outside.
        ValueError: output_size does not fit the settings.
    """
    function.__name__ = function.__qualname__ = name
    spatial: dict[int, tuple[int, ...]] = {1: (1,), 2: (1, 1), 3: (1, 1, 1)}
    shape = (2, 2, *spatial[count])
    return composite(
        samples=(
            Sample(array(*shape), integers(*shape, low=0, high=2**count), 2),
            Sample(
                array(*shape[1:]),
                integers(*shape[1:], low=0, high=3**count),
                2,
                output_size=(3,) * count,
            ),
        ),
        errors=(
            ErrorSample(
                array(*shape), integers(*shape, low=50, high=60), 2, error=IndexError,
                match="out of range",
            ),
            ErrorSample(array(*shape), array(*shape), 2, error=DTypeError, match="int64"),
            ErrorSample(array(*shape), integers(2), 2, error=ShapeError, match="input's shape"),
            ErrorSample(
                array(*shape), integers(*shape, high=1), 2, output_size=(4,) * count,
                error=ValueError, match="output_size",
            ),
        ),
        namespaces=catalogue.FUNCTIONAL,
    )(function)  # fmt: skip


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
