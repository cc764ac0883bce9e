"""Windows that divide dims into so many parts: their means, and where their largest are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft.ops.families.batching import with_params
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear

Ints = tuple[int, ...]

_kernels = Launcher("adaptive")
_PLACES = not_differentiable("it finds places, which are whole numbers")


def _cells(spatial: Ints, sizes: Ints) -> Iterator[tuple[Ints, tuple[slice, ...], int]]:
    """Yield each window: its place in the result, its region, and how many elements it has."""
    spans = [
        [(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]
        for n, parts in zip(spatial, sizes, strict=True)
    ]
    for cell in itertools.product(*map(range, sizes)):
        ends = [spans[dim][i] for dim, i in enumerate(cell)]
        yield cell, tuple(slice(*e) for e in ends), math.prod(stop - start for start, stop in ends)


@linear(
    shape=lambda x, *, sizes: Aval((*x.shape[: len(x.shape) - len(sizes)], *sizes), x.dtype),
    transpose=lambda g, x, *, sizes: spans_spread(g, spatial=tuple(x.shape)[-len(sizes) :]),
    batch=with_params("spans_mean"),
    widen=True,
    samples=(Sample(array(2, 5, 4), sizes=(2, 3)), Sample(array(7), sizes=(3,))),
    namespaces=(),
    methods=(),
)
def spans_mean(xp: Any, x: Any, *, sizes: Ints) -> Any:
    """Mean of each window, when windows divide the last dims.

    Args:
        input: (..., *spatial), floating or complex.
        sizes: how many windows per spatial dim.

    Returns:
        Tensor: (..., *sizes).
    """
    count = len(sizes)
    out = xp.empty((*x.shape[:-count], *sizes), x.dtype)
    for cell, region, _ in _cells(x.shape[-count:], sizes):
        out[(..., *cell)] = x[(..., *region)].mean(axis=tuple(range(-count, 0)))
    return out


@linear(
    shape=lambda g, *, spatial: Aval((*g.shape[: len(g.shape) - len(spatial)], *spatial), g.dtype),
    transpose=lambda t, g, *, spatial: spans_mean(t, sizes=tuple(g.shape)[-len(spatial) :]),
    batch=with_params("spans_spread"),
    widen=True,
    samples=(Sample(array(2, 2, 3), spatial=(5, 4)), Sample(array(3), spatial=(7,))),
    namespaces=(),
    methods=(),
)
def spans_spread(xp: Any, x: Any, *, spatial: Ints) -> Any:
    """Spread the cotangent of each mean over its window: the transpose of ``spans_mean``.

    Args:
        input: (..., *sizes).
        spatial: the lengths of the dims that windows divide.

    Returns:
        Tensor: (..., *spatial).
    """
    count = len(spatial)
    out = xp.zeros((*x.shape[:-count], *spatial), x.dtype)
    for cell, region, many in _cells(spatial, x.shape[-count:]):
        out[(..., *region)] += (x[(..., *cell)] / many)[(..., *(None,) * count)]
    return out


@custom(
    shape=lambda x, *, sizes: Aval(
        (*x.shape[: len(x.shape) - len(sizes)], *sizes), dtypes.int64.numpy
    ),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=with_params("adaptive_places"),
    samples=(Sample(array(2, 5, 4, distinct=True), sizes=(2, 3)),),
    namespaces=(),
    methods=(),
)
def adaptive_places(xp: Any, x: Any, *, sizes: Ints) -> Any:
    """Where the largest element of each window is, when windows divide the spatial dims.

    Args:
        input: (..., *spatial).
        sizes: how many windows per spatial dim.

    Returns:
        Tensor: int64, (..., *sizes), places in the flattened spatial dims.
    """
    count = len(sizes)
    lead, spatial = x.shape[:-count], x.shape[-count:]
    numbers = xp.arange(math.prod(spatial)).reshape(spatial)
    where = xp.empty((*lead, *sizes), xp.int64)
    for cell, region, _ in _cells(spatial, sizes):
        inside = numbers[region].reshape(-1)
        best = x[(..., *region)].reshape(*lead, len(inside)).argmax(axis=-1)
        where[(..., *cell)] = inside[best]
    return where


def _mean_on_cpu(x: Any, *, sizes: Ints) -> Any:
    return _kernels.spans_mean(x, sizes=sizes) if _kernels else None


def _spread_on_cpu(g: Any, *, spatial: Ints) -> Any:
    return _kernels.spans_spread(g, spatial=spatial) if _kernels else None


def _places_on_cpu(x: Any, *, sizes: Ints) -> Any:
    return _kernels.spans_places(x, sizes=sizes) if _kernels else None


prefer(catalogue.ops["spans_mean"], _mean_on_cpu)
prefer(catalogue.ops["spans_spread"], _spread_on_cpu)
prefer(catalogue.ops["adaptive_places"], _places_on_cpu)
