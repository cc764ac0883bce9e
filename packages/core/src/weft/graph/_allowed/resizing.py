"""The function of graphs that resizes, by whichever rule of coordinates a file asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import weft
from weft import Tensor
from weft.graph._allowed.shaping import dims_of, listed
from weft.graph._function import own
from weft.nn import functional

__all__: list[str] = []

_MODES = ("nearest", "linear", "cubic")
_COORDINATES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
    "tf_half_pixel_for_nn", "tf_crop_and_resize",
)  # fmt: skip
_NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_POLICIES = ("stretch", "not_larger", "not_smaller")


@own(
    "resize(input, roi?; scales?: floats, sizes?: ints, dims?: ints, mode?: text,"
    " coordinates?: text, nearest?: text, cubic_a?: float, exclude_outside?: bool,"
    " extrapolation?: float, antialias?: bool, policy?: text)"
)
def resize(
    input: Tensor,
    roi: Tensor | None = None,
    *,
    scales: float | Sequence[float] | None = None,
    sizes: int | Sequence[int] | None = None,
    dims: int | Sequence[int] | None = None,
    mode: str = "nearest",
    coordinates: str = "half_pixel",
    nearest: str = "round_prefer_floor",
    cubic_a: float = -0.75,
    exclude_outside: bool = False,
    extrapolation: float = 0.0,
    antialias: bool = False,
    policy: str = "stretch",
) -> Tensor:
    """Resize `dims` by `scales` or to `sizes`.

    `coordinates` says which place of the input a place of the result comes from, `mode` how the
    value there is made of its neighbours; the names are those of ONNX's Resize.
    """
    for name, value, known in (
        ("mode", mode, _MODES),
        ("coordinates", coordinates, _COORDINATES),
        ("nearest", nearest, _NEAREST),
        ("policy", policy, _POLICIES),
    ):
        if value not in known:
            raise ValueError(f"resize: {name} must be one of {' '.join(known)}, but is {value!r}")
    chosen = dims_of(input, dims, "resize")
    old = [input.shape[dim] for dim in chosen]
    factors, new = _measures(old, scales, sizes, policy)
    changed = [
        place
        for place, (factor, n, o) in enumerate(zip(factors, new, old, strict=True))
        if factor != 1 or n != o or coordinates == "tf_crop_and_resize"
    ]
    plain = (mode, coordinates, nearest, cubic_a, exclude_outside, antialias)
    quick = _quick(input, [chosen[p] for p in changed], [new[p] for p in changed],
                   [factors[p] for p in changed], plain)  # fmt: skip
    if quick is not None:
        return quick
    region = None if roi is None else roi.tolist()
    x = input if input.is_floating_point() else input.to(weft.float32)
    for place in changed:
        ends = None
        if coordinates == "tf_crop_and_resize" and region is not None:
            ends = region[place], region[place + len(region) // 2]
        x = _along(x, chosen[place], new[place], factors[place], ends, mode=mode,
                   coordinates=coordinates, nearest=nearest, cubic_a=cubic_a,
                   exclude_outside=exclude_outside, extrapolation=extrapolation,
                   antialias=antialias)  # fmt: skip
    if input.is_floating_point():
        return x
    return (x if mode == "nearest" else x.round()).to(input.dtype)


def _measures(
    old: list[int],
    scales: float | Sequence[float] | None,
    sizes: int | Sequence[int] | None,
    policy: str,
) -> tuple[list[float], list[int]]:
    """Return the factor and the new size of each dim.

    Raises:
        ValueError: not exactly one of scales and sizes is given, or not one for each dim.
    """
    if (scales is None) == (sizes is None):
        raise ValueError("resize: either scales or sizes must be given, and not both")
    given = listed(sizes) if sizes is not None else _floats(scales)
    if len(given) != len(old):
        raise ValueError(f"resize: {len(old)} numbers were required, one a dim, but are {given}")
    if sizes is None:
        factors = [float(factor) for factor in given]
        return factors, [math.floor(size * f) for size, f in zip(old, factors, strict=True)]
    if policy == "stretch":
        return [n / o for n, o in zip(given, old, strict=True)], [int(n) for n in given]
    pick = min if policy == "not_larger" else max
    factor = pick(n / o for n, o in zip(given, old, strict=True))
    return [factor] * len(old), [math.floor(factor * size + 0.5) for size in old]


def _floats(scales: float | Sequence[float] | None) -> list[float]:
    return [scales] if isinstance(scales, int | float) else list(scales or ())


def _quick(
    x: Tensor, dims: list[int], new: list[int], factors: list[float], plain: tuple[object, ...]
) -> Tensor | None:
    """Return what `interpolate` gives where its rule is the one asked for, else None."""
    if not dims:
        return x
    spatial = x.ndim - 2
    if dims != list(range(2, x.ndim)) or not 1 <= spatial <= 3 or not x.is_floating_point():
        return None
    if any(abs(n / x.shape[d] - f) > 1e-7 * f for d, n, f in zip(dims, new, factors, strict=True)):
        return None
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[spatial]
    mode, coordinates, nearest, cubic_a, outside, antialias = plain
    if antialias or outside:
        return None
    if mode == "nearest" and (coordinates, nearest) == ("asymmetric", "floor"):
        return functional.interpolate(x, new, mode="nearest")
    if coordinates not in ("half_pixel", "align_corners"):
        return None
    if mode == "linear":
        name = linear
    elif mode == "cubic" and spatial == 2 and cubic_a == -0.75:
        name = "bicubic"
    else:
        return None
    return functional.interpolate(x, new, mode=name, align_corners=coordinates == "align_corners")


def _along(
    x: Tensor,
    dim: int,
    new: int,
    factor: float,
    ends: tuple[float, float] | None,
    *,
    mode: str,
    coordinates: str,
    nearest: str,
    cubic_a: float,
    exclude_outside: bool,
    extrapolation: float,
    antialias: bool,
) -> Tensor:
    """Resize one dim: each new element is a weighted sum of old ones, a product with a matrix."""
    old = x.shape[dim]
    place = _places(old, new, factor, coordinates, ends)
    if mode == "nearest":
        picked = _rounded(place, nearest).clamp(0, old - 1).to(weft.int64)
        out = x.index_select(dim, picked.to(x.device))
    else:
        spread = max(1.0, 1.0 / factor) if antialias else 1.0
        weights = _weights(place, old, mode, cubic_a, spread, exclude_outside)
        matrix = weights.to(dtype=x.dtype, device=x.device)
        out = weft.matmul(x.movedim(dim, -1), matrix.t()).movedim(-1, dim)
    if coordinates != "tf_crop_and_resize":
        return out
    outside = ((place < 0) | (place > old - 1)).to(x.device)
    shape = [1] * x.ndim
    shape[dim] = new
    return out.masked_fill(outside.reshape(shape), extrapolation)


def _places(
    old: int, new: int, factor: float, coordinates: str, ends: tuple[float, float] | None
) -> Tensor:
    """Return the coordinate in the input of each new element, float64."""
    x = weft.arange(new, dtype=weft.float64)
    if coordinates == "asymmetric":
        return x / factor
    if coordinates == "align_corners":
        # Of the size as it is, so that corners do align: onnxruntime and PyTorch agree, while
        # ONNX's own reference counts with the size before it is rounded.
        return x * ((old - 1) / (new - 1)) if new > 1 else x * 0.0
    if coordinates == "tf_crop_and_resize":
        start, end = ends or (0.0, 1.0)
        if new > 1:
            return start * (old - 1) + x * ((end - start) * (old - 1) / (new - 1))
        return x * 0.0 + 0.5 * (start + end) * (old - 1)
    if coordinates == "tf_half_pixel_for_nn":
        return (x + 0.5) / factor
    if coordinates == "pytorch_half_pixel" and new <= 1:
        return x * 0.0
    half = (x + 0.5) / factor - 0.5
    if coordinates == "half_pixel_symmetric":
        # What rounding the size down took off is taken off at both ends.
        return old / 2 * (1 - new / (factor * old)) + half
    return half


def _rounded(place: Tensor, nearest: str) -> Tensor:
    if nearest == "floor":
        return place.floor()
    if nearest == "ceil":
        return place.ceil()
    if nearest == "round_prefer_floor":
        return (place - 0.5).ceil()
    return (place + 0.5).floor()


def _weights(
    place: Tensor, old: int, mode: str, a: float, spread: float, exclude_outside: bool
) -> Tensor:
    """Return the matrix (new, old) of weights of the old elements in the new ones."""
    reach = math.ceil((1 if mode == "linear" else 2) * spread)
    taps = weft.arange(1 - reach, reach + 1, dtype=weft.float64)
    around = place.floor().unsqueeze(1) + taps  # (new, taps)
    distance = ((around - place.unsqueeze(1)) / spread).abs()
    weight = (1 - distance).clamp(min=0) if mode == "linear" else _cubic(distance, a)
    if exclude_outside:
        weight = weft.where((around < 0) | (around > old - 1), weft.zeros_like(weight), weight)
    if exclude_outside or spread != 1.0:
        weight = weight / weight.sum(1, keepdim=True)
    index = around.clamp(0, old - 1).to(weft.int64)
    empty = weft.zeros((place.shape[0], old), dtype=weft.float64)
    return empty.scatter_add(1, index, weight)


def _cubic(d: Tensor, a: float) -> Tensor:
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return weft.where(d <= 1, near, weft.where(d < 2, far, weft.zeros_like(d)))
