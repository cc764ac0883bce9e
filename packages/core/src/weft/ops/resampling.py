"""Resampling to another size: nearest, linear, cubic, by area, with or without antialiasing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

from weft._core import catalogue, dtypes
from weft._core.errors import ShapeError, did_you_mean
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from weft.ops.resampling_taps import SMOOTH, resampled

_N = TypeVar("_N", int, float)

_F = catalogue.FUNCTIONAL
#: How many spatial dims a mode takes, and what it does along each.
_MODES = {
    "nearest": ((1, 2, 3), "nearest"),
    "nearest-exact": ((1, 2, 3), "nearest"),
    "area": ((1, 2, 3), "area"),
    "linear": ((1,), "linear"),
    "bilinear": ((2,), "linear"),
    "trilinear": ((3,), "linear"),
    "bicubic": ((2,), "cubic"),
    "lanczos": ((2,), "lanczos"),
}
_SMOOTH = ("bilinear", "bicubic", "lanczos")
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _per_dim(setting: str, value: Any, count: int, read: Callable[[Any], _N]) -> list[_N]:
    values = list(value) if isinstance(value, (tuple, list)) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"interpolate: {setting} must be one number or {count}, one per spatial dim, got "
            f"{value!r}"
        )
    try:
        numbers = [read(v) for v in values]
    except TypeError:
        numbers = []
    if len(numbers) != count or any(isinstance(v, bool) for v in values) or min(numbers) <= 0:
        raise ValueError(f"interpolate: {setting} must be positive, got {value!r}")
    return numbers


def _sizes(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool
) -> tuple[list[int], list[float | None]]:
    """Return the result's spatial lengths, and the factors that places are computed with."""
    count = input.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"interpolate: needs either size or scale_factor, got size={size!r} and "
            f"scale_factor={scale_factor!r}"
        )
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor needs scale_factor, not size")
        return _per_dim("size", size, count, operator.index), [None] * count
    factors = _per_dim("scale_factor", scale_factor, count, float)
    lengths = [int(n * f) for n, f in zip(input.shape[2:], factors, strict=True)]
    if min(lengths) < 1:
        raise ShapeError(
            f"interpolate: scale_factor={scale_factor!r} leaves nothing of input.shape == "
            f"{tuple(input.shape)}"
        )
    return lengths, [None] * count if recompute else list(factors)


@composite(
    samples=(
        Sample(array(2, 2, 3), 5),
        Sample(array(1, 2, 3, 4), (5, 2)),
        Sample(array(1, 2, 3, 4), None, (1.5, 2.3)),
        Sample(array(1, 1, 2, 3, 2), None, 2.0),
        Sample(array(1, 2, 5), 3, mode="nearest-exact"),
        Sample(array(1, 2, 3, 4), (5, 3), mode="area"),
        Sample(array(1, 2, 7), None, 0.6, mode="area"),
        Sample(array(2, 2, 3), 5, mode="linear"),
        Sample(array(1, 2, 4), None, 1.7, "linear", True),
        Sample(array(1, 2, 3, 4), (5, 7), mode="bilinear"),
        Sample(array(1, 2, 5, 4), (3, 7), None, "bilinear", True),
        Sample(array(1, 1, 5, 4), None, 1.6, "bilinear", False, True),
        Sample(array(1, 1, 5, 4), None, 1.6, "bilinear"),
        Sample(array(1, 1, 2, 3, 2), (3, 2, 4), mode="trilinear"),
        Sample(array(1, 2, 4, 3), (6, 7), mode="bicubic"),
        Sample(array(1, 2, 4, 3), (3, 7), mode="bicubic", align_corners=True),
        Sample(array(1, 2, 7, 4), (3, 6), mode="bilinear", antialias=True),
        Sample(array(1, 2, 8, 5), None, 0.45, mode="bicubic", antialias=True),
    ),
    errors=(
        ErrorSample(array(1, 1, 2), error=ValueError, match="either size or scale_factor"),
        ErrorSample(array(1, 1, 2), 3, mode="bilinear", error=ValueError, match="takes 4 dims"),
        ErrorSample(array(1, 1, 2), 3, mode="linar", error=ValueError, match="'linear'"),
        ErrorSample(array(1, 1, 2), (3, 4), error=ValueError, match="one per spatial dim"),
        ErrorSample(array(1, 1, 2), 0, error=ValueError, match="must be positive"),
        ErrorSample(array(1, 1, 2), 3, align_corners=True, error=ValueError, match="align_corners"),
        ErrorSample(array(1, 1, 2), 3, antialias=True, error=ValueError, match="antialias"),
    ),
    namespaces=_F,
)
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample the spatial dims to a size.

    Args:
        input: (N, C, *spatial), of one to three spatial dims.
        size: the result's spatial lengths, one for all dims or one for each.
        scale_factor: or by what the lengths are multiplied (and rounded down).
        mode: ``"nearest"``, ``"nearest-exact"`` (of centres, without PyTorch's old shift),
            ``"area"`` (means), ``"linear"`` (1 spatial dim), ``"bilinear"`` (2), ``"trilinear"``
            (3), ``"bicubic"`` (2), or ``"lanczos"`` (2, with antialias only).
        align_corners: whether the first and last elements keep their values and the others are
            spread between; False if None. For the modes that mix elements only.
        recompute_scale_factor: whether places are computed from the two lengths instead of from
            scale_factor, which differ where the product was rounded.
        antialias: whether a filter is widened as its dim shrinks; ``"bilinear"``, ``"bicubic"``
            and ``"lanczos"`` only.

    Returns:
        Tensor: (N, C, *size). Half precision is computed in float32; uint8 is rounded.

    Raises:
        ValueError: a setting is out of range, or does not go with the mode.
        ShapeError: a length would be 0.

    Source: PyTorch's ``torch.nn.functional.interpolate``; Keys, IEEE ASSP 29 (1981), for bicubic.
    """
    if mode not in _MODES:
        raise ValueError(
            f"interpolate: mode must be one of {', '.join(_MODES)}, got {mode!r}"
            f"{did_you_mean(mode, _MODES)}"
        )
    counts, kind = _MODES[mode]
    count = input.ndim - 2
    if count not in counts:
        wanted = " or ".join(str(c + 2) for c in counts)
        raise ValueError(
            f"interpolate: mode {mode!r} takes {wanted} dims (N, C, *spatial), got input.shape == "
            f"{tuple(input.shape)}"
        )
    if align_corners is not None and kind in ("nearest", "area"):
        raise ValueError(
            f"interpolate: align_corners is for modes that mix elements, not for {mode!r}"
        )
    if antialias and mode not in _SMOOTH:
        raise ValueError(f"interpolate: antialias is for {', '.join(_SMOOTH)}, not for {mode!r}")
    if kind == "lanczos" and (align_corners or not antialias):
        raise ValueError("interpolate: mode 'lanczos' needs antialias=True and no align_corners")
    recompute = bool(recompute_scale_factor) or (mode == "area" and size is None)
    lengths, factors = _sizes(input, size, scale_factor, recompute)
    if kind == "area":
        out: Tensor = _AREA[count](input, tuple(lengths))
        return out
    settings = {"lengths": tuple(lengths), "factors": tuple(factors)}
    if kind == "nearest":
        return resampled(input, kind=mode, corners=False, **settings)
    own = input.dtype
    if own.category < 2 and own is not dtypes.uint8:
        raise TypeError(f"interpolate: mode {mode!r} needs a floating or uint8 tensor, got {own}")
    corners = bool(align_corners)
    x = input.to(dtypes.float32) if own.itemsize < 2 or (antialias and own.itemsize == 2) else input
    x = resampled(x, kind=SMOOTH + kind if antialias else kind, corners=corners, **settings)
    if own is dtypes.uint8:
        return x.round().clamp(0, 255).to(own)
    return x.to(own)


@composite(
    samples=(
        Sample(array(1, 2, 3, 4), (5, 2)),
        Sample(array(1, 2, 3), None, 2, "linear", True),
    ),
    namespaces=_F,
)
def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Resample the spatial dims: the older name of :func:`interpolate`.

    Args:
        input: (N, C, *spatial).
        size: as of interpolate.
        scale_factor: as of interpolate.
        mode: as of interpolate.
        align_corners: as of interpolate.

    Returns:
        Tensor: (N, C, *size).
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


@composite(samples=(Sample(array(1, 2, 3, 4), (5, 2)),), namespaces=_F)
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Resample to the nearest elements: ``interpolate`` with mode ``"nearest"``.

    Args:
        input: (N, C, *spatial).
        size: as of interpolate.
        scale_factor: as of interpolate.

    Returns:
        Tensor: (N, C, *size).
    """
    return interpolate(input, size, scale_factor, "nearest")


@composite(samples=(Sample(array(1, 2, 3, 4), (5, 2)),), namespaces=_F)
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Resample linearly between aligned corners: ``interpolate`` with mode ``"bilinear"``.

    Args:
        input: (N, C, height, width).
        size: as of interpolate.
        scale_factor: as of interpolate.

    Returns:
        Tensor: (N, C, *size).
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
