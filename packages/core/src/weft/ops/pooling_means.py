"""The mean of each window, and its transpose, which spreads over windows."""

from __future__ import annotations

import itertools
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.samples import Sample, array
from weft.ops.families.batching import with_params
from weft.ops.families.linear import linear
from weft.ops.pooling_largest import pooled_shape

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def _shape(x: Any, *, kernel: Ints, stride: Ints, padding: Pairs, **rest: Any) -> Aval:
    geometry: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": padding}
    return Aval(pooled_shape(x, **geometry, dilation=(1,) * len(kernel)), x.dtype)


def _divisors(
    xp: Any, spatial: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Pairs,
    include: bool, divisor: float,
) -> Any:  # fmt: skip
    """Return what the sum of each window is divided by, of shape ``out`` or a number."""
    if divisor:
        return divisor
    total: Any = 1
    for dim, (n, k, s, (low, _)) in enumerate(zip(spatial, kernel, stride, padding, strict=True)):
        start = xp.arange(out[dim]) * s - low
        stop = xp.minimum(start + k, n + low if include else n)
        held = stop - (start if include else xp.maximum(start, 0))
        total = total * held.reshape((-1, *(1,) * (len(spatial) - dim - 1)))
    return total


def _regions(kernel: Ints, stride: Ints, out: Ints) -> Any:
    """Yield, for each place in a window, where that element of every window lies."""
    for tap in itertools.product(*map(range, kernel)):
        yield (
            ...,
            *(slice(t, t + (n - 1) * s + 1, s) for t, s, n in zip(tap, stride, out, strict=True)),
        )


_WINDOWS: dict[str, Any] = {
    "kernel": (3, 2),
    "stride": (2, 1),
    "padding": ((1, 1), (0, 1)),
}


@linear(
    shape=_shape,
    transpose=lambda g, x, **params: window_spread(
        g, **params, spatial=tuple(x.shape)[x.ndim - len(params["kernel"]) :]
    ),
    batch=with_params("window_mean"),
    widen=True,
    samples=(
        Sample(array(2, 5, 4), **_WINDOWS, include=True, divisor=0.0),
        Sample(array(2, 2, 5, 4), **_WINDOWS, include=False, divisor=0.0),
        Sample(array(5, 4), **_WINDOWS, include=False, divisor=3.0),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def window_mean(
    xp: Any,
    x: Any,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include: bool,
    divisor: float,
) -> Any:
    """Mean of each window.

    Args:
        input: (..., *spatial), floating or complex.
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: (low, high) zeros per spatial dim; of the high ones, those beyond low never count.
        include: whether the zeros count.
        divisor: what each sum is divided by instead; 0 for none.

    Returns:
        Tensor: (..., *out).
    """
    count = len(kernel)
    lead, spatial = x.shape[: x.ndim - count], x.shape[x.ndim - count :]
    geometry: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": padding}
    out = pooled_shape(x, **geometry, dilation=(1,) * count)
    wide = xp.pad(x, [(0, 0)] * len(lead) + list(padding))
    total = xp.zeros(out, x.dtype)
    for region in _regions(kernel, stride, out[len(lead) :]):
        total = total + wide[region]
    by = _divisors(xp, spatial, out[len(lead) :], **geometry, include=include, divisor=divisor)
    return (total / by).astype(x.dtype)


def _spread_shape(g: Any, *, spatial: Ints, **rest: Any) -> Aval:
    return Aval((*g.shape[: len(g.shape) - len(spatial)], *spatial), g.dtype)


@linear(
    shape=_spread_shape,
    transpose=lambda g, x, *, spatial, **params: window_mean(g, **params),
    batch=with_params("window_spread"),
    widen=True,
    samples=(
        Sample(array(2, 3, 4), **_WINDOWS, include=True, divisor=0.0, spatial=(5, 4)),
        Sample(array(2, 3, 4), **_WINDOWS, include=False, divisor=0.0, spatial=(5, 4)),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def window_spread(
    xp: Any,
    x: Any,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include: bool,
    divisor: float,
    spatial: Ints,
) -> Any:
    """Spread each element evenly over its window: the transpose of :func:`window_mean`.

    Args:
        input: (..., *out).
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: (low, high) per spatial dim.
        include: whether what is padded counts.
        divisor: what is divided by instead; 0 for none.
        spatial: the result's spatial dims.

    Returns:
        Tensor: (..., *spatial).
    """
    count = len(kernel)
    lead, out = x.shape[: x.ndim - count], x.shape[x.ndim - count :]
    by = _divisors(xp, spatial, out, kernel, stride, padding, include, divisor)
    share = (x / by).astype(x.dtype)
    sides = tuple(n + low + high for n, (low, high) in zip(spatial, padding, strict=True))
    wide = xp.zeros((*lead, *sides), x.dtype)
    for region in _regions(kernel, stride, out):
        wide[region] += share
    return wide[
        (..., *(slice(low, low + n) for n, (low, _) in zip(spatial, padding, strict=True)))
    ].copy()


_pooling = Launcher("pooling")


def _mean_fast(x: Any, **params: Any) -> Any:
    if x.size < 16:
        return None
    return _pooling.window_mean(x, **params)


def _spread_fast(x: Any, **params: Any) -> Any:
    if x.size < 4:
        return None
    return _pooling.window_spread(x, **params)


prefer(catalogue.ops["window_mean"], _mean_fast)
prefer(catalogue.ops["window_spread"], _spread_fast)
