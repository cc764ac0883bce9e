"""Functions of graphs for signals and for boxes: Fourier transforms, non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence

import weft
from weft import Tensor
from weft.graph._allowed.shaping import listed
from weft.graph._function import own

__all__: list[str] = []


def _complex(x: Tensor) -> Tensor:
    """Return numbers whose last dim holds a real part, or real and imaginary parts."""
    return weft.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x.squeeze(-1)


@own("dft(input; length?: ints, dim?: ints, inverse?: bool, onesided?: bool)")
def dft(
    input: Tensor,
    length: int | Sequence[int] | None = None,
    dim: int | Sequence[int] = 1,
    inverse: bool = False,
    onesided: bool = False,
) -> Tensor:
    """The discrete Fourier transform along `dim` of (…, 1) or (…, 2) into (…, 2).

    `onesided` gives the half that a real signal needs; with `inverse` it takes that half and gives
    a real signal, (…, 1).
    """
    (along,) = listed(dim)
    along = along % input.ndim
    n = None if length is None else listed(length)[0]
    x = _complex(input)
    if inverse and onesided:
        return weft.fft.irfft(x, n, along).unsqueeze(-1)
    if inverse:
        return weft.view_as_real(weft.fft.ifft(x, n, along))
    if onesided and not x.is_complex():
        return weft.view_as_real(weft.fft.rfft(x, n, along))
    out = weft.fft.fft(x, n, along)
    if onesided:
        out = out.narrow(along, 0, out.shape[along] // 2 + 1)
    return weft.view_as_real(out)


@own("spectrum_of_frames(input, window?; step: ints, length?: ints, onesided?: bool)")
def spectrum_of_frames(
    input: Tensor,
    window: Tensor | None = None,
    *,
    step: int | Sequence[int],
    length: int | Sequence[int] | None = None,
    onesided: bool = True,
) -> Tensor:
    """Cut (batch, time, 1 or 2) into frames `step` apart, without padding; transform each.

    Returns (batch, frames, bins, 2).
    """
    if length is None and window is None:
        raise ValueError("spectrum_of_frames: either a window or a length must be given")
    size = window.shape[0] if length is None and window is not None else listed(length or 0)[0]
    frames = _complex(input).unfold(1, size, listed(step)[0])
    if window is not None:
        if window.shape[0] != size:
            missing = size - window.shape[0]
            window = weft.nn.functional.pad(window, (missing // 2, missing - missing // 2))
        frames = frames * window
    if onesided and not frames.is_complex():
        return weft.view_as_real(weft.fft.rfft(frames))
    out = weft.fft.fft(frames)
    return weft.view_as_real(out[..., : size // 2 + 1] if onesided else out)


@own("suppress_boxes(boxes, scores; most?: ints, overlap?: floats, score?: floats, centred?: bool)")
def suppress_boxes(
    boxes: Tensor,
    scores: Tensor,
    most: int | Sequence[int] = 0,
    overlap: float | Sequence[float] = 0.0,
    score: float | Sequence[float] | None = None,
    centred: bool = False,
) -> Tensor:
    """Keep of (batch, boxes, 4) those that no better box of their class overlaps more than allowed.

    Returns rows of (batch, class, box), int64. Boxes are two corners, (y1, x1, y2, x2), or with
    `centred` (x, y, width, height). At most `most` are kept of a class; 0 keeps none.
    """
    limit, least = _first(overlap), None if score is None else _first(score)
    kept: list[list[int]] = []
    for batch in range(boxes.shape[0]):
        low, high = _corners(boxes[batch], centred)
        area = (high - low).prod(1)
        for kind in range(scores.shape[1]):
            found = _kept(low, high, area, scores[batch, kind], listed(most)[0], limit, least)
            kept += [[batch, kind, one] for one in found]
    return weft.tensor(kept, dtype=weft.int64, device=boxes.device).reshape(len(kept), 3)


def _first(value: float | Sequence[float]) -> float:
    return float(value if isinstance(value, int | float) else value[0])


def _corners(boxes: Tensor, centred: bool) -> tuple[Tensor, Tensor]:
    if centred:
        half = boxes[:, 2:] / 2
        return boxes[:, :2] - half, boxes[:, :2] + half
    first, second = boxes[:, :2], boxes[:, 2:]
    return weft.minimum(first, second), weft.maximum(first, second)


def _kept(
    low: Tensor,
    high: Tensor,
    area: Tensor,
    score: Tensor,
    most: int,
    limit: float,
    least: float | None,
) -> list[int]:
    order = score.argsort(descending=True, stable=True)
    if least is not None:
        order = order[score[order] > least]
    kept: list[int] = []
    while len(kept) < most and order.numel():
        best = int(order[0].item())
        kept.append(best)
        rest = order[1:]
        sides = weft.minimum(high[rest], high[best]) - weft.maximum(low[rest], low[best])
        shared = sides.clamp(min=0).prod(1)
        union = area[rest] + area[best] - shared
        order = rest[(shared <= limit * union) | (union <= 0)]
    return kept
