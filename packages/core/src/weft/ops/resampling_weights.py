"""Which elements of a dim, with which weights, make each element of the resampled dim.

Everything here follows from lengths and settings, never from data. The arithmetic is done in the
precision PyTorch uses, so that an index that lies on a boundary falls to the same side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np

#: Elements that meet a filter, at scale 1.
_WIDTHS = {"linear": 2, "cubic": 4, "lanczos": 6}
_CUBIC = -0.75  # Keys' parameter without antialiasing, as in PyTorch
_CUBIC_SMOOTH = -0.5  # with it, as in Pillow


def scale_of(length: int, parts: int, align_corners: bool, factor: float | None, own: Any) -> Any:
    """Return how far apart in the input two neighbours of the result are."""
    if align_corners:
        return own(length - 1) / own(parts - 1) if parts > 1 else own(0)
    if factor is not None and factor > 0:
        return own(1.0 / factor)
    return own(length) / own(parts)


def nearest(length: int, parts: int, factor: float | None, exact: bool) -> Any:
    """Return the element, an int64 for each of ``parts``, that is nearest."""
    if not exact and parts in (length, 2 * length):  # whatever the factor before rounding was
        return np.arange(parts) * length // parts
    own = np.float32  # PyTorch's, whatever the tensor's dtype
    at = np.arange(parts).astype(own)
    if exact:
        at = at + own(0.5)
    scaled = np.floor(at * scale_of(length, parts, False, factor, own))
    return np.clip(scaled.astype(np.int64), 0, length - 1)


def _source(length: int, parts: int, align_corners: bool, factor: float | None, own: Any) -> Any:
    scale = scale_of(length, parts, align_corners, factor, own)
    at = np.arange(parts).astype(own)
    return scale * at if align_corners else scale * (at + own(0.5)) - own(0.5)


def linear(length: int, parts: int, align_corners: bool, factor: float | None, own: Any) -> Any:
    """Return two neighbours of each place and their weights, each (2, parts)."""
    if length == parts:
        places = np.stack([np.arange(parts)] * 2)
        return places, np.stack([np.ones(parts, own), np.zeros(parts, own)])
    at = np.maximum(_source(length, parts, align_corners, factor, own), own(0))
    low = np.minimum(at.astype(np.int64), length - 1)
    high = np.minimum(low + 1, length - 1)
    share = np.clip(at - low.astype(own), own(0), own(1))
    return np.stack([low, high]), np.stack([own(1) - share, share])


def _keys(x: Any, a: float) -> Any:
    """Keys' cubic filter of a distance."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0)).astype(x.dtype)


def cubic(length: int, parts: int, align_corners: bool, factor: float | None, own: Any) -> Any:
    """Return four neighbours of each place and their weights, each (4, parts)."""
    at = _source(length, parts, align_corners, factor, own)
    floor = np.floor(at)
    share = at - floor
    offsets = np.arange(-1, 3)[:, None]
    places = np.clip(floor.astype(np.int64) + offsets, 0, length - 1)
    return places, _keys(share - offsets.astype(own), _CUBIC)


def _lanczos(x: Any) -> Any:
    inside = np.abs(x) < 3
    return np.where(inside, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype)


_FILTERS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: np.maximum(1 - np.abs(x), 0).astype(x.dtype),
    "cubic": lambda x: _keys(x, _CUBIC_SMOOTH),
    "lanczos": _lanczos,
}


def smoothed(
    kind: str, length: int, parts: int, align_corners: bool, factor: float | None, own: Any
) -> Any:
    """Return the matrix (length, parts) of a filter that is widened when the dim shrinks."""
    if length == parts:  # as PyTorch does, even where the factor was not quite 1
        return np.eye(length, dtype=own)
    scale = scale_of(length, parts, align_corners, factor, own)
    wide = max(scale, own(1))
    support = own(_WIDTHS[kind] * 0.5) * wide
    centre = scale * (np.arange(parts).astype(own) + own(0.5))
    first = np.maximum((centre - support + own(0.5)).astype(np.int64), 0)
    last = np.minimum((centre + support + own(0.5)).astype(np.int64), length)
    place = np.arange(length)[:, None]
    weights = _FILTERS[kind]((place.astype(own) - centre + own(0.5)) / wide)
    weights = np.where((place >= first) & (place < last), weights, own(0))
    return weights / weights.sum(0, keepdims=True)


def smoothed_taps(
    kind: str, length: int, parts: int, align_corners: bool, factor: float | None, own: Any
) -> Any:
    """Return the same as elements and weights, each (taps, parts), filled up with weights of 0."""
    matrix = smoothed(kind, length, parts, align_corners, factor, own)
    there = matrix != 0
    first = there.argmax(0)
    last = length - there[::-1].argmax(0)
    places = first + np.arange(int((last - first).max()))[:, None]
    inside = places < last
    places = np.minimum(places, length - 1)
    return places, np.where(inside, np.take_along_axis(matrix, places, 0), own(0))
