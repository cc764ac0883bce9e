"""Convolutions of images in the order of their indices, by kernels whose sums stay in registers.

oneDNN's quick convolutions want the channels side by side, and reach over them with its vectors:
images of few channels are copied for them, and leave much of a vector empty. Weights that stay at
hand in the cache are met here as fast as the processor multiplies, wherever the image's channels
lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import features, threads
from weft._backend.cpu.kernels import direct as kernels
from weft._backend.cpu.language import f32, usable
from weft._backend.cpu.launch import copying, panels
from weft._backend.cpu.launch.arrays import dense, grain

Array = Any

_F32 = np.dtype(np.float32)
#: Numbers that a vector holds.
_LANES = 16
#: Elements of a weight up to which this is quicker, and channels of an image: for the result, and
#: for the weight's cotangent.
MOST_WEIGHTS, MOST_CHANNELS, MOST_OF_WEIGHT = 40_000, 32, 64
#: Multiplications from which on a kernel is worth making, and those that are worth a thread.
LEAST, SHARE = 1 << 18, 1 << 19
#: Channels of an image that lies otherwise, up to which it is copied, and numbers of the weight
#: that each of its own meets, from which that is worth it.
FEW, LEAST_MET = 4, 2048
#: Places whose sums are kept at once: as many as leave registers for what they meet.
_PLACES = (14, 12, 10, 8, 7)
#: Numbers of a window whose sums are kept at once, at most; and numbers of the weight for each
#: channel of a result's cotangent from which on it is worth turning for them.
_TAPS, _LEAST_TAPS = 14, 16
#: Shares of a weight's cotangent, which are added up in the end: of few places and of many.
_SHARES, _MANY = (4, 8), 8192


def is_taken(x: Array, w: Sequence[int], out: Sequence[int], settings: Any) -> bool:
    """Whether a convolution is to be computed here.

    Args:
        x: the images, (N, C, height, width).
        w: the weight's shape, (O, C, *window).
        out: the result's, (N, O, rows, columns).
        settings: stride, padding, dilation and groups.
    """
    return len(w) == 4 and w[1] <= MOST_CHANNELS and _fits(x, w, out, settings)


def is_weight_taken(x: Array, w: Sequence[int], g: Array, settings: Any) -> bool:
    """Whether the cotangent of a convolution's weight is; ``g`` is that of the result."""
    if len(w) != 4 or w[1] > MOST_OF_WEIGHT or max(settings[2]) > 1 or not rows_at_once(*w[2:]):
        return False
    if g.flags.c_contiguous and math.prod(w[1:]) < _LEAST_TAPS:
        return False
    return _fits(x, w, g.shape, settings)


def _fits(x: Array, w: Sequence[int], out: Sequence[int], settings: Any) -> bool:
    if x.dtype is not _F32 or settings[3] != 1:
        return False
    size, window = math.prod(w), w[2] * w[3]
    if size > MOST_WEIGHTS or window == 1 or w[0] % _LANES or out[3] < _PLACES[-1]:
        return False
    copied = w[1] <= FEW and w[0] * window >= LEAST_MET and not any(s % 4 for s in x.strides)
    if not (copied or x.flags.c_contiguous) or math.prod(out[2:]) * out[0] * size < LEAST:
        return False
    return features.has_many_registers() and usable()


class _Geometry:
    """The shapes and steps that both kernels ask for."""

    __slots__ = ("_padded", "_pads", "_run", "shape", "vectors")

    def __init__(self, x: Array, w: Sequence[int], settings: Any) -> None:
        _, ((top, below), (left, right)), _, _ = settings
        n, channels, height, width = x.shape
        self.vectors = 2 if w[0] % (2 * _LANES) == 0 else 1
        self.shape = (n, channels, height + top + below, width + left + right)
        self._pads = (top, left)
        self._padded = self.shape != x.shape
        self._run = kernels.framed.at(T=f32)

    def framed(self, x: Array) -> Array:
        """Return images with zeros around, in the order of their indices."""
        if not self._padded and x.flags.c_contiguous:
            return x
        n, channels, tall, broad = self.shape
        out = np.empty(self.shape, x.dtype)
        item = x.itemsize
        self._run(
            n * channels * tall, grain(broad), x, out, channels, *x.shape[2:], tall, broad,
            *self._pads, *(step // item for step in x.strides),
        )  # fmt: skip
        return out


class Forward:
    """How convolutions of one kind run.

    Args:
        x: (N, C, height, width).
        w: (O, C, *window).
        out: the result's shape, (N, O, rows, columns).
        bias: whether there is a bias.
        relu: whether what is below zero becomes zero.
        settings: stride, padding, dilation and groups.
    """

    __slots__ = ("_geometry", "_grain", "_numbers", "_run", "_shape", "_steps")

    def __init__(
        self, x: Array, w: Array, out: Sequence[int], bias: bool, relu: bool, settings: Any
    ) -> None:
        (row_step, step), _, (down, across), _ = settings
        self._geometry = _Geometry(x, w.shape, settings)
        n, outs, rows, columns = out
        self._shape = (n, rows, columns, outs)
        self._steps = n * rows
        self._grain = SHARE // (columns * w.size) + 1
        _, channels, tall, broad = self._geometry.shape
        self._numbers = (
            channels, tall, broad, outs, rows, columns, row_step, down, across,
        )  # fmt: skip
        self._run = kernels.forward.at(
            T=f32, BIAS=bias, RELU=relu, PLACES=places(columns), STEP=step,
            VECTORS=self._geometry.vectors, HEIGHT=w.shape[2], WIDTH=w.shape[3],
        )  # fmt: skip

    def writes_to(self, out: Array) -> bool:
        """Whether an array's own values could be added to; none's can."""
        return False

    def __call__(self, x: Array, w: Array, bias: Array | None, held: None = None) -> Array:
        """Return the result, (N, O, rows, columns), whose channels lie side by side."""
        x = self._geometry.framed(x)
        w = panels.packed(dense(w).reshape(len(w), -1), turned=True)
        out = ndarray(self._shape, x.dtype)
        self._run(self._steps, self._grain, x, w, bias, out, *self._numbers)
        return out.transpose(0, 3, 1, 2)


def places(columns: int) -> int:
    """Return how many places are computed at once, so that few are computed twice."""
    return min((n for n in _PLACES if n <= columns), key=lambda n: -(-columns // n) * n)


def rows_at_once(height: int, width: int) -> int:
    """Return of how many rows of a window the sums are kept at once; 0 if one has too many."""
    if width > _TAPS:
        return 0
    return height if height * width <= _TAPS else 1


class ToWeight:
    """How the cotangents of the weights of convolutions of one kind are computed.

    Args:
        x: (N, C, height, width).
        g: the cotangent of the result, (N, O, rows, columns).
        shape: the weight's shape, (O, C, *window).
        settings: stride, padding, dilation and groups.
    """

    __slots__ = (
        "_geometry", "_grain", "_numbers", "_parts", "_plain", "_run", "_shape", "_shares",
        "_sum",
    )  # fmt: skip

    def __init__(self, x: Array, g: Array, shape: Sequence[int], settings: Any) -> None:
        (row_step, step), _, _, _ = settings
        outs, channels, height, width = shape
        self._geometry = _Geometry(x, shape, settings)
        self._shape = tuple(shape)
        n, _, rows, columns = g.shape
        self._shares = max(_SHARES[n * rows * columns >= _MANY], threads.count())
        self._parts = self._shares * math.prod(shape)
        self._grain = SHARE // (math.prod(shape) * n * rows * columns // self._shares + 1) + 1
        _, _, tall, broad = self._geometry.shape
        self._numbers = (channels, tall, broad, outs, rows, columns, row_step, n)
        self._plain = g.flags.c_contiguous
        given = {"T": f32, "VECTORS": self._geometry.vectors, "HEIGHT": height, "WIDTH": width}
        self._run = kernels.to_weight.at(
            **given, STEP=step, ROWS=rows_at_once(height, width), PLAIN=self._plain
        )
        self._sum = kernels.gathered.at(**given)

    def __call__(self, x: Array, g: Array) -> Array:
        """Return the cotangent, (O, C, *window)."""
        x = self._geometry.framed(x)
        if not self._plain:
            g = _last(g)
        parts = np.zeros(self._parts, x.dtype)
        self._run(self._shares, self._grain, x, g, parts, *self._numbers, self._shares)
        out = ndarray(self._shape, x.dtype)
        outs, channels, *window = self._shape
        block = self._geometry.vectors * _LANES
        each = grain(block * math.prod(window) * self._shares)
        self._sum(outs // block * channels, each, parts, out, channels, outs, self._shares)
        return out


def _last(g: Array) -> Array:
    """Return an array (N, C, rows, columns) whose channels lie side by side: this, or a copy."""
    turned = g.transpose(0, 2, 3, 1)
    if turned.flags.c_contiguous:
        return g
    out = ndarray(turned.shape, g.dtype).transpose(0, 3, 1, 2)
    if not copying.into(out, g):
        np.copyto(out, g)
    return out
