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
from weft.ops.unfolding import unfold

Pair = tuple[int, int]


def _shape(x: Any, *, spatial: Pair, kernel: Pair, **rest: Any) -> Aval:
    return Aval((x.shape[0], x.shape[1] // math.prod(kernel), *spatial), x.dtype)


def _transpose(
    g: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, **rest: Any
) -> Any:
    return unfold(g, kernel, dilation, padding, stride)


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
