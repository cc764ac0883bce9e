"""Adding windows back into images, in one op: the transpose of taking images apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.samples import Sample, array
from weft.ops.families.linear import linear

Pair = tuple[int, int]


def _shape(x: Any, *, spatial: Pair, kernel: Pair, **rest: Any) -> Aval:
    return Aval((x.shape[0], x.shape[1] // math.prod(kernel), *spatial), x.dtype)


def _transpose(g: Any, x: Any, *, spatial: Pair, counts: Pair, **settings: Any) -> Any:
    return windows_taken(g, counts=counts, **settings)


def _batch(size: int, batched: Sequence[bool], x: Any, **settings: Any) -> Any:
    examples, images, rows, windows = x.shape
    out = windows_added(x.reshape((examples * images, rows, windows)), **settings)
    return out.reshape((examples, images, *tuple(out.shape)[1:]))


@linear(
    shape=_shape,
    transpose=_transpose,
    batch=_batch,
    widen=True,
    samples=(
        Sample(
            array(2, 8, 6), spatial=(3, 4), counts=(2, 3), kernel=(2, 2), stride=(1, 1),
            padding=(0, 0), dilation=(1, 1),
        ),
        Sample(
            array(1, 12, 4), spatial=(4, 5), counts=(2, 2), kernel=(2, 3), stride=(2, 2),
            padding=(0, 1), dilation=(1, 2),
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def windows_added(
    xp: Any,
    x: Any,
    *,
    spatial: Pair,
    counts: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Any:
    """Add windows back into images.

    Args:
        input: (N, C prod(kernel), prod(counts)).
        spatial: (height, width) of the images.
        counts: how many windows there are down and across.
        kernel: the windows' lengths.
        stride: from one window to the next.
        padding: what stood around the images.
        dilation: step within a window.

    Returns:
        Tensor: (N, C, height, width).
    """
    images = (x.shape[0], x.shape[1] // math.prod(kernel))
    taps = x.reshape((*images, *kernel, *counts))
    sides = tuple(n + 2 * p for n, p in zip(spatial, padding, strict=True))
    wide = xp.zeros((*images, *sides), x.dtype)
    for tap in itertools.product(*map(range, kernel)):
        region = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, counts, stride, strict=True)
        )
        wide[(..., *region)] += taps[(slice(None), slice(None), *tap)]
    (top, left), (height, width) = padding, spatial
    return wide[..., top : top + height, left : left + width].copy()


_folding = Launcher("folding")


def _fast(x: Any, **settings: Any) -> Any:
    if x.size < 1024:
        return None
    return _folding.windows_added(x, **settings)


prefer(catalogue.ops["windows_added"], _fast)


# --- taking images apart -----------------------------------------------------------------------


def _taken_shape(x: Any, *, counts: Pair, kernel: Pair, **rest: Any) -> Aval:
    return Aval((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(counts)), x.dtype)


def _taken_batch(size: int, batched: Sequence[bool], x: Any, **settings: Any) -> Any:
    examples, images, *rest = tuple(x.shape)
    out = windows_taken(x.reshape((examples * images, *rest)), **settings)
    return out.reshape((examples, images, *tuple(out.shape)[1:]))


@linear(
    shape=_taken_shape,
    transpose=lambda g, x, **settings: windows_added(
        g, spatial=tuple(x.shape)[2:], **settings
    ),
    batch=_taken_batch,
    samples=(
        Sample(
            array(2, 2, 3, 4), counts=(2, 3), kernel=(2, 2), stride=(1, 1), padding=(0, 0),
            dilation=(1, 1),
        ),
        Sample(
            array(1, 2, 4, 5), counts=(2, 2), kernel=(2, 3), stride=(2, 2), padding=(0, 1),
            dilation=(1, 2),
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def windows_taken(
    xp: Any,
    x: Any,
    *,
    counts: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Any:
    """Take images apart into windows: the transpose of ``windows_added``.

    Args:
        input: (N, C, height, width).
        counts: how many windows there are down and across.
        kernel: the windows' lengths.
        stride: from one window to the next.
        padding: zeros around the images.
        dilation: step within a window.

    Returns:
        Tensor: (N, C prod(kernel), prod(counts)).
    """
    wide = xp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    out = xp.empty((*x.shape[:2], *kernel, *counts), x.dtype)
    for tap in itertools.product(*map(range, kernel)):
        region = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, counts, stride, strict=True)
        )
        out[(slice(None), slice(None), *tap)] = wide[(..., *region)]
    return out.reshape((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(counts)))


def _taken_fast(x: Any, **settings: Any) -> Any:
    return _folding.windows_taken(x, **settings) if x.size >= 1024 and _folding else None


prefer(catalogue.ops["windows_taken"], _taken_fast)
