"""Convolutions in groups of few channels, of arrays in the order of their indices."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import features
from weft._backend.cpu.kernels import grouped as kernels
from weft._backend.cpu.language import f32, usable
from weft._backend.cpu.launch.arrays import dense

_F32 = np.dtype(np.float32)
_ONES = (1, 1)
#: Numbers that a vector holds, sums that are kept at once, and channels of a group, at most.
_LANES, _SUMS, _MOST = 16, 24, 8
#: Multiplications that are worth a thread.
_SHARE = 1 << 18


def forward(x: Any, w: Any, bias: Any, settings: dict[str, Any], turned: bool = False) -> Any:
    """Return a convolution in the order of its indices; None if it is not taken.

    Args:
        x: (N, C, height, width).
        w: (O, C / groups, *window).
        bias: (O,), or None.
        settings: stride, padding, dilation and groups.
        turned: whether it is the way back, from the result's cotangent, x, to the input's.
    """
    groups = settings["groups"]
    if x.dtype is not _F32 or w.dtype is not _F32 or w.ndim != 4 or not x.size or not usable():
        return None
    if bias is not None and (bias.dtype is not _F32 or bias.shape != w.shape[:1]):
        return None
    outs, channels, window = w.shape[0] // groups, w.shape[1], w.shape[2:]
    padding = settings["padding"]
    if turned:
        outs, channels = channels, outs
        padding = tuple(
            (k - 1 - low, k - 1 - high) for k, (low, high) in zip(window, padding, strict=True)
        )
    ((top, below), (left, right)) = padding
    n, _, height, width = x.shape
    rows, columns = height + top + below - window[0] + 1, width + left + right - window[1] + 1
    if x.shape[1] != groups * channels or w.shape[0] % groups or max(outs, channels) > _MOST:
        return None
    if not settings["stride"] == settings["dilation"] == _ONES or min(top, below, left, right) < 0:
        return None
    if columns < _LANES or rows < 1 or not features.has_many_registers():
        return None
    broad = columns + window[1] - 1
    band = min(rows, kernels.ROOM // (channels * broad) - window[0] + 1)
    if band < window[0]:
        return None
    if turned:
        parts = w.reshape(groups, channels, outs, *window)[..., ::-1, ::-1]
        w = parts.swapaxes(1, 2)
    bands = -(-rows // band)
    out = np.empty((n, groups * outs, rows, columns), x.dtype)
    run = kernels.forward.at(
        T=f32, BIAS=bias is not None, CHANNELS=channels, OUTS=outs, HEIGHT=window[0],
        WIDTH=window[1], VECTORS=_vectors(columns, outs),
    )  # fmt: skip
    each = band * columns * outs * channels * window[0] * window[1]
    run(
        n * groups * bands, _SHARE // each + 1, x, dense(w), None if bias is None else dense(bias),
        out, groups, height, width, rows, columns, top, left, band, bands,
    )  # fmt: skip
    return out


def _vectors(columns: int, outs: int) -> int:
    """Return how many vectors of places are computed at once, so that few are computed twice."""
    most = max(1, min(_SUMS // outs, columns // _LANES))
    return min(range(most, 0, -1), key=lambda n: -(-columns // (n * _LANES)) * n)
