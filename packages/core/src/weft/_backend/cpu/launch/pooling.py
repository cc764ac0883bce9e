"""Pooling: which windows the kernels take, of plain arrays and of those with channels last."""

from __future__ import annotations

import functools
import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import pooling as kernels
from weft._backend.cpu.language import f32, i32, i64, type_of, usable
from weft._backend.cpu.launch import gathering

#: Elements that a thread reads at least.
GRAIN = 16384


class _Windows:
    """Windows over arrays of one shape, as the kernels read them."""

    def __init__(
        self, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any = ()
    ) -> None:
        count = len(kernel)
        dilation = dilation or (1,) * count
        reaches = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        absent = 3 - count
        self.lead = shape[: len(shape) - count]
        self.spatial = shape[len(shape) - count :]
        self.out = tuple(
            (n + low + high - k) // s + 1
            for n, k, s, (low, high) in zip(self.spatial, reaches, stride, padding, strict=True)
        )
        self.planes = math.prod(self.lead)
        self.size = math.prod(self.spatial)
        self.rows = math.prod((1,) * absent + self.out[:-1])
        ones = (1,) * absent
        self.numbers = (
            *ones, *self.spatial, *ones, *self.out, *ones, *kernel, *ones, *stride,
            *(0,) * absent, *(low for low, _ in padding),
        )  # fmt: skip
        # the widest row that is looked at, with what is padded on both sides
        reach = (self.out[-1] - 1) * stride[-1] + reaches[-1]
        self.row = max(reach, padding[-1][0] + self.spatial[-1])
        self.known = {
            "STEP": stride[-1] if stride[-1] <= 2 else 0,
            "WIDE": kernel[-1] if kernel[-1] <= 3 else 0,
        }

        fits = self.row + self.spatial[-1] <= kernels.ROW and self.size < 2**31
        #: Steps from element to element within a window.
        self.within = (*ones, *dilation)
        self.dilated = max(dilation) > 1
        if self.dilated and fits:  # such windows may pass over all elements
            fits = all(
                any(0 <= i * s - low + t * d < n for t in range(k))
                for n, out, k, s, (low, _), d in zip(
                    self.spatial, self.out, kernel, stride, padding, dilation, strict=True
                )
                for i in range(out)
            )
        #: Whether kernels take them.
        self.fit = fits and min(self.out) > 0 and self.planes > 0 and self.size > 0

    def grain(self, steps: int) -> int:
        """Return how many of so many steps are worth a thread."""
        return max(1, GRAIN * steps // (self.planes * self.size))


def _channels_last(x: Any, count: int) -> bool:
    """Whether an array's channels lie last in memory, and are enough to be worth it."""
    return (
        x.ndim == count + 2
        and x.shape[1] >= 8
        and not x.flags.c_contiguous
        and np.moveaxis(x, 1, -1).flags.c_contiguous
    )


def _settings(x: Any) -> dict[str, Any] | None:
    known = _known(x.dtype)
    return None if known is None else dict(known)


@functools.lru_cache(64)
def _known(dtype: Any) -> dict[str, Any] | None:
    kind = type_of(dtype)
    if kind is None or kind.kind == "b":
        return None
    low = -math.inf if kind.kind == "f" else int(np.iinfo(dtype).min)
    return {"T": kind, "V": kind.compute, "LOW": low}


def _windows(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> _Windows | None:
    if not x.size or not usable():
        return None
    windows = _over(x.shape, kernel, stride, padding, dilation)
    return windows if windows.fit else None


_over = functools.lru_cache(256)(_Windows)


def window_max(x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Return the largest of each window, or None."""
    settings, windows = _settings(x), _windows(x, kernel, stride, padding, dilation)
    if settings is None or windows is None:
        return None
    if windows.dilated:
        settings = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        return largest(x, **settings, narrow=True)[0]
    if _channels_last(x, len(kernel)):
        n, channels = windows.lead
        last = np.moveaxis(x, 1, -1)
        out = np.empty((n, *windows.out, channels), x.dtype)
        steps = n * windows.rows
        kernels.window_max_last.at(**settings)(
            steps, windows.grain(steps), last, out, channels, *windows.numbers
        )
        return np.moveaxis(out, -1, 1)
    out = np.empty((*windows.lead, *windows.out), x.dtype)
    steps = windows.planes * windows.rows
    kernels.window_max.at(**settings, **windows.known)(
        steps, windows.grain(steps), np.ascontiguousarray(x), out, *windows.numbers
    )
    return out


def largest(x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, narrow: bool) -> Any:
    """Return the largest of each window and where in its plane it is, or None."""
    settings, windows = _settings(x), _windows(x, kernel, stride, padding, dilation)
    if settings is None or windows is None:
        return None
    settings["I"] = i32 if narrow else i64
    dtype = np.int32 if narrow else np.int64
    if _channels_last(x, len(kernel)) and not windows.dilated:
        n, channels = windows.lead
        shape = (n, *windows.out, channels)
        values, places = np.empty(shape, x.dtype), np.empty(shape, dtype)
        steps = n * windows.rows
        kernels.window_places_last.at(**settings)(
            steps, windows.grain(steps), np.moveaxis(x, 1, -1), values, places, channels,
            *windows.numbers,
        )  # fmt: skip
        return np.moveaxis(values, -1, 1), np.moveaxis(places, -1, 1)
    shape = (*windows.lead, *windows.out)
    values, places = np.empty(shape, x.dtype), np.empty(shape, dtype)
    steps = windows.planes * windows.rows
    kernels.window_places.at(**settings, STEP=windows.known["STEP"])(
        steps, windows.grain(steps), np.ascontiguousarray(x), values, places, *windows.numbers,
        *windows.within,
    )  # fmt: skip
    return values, places


def _sums(x: Any, shape: Any) -> tuple[Any, Any]:
    """Return memory for sums, of half precision in float32, and its type."""
    half = x.dtype.itemsize == 2 and x.dtype.kind in "fV"
    return np.empty(shape, np.float32 if half else x.dtype), f32 if half else type_of(x.dtype)


def at_places(x: Any, places: Any, known: Any = None, *, count: int) -> Any:
    """Return the elements at places in flattened planes, or None."""
    if known is not None:
        return known
    lead, spatial = x.ndim - count, math.prod(x.shape[x.ndim - count :])
    if not places.size:
        return None
    if _channels_last(places, count) and x.shape[1] == places.shape[1]:
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        numbers = np.moveaxis(places, 1, -1)
        n, channels = x.shape[:2]
        out = gathering.picked(
            last.reshape(n, spatial, channels), numbers.reshape(n, -1, channels), dim=1
        )
        return None if out is None else np.moveaxis(out.reshape(numbers.shape), -1, 1)
    flat = np.ascontiguousarray(x).reshape(*x.shape[:lead], spatial)
    out = gathering.picked(flat, places.reshape(*places.shape[:lead], -1), dim=lead)
    return None if out is None else out.reshape(places.shape)


def into_places(g: Any, places: Any, *, spatial: Any) -> Any:
    """Return zeros with elements added at places in flattened planes, or None."""
    if not g.size:
        return None
    total = math.prod(spatial)
    if _channels_last(places, len(spatial)):
        last = np.ascontiguousarray(np.moveaxis(g, 1, -1))
        n, channels = g.shape[:2]
        out = gathering.scatter_into_zeros(
            last.reshape(n, -1, channels), np.moveaxis(places, 1, -1).reshape(n, -1, channels),
            dim=1, length=total, shape=(n, total, channels),
        )  # fmt: skip
        return None if out is None else np.moveaxis(out.reshape(n, *spatial, channels), -1, 1)
    lead = g.shape[: g.ndim - len(spatial)]
    out = gathering.scatter_into_zeros(
        np.ascontiguousarray(g).reshape(*lead, -1), places.reshape(*lead, -1),
        dim=len(lead), length=total, shape=(*lead, total),
    )  # fmt: skip
    return None if out is None else out.reshape(*lead, *spatial)


def window_mean(
    x: Any, *, kernel: Any, stride: Any, padding: Any, include: bool, divisor: float
) -> Any:
    """Return the mean of each window, or None."""
    windows = _windows(x, kernel, stride, padding, ())
    if x.dtype.kind not in "fV" or type_of(x.dtype) is None or windows is None:
        return None
    if _channels_last(x, len(kernel)):
        n, channels = windows.lead
        out = np.empty((n, *windows.out, channels), x.dtype)
        steps = n * windows.rows
        kernels.window_mean_last.at(T=type_of(x.dtype))(
            steps, windows.grain(steps), np.moveaxis(x, 1, -1), out, channels, *windows.numbers,
            int(include), float(divisor),
        )  # fmt: skip
        return np.moveaxis(out, -1, 1)
    out = np.empty((*windows.lead, *windows.out), x.dtype)
    if kernel == windows.spatial and not any(low or high for low, high in padding):
        kernels.plane_mean.at(T=type_of(x.dtype))(
            windows.planes, windows.grain(windows.planes), np.ascontiguousarray(x), out,
            windows.size, float(divisor or windows.size),
        )  # fmt: skip
        return out
    steps = windows.planes * windows.rows
    kernels.window_mean.at(T=type_of(x.dtype), **windows.known)(
        steps, windows.grain(steps), np.ascontiguousarray(x), out, *windows.numbers,
        int(include), float(divisor),
    )  # fmt: skip
    return out


def window_spread(
    g: Any, *, kernel: Any, stride: Any, padding: Any, include: bool, divisor: float, spatial: Any
) -> Any:
    """Return each mean's cotangent spread over its window, or None."""
    if g.dtype.kind not in "fV" or type_of(g.dtype) is None or not g.size or not usable():
        return None
    lead = g.shape[: g.ndim - len(kernel)]
    like = np.broadcast_to(g.reshape(-1)[0], (*lead, *spatial))
    windows = _windows(like, kernel, stride, padding, ())
    if windows is None:
        return None
    if _channels_last(g, len(kernel)):
        n, channels = windows.lead
        blocks = -(-channels // kernels.BLOCK)
        out, kind = _sums(g, (n, *spatial, channels))
        kernels.window_spread_last.at(T=type_of(g.dtype), U=kind)(
            n * blocks, windows.grain(n * blocks), np.moveaxis(g, 1, -1), out, channels, blocks,
            *windows.numbers, int(include), float(divisor),
        )  # fmt: skip
        out = np.moveaxis(out, -1, 1)
        return out if out.dtype == g.dtype else out.astype(g.dtype)
    if kernel == tuple(spatial) and not any(low or high for low, high in padding):
        out = np.empty(like.shape, g.dtype)
        kernels.plane_spread.at(T=type_of(g.dtype))(
            windows.planes, windows.grain(windows.planes), np.ascontiguousarray(g), out,
            windows.size, float(divisor or windows.size),
        )  # fmt: skip
        return out
    out, kind = _sums(g, like.shape)
    kernels.window_spread.at(T=type_of(g.dtype), U=kind, STEP=windows.known["STEP"])(
        windows.planes, windows.grain(windows.planes), np.ascontiguousarray(g), out,
        *windows.numbers, int(include), float(divisor),
    )  # fmt: skip
    return out if out.dtype == g.dtype else out.astype(g.dtype)
