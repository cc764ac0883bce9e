"""Which input pixels make an output pixel, and with what weights: one axis of a resize.

An output pixel i of n covers the input interval around its centre (i + 1/2) · scale, where
scale = input size / output size. With antialiasing the interpolation kernel is stretched by
max(scale, 1), so that shrinking averages all the pixels it covers; without, it always spans one
input pixel. The weights of a pixel are normalised to sum to one.

Source: Pillow's `resample.c` (the antialiased rule, kernels and rounding), which PyTorch's
`interpolate(antialias=True)` follows, and PyTorch's `interpolate` for the rule without.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable
from typing import NamedTuple

# Keys' cubic convolution parameter. Pillow, and PyTorch with antialiasing, use -1/2;
# PyTorch without antialiasing uses -3/4.
_CUBIC_ANTIALIASED = -0.5
_CUBIC_PLAIN = -0.75


class Taps(NamedTuple):
    """The weights of one output pixel over input pixels `start`, `start + 1`, …"""

    start: int
    weights: tuple[float, ...]


@functools.lru_cache(maxsize=64)
def taps(input_size: int, output_size: int, kernel: str, antialias: bool) -> tuple[Taps, ...]:
    """The taps of every output pixel along one axis.

    Args:
        input_size: pixels before, at least 1.
        output_size: pixels after, at least 1.
        kernel: "bilinear" or "bicubic".
        antialias: stretch the kernel when shrinking.
    """
    scale = input_size / output_size
    rule = _antialiased if antialias else _plain
    return tuple(rule(i, scale, input_size, kernel) for i in range(output_size))


def nearest_indices(input_size: int, output_size: int, *, exact: bool) -> list[int]:
    """The input pixel that each output pixel copies.

    It is floor(i · scale), or exactly floor((i + 1/2) · scale). PyTorch computes this in single
    precision, which decides where the product falls on or just beside an integer (in one of fifty
    pairs of sizes); so it is done here too.
    """
    scale = _single(input_size / output_size)
    offset = 0.5 if exact else 0.0
    return [min(int(_single((i + offset) * scale)), input_size - 1) for i in range(output_size)]


def _single(x: float) -> float:
    """The nearest single-precision number."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


def _antialiased(i: int, scale: float, size: int, kernel: str) -> Taps:
    """Pillow's rule: the window is cut at the border and the rest renormalised."""
    shape, radius = _KERNELS[kernel]
    stretch = max(scale, 1.0)
    centre = (i + 0.5) * scale
    start = max(int(centre - radius * stretch + 0.5), 0)
    stop = min(int(centre + radius * stretch + 0.5), size)
    weights = [shape((j + 0.5 - centre) / stretch, _CUBIC_ANTIALIASED) for j in range(start, stop)]
    total = math.fsum(weights)
    return Taps(start, tuple(w / total for w in weights))


def _plain(i: int, scale: float, size: int, kernel: str) -> Taps:
    """PyTorch's rule without antialiasing: the border pixel stands for all beyond it."""
    shape, radius = _KERNELS[kernel]
    centre = (i + 0.5) * scale - 0.5
    if kernel == "bilinear":
        centre = max(centre, 0.0)
    first = math.floor(centre) - int(radius) + 1
    start, stop = max(first, 0), min(first + 2 * int(radius), size)
    start = min(start, size - 1)
    folded = [0.0] * max(stop - start, 1)
    for j in range(first, first + 2 * int(radius)):
        inside = min(max(j, 0), size - 1)
        folded[inside - start] += shape(j - centre, _CUBIC_PLAIN)
    return Taps(start, tuple(folded))


def _triangle(x: float, _: float) -> float:
    return max(1.0 - abs(x), 0.0)


def _cubic(x: float, a: float) -> float:
    x = abs(x)
    if x < 1.0:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    if x < 2.0:
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return 0.0


_KERNELS: dict[str, tuple[Callable[[float, float], float], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic, 2.0),
}
