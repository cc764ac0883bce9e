"""Functions of graphs that pool windows with any padding, and whole images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import weft
from weft import Tensor
from weft.graph._allowed.convolving import around, by_rank, evenly, same_pads
from weft.graph._function import own
from weft.nn import functional

__all__: list[str] = []


@dataclass(frozen=True, slots=True)
class _Windows:
    """Where windows lie in an input; `extra` is what ceil mode adds after the padding."""

    kernel: list[int]
    stride: list[int]
    dilation: list[int]
    before: list[int]
    after: list[int]
    extra: list[int]

    @property
    def is_plain(self) -> bool:
        """Whether weft's own pooling has such windows."""
        return (
            self.before == self.after
            and not any(self.extra)
            and all(2 * b <= k for b, k in zip(self.before, self.kernel, strict=True))
        )

    @property
    def pads(self) -> list[int]:
        """All that is put around, first what comes before."""
        return [*self.before, *(a + e for a, e in zip(self.after, self.extra, strict=True))]


def _windows(
    input: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int],
    pads: int | Sequence[int],
    dilation: int | Sequence[int],
    ceil: bool,
    same: str | None,
    who: str,
) -> _Windows:
    spatial = input.ndim - 2
    kernels, steps = evenly(kernel, spatial, 1, who), evenly(stride, spatial, 1, who)
    spread, amounts = evenly(dilation, spatial, 1, who), evenly(pads, 2 * spatial, 0, who)
    if same is not None:
        amounts = same_pads(same, input.shape[2:], kernels, steps, spread)
    before, after = amounts[:spatial], amounts[spatial:]
    extra = [0] * spatial
    if ceil and same is None:
        for dim, size in enumerate(input.shape[2:]):
            padded = size + before[dim] + after[dim]
            rest = padded - (kernels[dim] - 1) * spread[dim] - 1
            places = -(-rest // steps[dim]) + 1
            # A window that begins in the padding after the input has nothing to pool.
            if (places - 1) * steps[dim] >= size + before[dim]:
                places -= 1
            extra[dim] = max(0, (places - 1) * steps[dim] - rest)
    return _Windows(kernels, steps, spread, before, after, extra)


def _lowest(x: Tensor) -> float | int:
    return float("-inf") if x.is_floating_point() else weft.iinfo(x.dtype).min


_WINDOWS = "kernel: ints, stride?: ints, pads?: ints, dilation?: ints, ceil?: bool, same?: text"


@own(f"max_pool(input; {_WINDOWS})")
def max_pool(
    input: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
    same: str | None = None,
) -> Tensor:
    """The largest element of each window; padding is never the largest."""
    w = _windows(input, kernel, stride, pads, dilation, ceil, same, "max_pool")
    function = by_rank("max_pool", input, "max_pool")
    whole = None
    if not input.is_floating_point():  # pooling is of floats: these hold small integers exactly
        whole, input = input.dtype, input.to(weft.float64)
    if w.is_plain:
        out: Tensor = function(input, w.kernel, w.stride, w.before, w.dilation)
    else:
        padded = around(input, w.pads, _lowest(input))
        out = function(padded, w.kernel, w.stride, 0, w.dilation)
    return out if whole is None else out.to(whole)


@own(f"max_pool_with_places(input; {_WINDOWS}, column_major?: bool) -> 2")
def max_pool_with_places(
    input: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
    same: str | None = None,
    column_major: bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and where it stands in the whole flattened input.

    `column_major` counts within an image with the first spatial dim fastest.
    """
    w = _windows(input, kernel, stride, pads, dilation, ceil, same, "max_pool_with_places")
    function = by_rank("max_pool", input, "max_pool_with_places")
    padded = around(input, w.pads, _lowest(input))
    out, place = function(padded, w.kernel, w.stride, 0, w.dilation, False, True)
    sizes = input.shape[2:]
    coordinates = []
    for dim in reversed(range(len(sizes))):
        coordinates.append(weft.remainder(place, padded.shape[dim + 2]) - w.before[dim])
        place = weft.floor_divide(place, padded.shape[dim + 2])
    inside, factor = weft.zeros_like(place), 1
    for dim in range(len(sizes)) if column_major else reversed(range(len(sizes))):
        inside = inside + coordinates[len(sizes) - 1 - dim] * factor
        factor *= sizes[dim]
    images = weft.arange(input.shape[0] * input.shape[1], device=input.device)
    first = images.reshape(*input.shape[:2], *[1] * len(sizes)) * math.prod(sizes)
    return out, inside + first


def _window_sums(x: Tensor, w: _Windows) -> Tensor:
    """Return the sum of each window, one dim after the other."""
    for dim, (k, s, d) in enumerate(zip(w.kernel, w.stride, w.dilation, strict=True)):
        places = (x.shape[dim + 2] - (k - 1) * d - 1) // s + 1
        key = [slice(None)] * x.ndim
        total = None
        for tap in range(k):
            key[dim + 2] = slice(tap * d, tap * d + (places - 1) * s + 1, s)
            part = x[tuple(key)]
            total = part if total is None else total + part
        assert total is not None
        x = total
    return x


@own(f"mean_pool(input; {_WINDOWS}, include_pads?: bool)")
def mean_pool(
    input: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
    same: str | None = None,
    include_pads: bool = False,
) -> Tensor:
    """The mean of each window, of what lies in the input, or in the padding too."""
    w = _windows(input, kernel, stride, pads, dilation, ceil, same, "mean_pool")
    if w.is_plain and all(d == 1 for d in w.dilation):
        function = by_rank("avg_pool", input, "mean_pool")
        out: Tensor = function(input, w.kernel, w.stride, w.before, False, include_pads)
        return out
    counted = weft.ones((1, 1, *input.shape[2:]), dtype=input.dtype, device=input.device)
    if include_pads:
        counted = around(counted, [*w.before, *w.after], 1.0)
        counted = around(counted, [*([0] * len(w.extra)), *w.extra])
    else:
        counted = around(counted, w.pads)
    return _window_sums(around(input, w.pads), w) / _window_sums(counted, w)


@own(f"lp_pool(input; {_WINDOWS}, p?: int)")
def lp_pool(
    input: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil: bool = False,
    same: str | None = None,
    p: int = 2,
) -> Tensor:
    """The p-norm of each window."""
    w = _windows(input, kernel, stride, pads, dilation, ceil, same, "lp_pool")
    return _window_sums(around(input.abs() ** p, w.pads), w) ** (1.0 / p)


@own("max_unpool(input, places; kernel: ints, stride?: ints, pads?: ints, output_size?: ints)")
def max_unpool(
    input: Tensor,
    places: Tensor,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    output_size: int | Sequence[int] | None = None,
) -> Tensor:
    """Put elements where `max_pool_with_places` found them, among zeros.

    Places count within the smallest image that the windows can come from; `output_size` may be
    larger, and has zeros after it.
    """
    spatial = input.ndim - 2
    kernels = evenly(kernel, spatial, 1, "max_unpool")
    steps = evenly(stride, spatial, 1, "max_unpool")
    amounts = evenly(pads, 2 * spatial, 0, "max_unpool")
    sizes = [
        (size - 1) * s + k - b - a
        for size, s, k, b, a in zip(
            input.shape[2:], steps, kernels, amounts[:spatial], amounts[spatial:], strict=True
        )
    ]
    total = input.shape[0] * input.shape[1] * math.prod(sizes)
    empty = weft.zeros(total, dtype=input.dtype, device=input.device)
    out = empty.scatter(0, places.reshape(-1), input.reshape(-1))
    out = out.reshape(*input.shape[:2], *sizes)
    if output_size is None:
        return out
    wanted = list(evenly(output_size, input.ndim, 1, "max_unpool"))[2:]
    missing = [want - size for want, size in zip(wanted, sizes, strict=True)]
    return around(out, [*([0] * spatial), *missing])


@own("mean_over_places(input)")
def mean_over_places(input: Tensor) -> Tensor:
    """The mean of each channel, all dims after the second reduced to one."""
    return input.mean(list(range(2, input.ndim)), keepdim=True)


@own("largest_over_places(input)")
def largest_over_places(input: Tensor) -> Tensor:
    """The largest element of each channel, all dims after the second reduced to one."""
    return input.amax(list(range(2, input.ndim)), keepdim=True)


@own("norm_over_places(input; p?: int)")
def norm_over_places(input: Tensor, p: int = 2) -> Tensor:
    """The p-norm of each channel, all dims after the second reduced to one."""
    return (input.abs() ** p).sum(list(range(2, input.ndim)), keepdim=True) ** (1.0 / p)


@own("grid_sample_over(input, grid; mode?: text, padding?: text, align_corners?: bool)")
def grid_sample_over(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool = False,
) -> Tensor:
    """Sample images at the places of a grid, as `weft.nn.functional.grid_sample`."""
    return functional.grid_sample(input, grid, mode, padding, align_corners)
