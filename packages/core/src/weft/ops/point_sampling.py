"""An image at points: one op, its derivative another, and the same by public ops.

What a point is made of is said once, over arrays and over tensors alike (:func:`taps`): elements of
the image (taps), each with its share, and with the derivatives of that share by the coordinates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.creation import zeros
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.gathering import picked
from weft.ops.joining import stack
from weft.ops.reductions import sum
from weft.ops.scattering import scatter_add

_KEYS = -0.75  # the cubic filter's parameter, as in interpolate


class Tap(NamedTuple):
    """One element that points are made of, over arrays or tensors of one number for each point.

    Attributes:
        number: where it is in the flattened spatial dims; 0 if it is not there.
        there: whether it is in the image.
        share: how much it counts.
        slopes: the derivatives of that by the coordinates, x first; none for nearest.
    """

    number: Any
    there: Any
    share: Any
    slopes: tuple[Any, ...]


class _OfTensors:
    """What :func:`taps` takes of an array namespace, over tensors."""

    where = staticmethod(where)

    @staticmethod
    def floor(x: Tensor) -> Tensor:
        out: Tensor = x.detach().floor()
        return out

    @staticmethod
    def rint(x: Tensor) -> Tensor:
        out: Tensor = x.detach().round()
        return out

    @staticmethod
    def abs(x: Tensor) -> Tensor:
        out: Tensor = x.abs()
        return out

    @staticmethod
    def whole(x: Tensor) -> Tensor:
        return x.to(dtypes.int64)


class _OfArrays:
    """The same over arrays."""

    def __init__(self, xp: Any) -> None:
        self.where, self.floor, self.rint, self.abs = xp.where, xp.floor, xp.rint, xp.abs
        self._xp = xp

    def whole(self, x: Any) -> Any:
        return x.astype(self._xp.int64)


def _inside(m: Any, at: Any, length: int, padding: str, corners: bool) -> tuple[Any, Any]:
    """Return places with those beyond the border brought back, and their derivative by before."""
    slope: Any = at * 0 + 1
    if padding == "zeros":
        return at, slope
    if padding == "reflection":
        low, span = (0.0, length - 1.0) if corners else (-0.5, float(length))
        if span == 0:
            at = at * 0
            slope = slope * 0
        else:
            away = m.abs(at - low)
            turned = m.floor(away / span)
            rest = away - turned * span
            even = m.floor(turned * 0.5) * 2 == turned
            slope = m.where((at < low) == even, -slope, slope)
            at = m.where(even, rest, span - rest) + low
    slope = m.where((at > 0) & (at < length - 1), slope, 0.0)
    at = m.where(at > 0, at, 0.0)  # NaN is brought to 0 too, as in PyTorch
    return m.where(at < length - 1, at, float(length - 1)), slope


def _cubic(s: Any, tap: int) -> tuple[Any, Any]:
    """Return the share of one of four taps, and its derivative by the place."""
    a = _KEYS
    if tap in (0, 3):
        t = s + 1 if tap == 0 else 2 - s
        share = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        slope = (3 * a * t - 10 * a) * t + 8 * a
    else:
        t = s if tap == 1 else 1 - s
        share = ((a + 2) * t - (a + 3)) * t * t + 1
        slope = (3 * (a + 2) * t - 2 * (a + 3)) * t
    return share, slope if tap < 2 else -slope


def taps(
    m: Any, grid: Any, spatial: Sequence[int], mode: str, padding: str, corners: bool
) -> list[Tap]:
    """Return what each point is made of.

    Args:
        m: the functions that are used, of arrays or of tensors.
        grid: (..., dims), coordinates from -1 to 1 that name the last spatial dim first.
        spatial: the lengths of the spatial dims.
        mode: as of grid_sample,
        padding: as of there,
        corners: as of there.
    """
    count = len(spatial)
    each: list[list[tuple[Any, Any, Any]]] = []  # for each spatial dim its taps
    for d, n in enumerate(spatial):
        at = grid[..., count - 1 - d]
        place = (at + 1) * ((n - 1) / 2) if corners else ((at + 1) * n - 1) / 2
        scale = (n - 1) / 2 if corners else n / 2
        if mode == "bicubic":
            first = m.floor(place)
            shares = [_cubic(place - first, tap) for tap in range(4)]
            each.append(
                [
                    (_inside(m, first + (tap - 1), n, padding, corners)[0], share, slope * scale)
                    for tap, (share, slope) in enumerate(shares)
                ]
            )
            continue
        place, slope = _inside(m, place, n, padding, corners)
        slope = slope * scale
        if mode == "nearest":
            each.append([(m.rint(place), None, None)])
        else:
            first = m.floor(place)
            share = place - first
            each.append([(first, 1 - share, -slope), (first + 1, share, slope)])
    found = []
    for parts in itertools.product(*each):
        number: Any = 0
        there: Any = None
        for (place, _, _), n in zip(parts, spatial, strict=True):
            fits = (place >= 0) & (place <= n - 1)
            there = fits if there is None else there & fits
            number = number * n + m.whole(m.where(fits, place, 0.0))
        if mode == "nearest":
            found.append(Tap(number, there, None, ()))
            continue
        share = math.prod((part[1] for part in parts[1:]), start=parts[0][1])
        slopes = []
        for d in reversed(range(count)):
            others = (part[1] for e, part in enumerate(parts) if e != d)
            slopes.append(math.prod(others, start=parts[d][2]))
        found.append(Tap(number, there, share, tuple(slopes)))
    return found


# --- by public ops -----------------------------------------------------------------------------


def _values(image: Tensor, tap: Tap) -> Tensor:
    """Return (N, C, *points): the image at a tap, 0 where it is not there."""
    n, channels = tuple(image.shape)[:2]
    spatial = tuple(image.shape)[2:]
    points = tuple(tap.number.shape)[1:]
    flat = image.reshape((n, channels, math.prod(spatial)))
    number = tap.number.reshape((n, 1, math.prod(points)))
    found = picked(flat, number.expand((n, channels, math.prod(points))), dim=2)
    return where(tap.there.unsqueeze(1), found.reshape((n, channels, *points)), 0.0)


def _combined(image: Tensor, found: Sequence[Tap], weights: Sequence[Any]) -> Any:
    """Return the sum of the taps' values, each times a weight."""
    total: Any = None
    for tap, weight in zip(found, weights, strict=True):
        value: Any = _values(image, tap)
        value = value if weight is None else value * weight.unsqueeze(1)
        total = value if total is None else total + value
    return total


def sampled_by_ops(image: Tensor, grid: Tensor, mode: str, padding: str, corners: bool) -> Tensor:
    """Return what :func:`sampled_at` does, of complex numbers too."""
    found = taps(_OfTensors, grid, tuple(image.shape)[2:], mode, padding, corners)
    out: Tensor = _combined(image, found, [tap.share for tap in found])
    return out


def _vjp(
    needs: Any, g: Any, out: Any, image: Any, grid: Any, *, mode: str, padding: str, corners: bool
) -> Any:
    settings = {"mode": mode, "padding": padding, "corners": corners}
    if unrecorded(g, image, grid):
        by_image, by_grid = point_slopes(
            g, image, grid, **settings, to_image=bool(needs[0]), to_grid=bool(needs[1])
        )
        return by_image if needs[0] else None, by_grid if needs[1] else None
    spatial = tuple(image.shape)[2:]
    found = taps(_OfTensors, grid, spatial, mode, padding, corners)
    by_image = by_grid = None
    n, channels = tuple(image.shape)[:2]
    points = math.prod(tuple(grid.shape)[1:-1])
    if needs[0]:
        flat = zeros((n, channels, math.prod(spatial)), dtype=g.dtype, device=g.device)
        for tap in found:
            part = g if tap.share is None else g * tap.share.unsqueeze(1)
            part = where(tap.there.unsqueeze(1), part, 0.0).reshape((n, channels, points))
            number = tap.number.reshape((n, 1, points)).expand((n, channels, points))
            flat = scatter_add(flat, 2, number, part)
        by_image = flat.reshape(tuple(image.shape))
    if needs[1] and mode == "nearest":
        by_grid = grid * 0
    elif needs[1]:
        each = [
            sum(_combined(image, found, [tap.slopes[d] for tap in found]) * g, 1)
            for d in range(len(spatial))
        ]
        by_grid = stack(each, -1)
    return by_image, by_grid


def _jvp(
    tangents: Any, out: Any, image: Any, grid: Any, *, mode: str, padding: str, corners: bool
) -> Any:
    t_image, t_grid = tangents
    moved: Any = None
    if t_image is not None:
        moved = sampled_at(t_image, grid, mode=mode, padding=padding, corners=corners)
    if t_grid is not None and mode != "nearest":
        spatial = tuple(image.shape)[2:]
        found = taps(_OfTensors, grid, spatial, mode, padding, corners)
        for d in range(len(spatial)):
            by = _combined(image, found, [tap.slopes[d] for tap in found])
            term = by * t_grid.select(-1, d).unsqueeze(1)
            moved = term if moved is None else moved + term
    return moved if moved is not None else out * 0


def _merged(size: int, batched: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Return arguments in which the batch axis and that of examples are one."""
    return [
        a.reshape((a.shape[0] * a.shape[1], *tuple(a.shape)[2:]))
        for a in all_batched(size, batched, args)
    ]


def _parted(size: int, x: Any) -> Any:
    return x.reshape((size, x.shape[0] // size, *tuple(x.shape)[1:]))


def _batch(size: int, batched: Sequence[bool], image: Any, grid: Any, **settings: Any) -> Any:
    return _parted(size, sampled_at(*_merged(size, batched, (image, grid)), **settings))


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, **settings: Any) -> Any:
    by_image, by_grid = point_slopes(*_merged(size, batched, args), **settings)
    empty = zeros((size, 0), dtype=args[0].dtype, device=args[0].device)
    return (
        _parted(size, by_image) if settings["to_image"] else empty,
        _parted(size, by_grid) if settings["to_grid"] else empty,
    )


# --- the ops -----------------------------------------------------------------------------------

_IMAGE, _GRID = array(2, 3, 4, 5), array(2, 3, 2, 2, low=-1.3, high=1.3)
_SOLID, _POINTS = array(1, 2, 3, 4, 3), array(1, 2, 2, 3, 3, low=-1.2, high=1.2)
_G = array(2, 3, 3, 2)
_ALONE = not_differentiable("sampled_at calls it only where nothing is recorded")


@custom(
    shape=lambda image, grid, **settings: Aval(
        (*image.shape[:2], *grid.shape[1:-1]), image.dtype
    ),
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("image", "grid"),
    samples=(
        Sample(_IMAGE, _GRID, mode="bilinear", padding="zeros", corners=False),
        Sample(_IMAGE, _GRID, mode="bilinear", padding="border", corners=True),
        Sample(_IMAGE, _GRID, mode="bilinear", padding="reflection", corners=False),
        Sample(_IMAGE, _GRID, mode="nearest", padding="reflection", corners=True),
        Sample(_IMAGE, _GRID, mode="bicubic", padding="zeros", corners=False),
        Sample(_IMAGE, _GRID, mode="bicubic", padding="reflection", corners=True),
        Sample(_SOLID, _POINTS, mode="bilinear", padding="zeros", corners=True),
        Sample(_SOLID, _POINTS, mode="nearest", padding="border", corners=False),
    ),
    keyword_only=("mode", "padding", "corners"),
    namespaces=(),
    methods=(),
    out=False,
    called="grid_sample",
)  # fmt: skip
def sampled_at(xp: Any, image: Any, grid: Any, *, mode: str, padding: str, corners: bool) -> Any:
    """An image at points.

    Args:
        image: (N, C, *spatial), of two or three spatial dims.
        grid: (N, *points, dims), coordinates from -1 to 1 that name the last spatial dim first.
        mode: ``"bilinear"``, ``"nearest"`` or, of two dims, ``"bicubic"``.
        padding: ``"zeros"``, ``"border"`` or ``"reflection"``.
        corners: whether -1 and 1 are the middles of the outermost elements.

    Returns:
        Tensor: (N, C, *points).
    """
    require_real("grid_sample", image)
    n, channels = image.shape[:2]
    points = grid.shape[1:-1]
    flat = image.reshape((n, channels, math.prod(image.shape[2:])))
    total: Any = None
    for tap in taps(_OfArrays(xp), grid, image.shape[2:], mode, padding, corners):
        number = xp.broadcast_to(
            tap.number.reshape((n, 1, math.prod(points))), (n, channels, math.prod(points))
        )
        value = xp.take_along_axis(flat, number, axis=2).reshape((n, channels, *points))
        value = xp.where(tap.there[:, None], value, xp.zeros_like(value))
        value = value if tap.share is None else value * tap.share[:, None]
        total = value if total is None else total + value
    return total


def _slopes_shape(
    g: Any, image: Any, grid: Any, *, to_image: bool, to_grid: bool, **settings: Any
) -> tuple[Aval, Aval]:
    return (
        Aval(image.shape if to_image else (0,), image.dtype),
        Aval(grid.shape if to_grid else (0,), grid.dtype),
    )


@custom(
    shape=_slopes_shape,
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=2,
    samples=(
        Sample(
            _G, _IMAGE, _GRID, mode="bilinear", padding="border", corners=False, to_image=True,
            to_grid=True,
        ),
        Sample(
            _G, _IMAGE, _GRID, mode="nearest", padding="zeros", corners=True, to_image=True,
            to_grid=True,
        ),
        Sample(  # of few terms: those of a cubic's slope cancel
            array(1, 1, 2, 2, low=0.2, high=0.4), array(1, 1, 4, 5, low=0.1, high=0.3),
            array(1, 2, 2, 2), mode="bicubic", padding="reflection", corners=False,
            to_image=False, to_grid=True,
        ),
        Sample(
            array(1, 2, 2, 2, 3), _SOLID, _POINTS, mode="bilinear", padding="zeros", corners=True,
            to_image=True, to_grid=True,
        ),
        Sample(
            array(1, 2, 2, 2, 3), _SOLID, _POINTS, mode="bilinear", padding="reflection",
            corners=False, to_image=True, to_grid=False,
        ),
    ),
    keyword_only=("mode", "padding", "corners", "to_image", "to_grid"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def point_slopes(
    xp: Any,
    g: Any,
    image: Any,
    grid: Any,
    *,
    mode: str,
    padding: str,
    corners: bool,
    to_image: bool,
    to_grid: bool,
) -> tuple[Any, Any]:
    """The cotangents of what :func:`sampled_at` takes.

    Args:
        g: the cotangent of its result.
        image: as there,
        grid: as there.
        mode: as there,
        padding: as there,
        corners: as there.
        to_image: whether the image's is asked for; else that result is empty.
        to_grid: whether the grid's is.

    Returns:
        tuple: the cotangents of image and grid.
    """
    require_real("grid_sample", image)
    n, channels = image.shape[:2]
    points = math.prod(grid.shape[1:-1])
    found = taps(_OfArrays(xp), grid, image.shape[2:], mode, padding, corners)
    flat = image.reshape((n, channels, math.prod(image.shape[2:])))
    cotangent = g.reshape((n, channels, points))
    by_image = xp.zeros(flat.shape if to_image else (0,), image.dtype)
    by_grid = xp.zeros((grid.shape[-1], n, points) if to_grid else (0,), grid.dtype)
    each, every = xp.arange(n)[:, None, None], xp.arange(channels)[None, :, None]
    for tap in found:
        number, there = tap.number.reshape((n, 1, points)), tap.there.reshape((n, 1, points))
        if to_image:
            part = cotangent if tap.share is None else cotangent * tap.share.reshape(number.shape)
            xp.add.at(by_image, (each, every, number), xp.where(there, part, 0))
        for d, slope in enumerate(tap.slopes if to_grid else ()):
            wide = xp.broadcast_to(number, cotangent.shape)
            value = xp.where(there, xp.take_along_axis(flat, wide, axis=2), 0)
            by_grid[d] += (value * cotangent).sum(1) * slope.reshape((n, points))
    return (
        by_image.reshape(image.shape) if to_image else by_image,
        xp.ascontiguousarray(xp.moveaxis(by_grid, 0, -1)).reshape(grid.shape)
        if to_grid
        else by_grid,
    )


prefer_compiled(catalogue.ops["sampled_at"], "point_sampling", "sample")
prefer_compiled(catalogue.ops["point_slopes"], "point_sampling", "slopes")
