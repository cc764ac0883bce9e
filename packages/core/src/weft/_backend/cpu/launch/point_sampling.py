"""Sampling at points: which arrays its kernels take, and the memory of their results."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import point_sampling as kernels
from weft._backend.cpu.language import usable
from weft._backend.cpu.launch.arrays import FLOATS, WIDE, dense

_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
_PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}
#: Taps of a point by its mode, in two dims and in three.
_TAPS = {"bilinear": (4, 8), "nearest": (1, 1), "bicubic": (16, 0)}
#: Values that a thread gathers at least.
_GRAIN = 8192


class _Call:
    """What one call gives its kernel."""

    def __init__(self, image: Any, grid: Any, mode: str, padding: str, corners: bool) -> None:
        dims = grid.shape[-1]
        taps = _TAPS[mode][dims - 2]
        self.given = {
            "T": FLOATS[image.dtype], "MODE": _MODES[mode], "PADDING": _PADDINGS[padding],
            "CORNERS": corners, "DIMS": dims, "TAPS": taps,
        }  # fmt: skip
        self.points = math.prod(grid.shape[1:-1])
        self.blocks = -(-self.points // kernels.BLOCK)
        self.steps = image.shape[0] * self.blocks
        spatial = image.shape[2:]
        self.spatial = spatial if dims == 3 else (1, *spatial)
        room = threads.count() * taps * kernels.BLOCK
        self.scratch = np.empty(room, np.int32), np.empty(room * (dims + 1), image.dtype)
        self.sums = np.empty(threads.count() * dims * kernels.BLOCK, image.dtype)
        self.sizes = (image.shape[1], self.points, self.blocks, *self.spatial)
        self.grain = max(1, _GRAIN // (kernels.BLOCK * taps * image.shape[1] or 1))


def _taken(image: Any, grid: Any) -> bool:
    return (
        image.dtype in WIDE
        and grid.dtype == image.dtype
        and image.size > 0
        and grid.size > 0
        and math.prod(image.shape[2:]) < 1 << 31
        and usable()
    )


def sample(image: Any, grid: Any, *, mode: str, padding: str, corners: bool) -> Any:
    """Return an image at a grid's points; see the op. None if it is not taken."""
    if not _taken(image, grid):
        return None
    call = _Call(image, grid, mode, padding, corners)
    out = np.empty((*image.shape[:2], *grid.shape[1:-1]), image.dtype)
    kernels.sample.at(**call.given)(
        call.steps, call.grain, dense(image), dense(grid), out, *call.scratch, *call.sizes
    )
    return out


def slopes(
    g: Any, image: Any, grid: Any, *, mode: str, padding: str, corners: bool, to_image: bool,
    to_grid: bool,
) -> Any:  # fmt: skip
    """Return the cotangents of image and grid, empty where not asked for; None if not taken."""
    if not _taken(image, grid) or g.dtype != image.dtype:
        return None
    call = _Call(image, grid, mode, padding, corners)
    g, points = dense(g), dense(grid)
    by_image = np.zeros(image.shape if to_image else 0, image.dtype)
    by_grid = np.empty(grid.shape if to_grid else 0, grid.dtype)
    if to_image:
        n, channels = image.shape[:2]
        parts = min(channels, max(1, 16 // n))
        kernels.image_slopes.at(**call.given)(
            n * parts, max(1, _GRAIN // (g.size * call.given["TAPS"] // (n * parts) + 1)),
            g, points, by_image, *call.scratch, *call.sizes, parts,
        )  # fmt: skip
    if to_grid and mode == "nearest":
        by_grid.fill(0)
    elif to_grid:
        kernels.grid_slopes.at(**call.given)(
            call.steps, call.grain, g, dense(image), points, by_grid, *call.scratch, call.sums,
            *call.sizes,
        )  # fmt: skip
    return by_image, by_grid
