"""Triangles of matrices, and arrays with elements of their own around them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import edges as kernels
from weft._backend.cpu.language import u8, u16, u32, u64
from weft._backend.cpu.launch.arrays import dense, grain

_BY_SIZE = {1: u8, 2: u16, 4: u32, 8: u64}


def triangle(x: Any, *, diagonal: int, lower: bool) -> Any:
    """Return one triangle of matrices, the rest 0; None if it is not taken."""
    kind = _BY_SIZE.get(x.dtype.itemsize)
    if kind is None or x.dtype.hasobject or not x.size:
        return None
    rows, width = x.shape[-2:]
    out = np.empty(x.shape, x.dtype)
    # no diagonal lies further out
    diagonal = max(-rows, min(width, diagonal))
    kernels.triangle.at(T=kind, LOWER=lower)(
        x.size // width, grain(width), dense(x), out, rows, width, diagonal
    )
    return out


@functools.lru_cache(64)
def _plan(shape: Any, widths: Any, mode: str, places: Callable[..., Any]) -> tuple[Any, ...]:
    """Return the result's shape, and the kernel's tables: places, sizes and steps of the dims."""
    stretched = tuple(n + low + high for n, (low, high) in zip(shape, widths, strict=True))
    sizes: list[int] = []
    steps: list[int] = []
    tables = []
    step = 1
    for dim in range(len(shape) - 2, -1, -1):
        step *= shape[dim + 1]
        sizes.append(stretched[dim])
        steps.append(step)
        tables.append(places(np, mode, shape[dim], *widths[dim]))
    own = places(np, mode, shape[-1], *widths[-1])
    low, high = widths[-1]
    edge = np.concatenate([own[:low], own[stretched[-1] - high :]])
    told = np.concatenate([*tables[::-1], edge, [0]]).astype(np.int64)
    return stretched, told, *(np.array([*one[::-1], 0], np.int64) for one in (sizes, steps))


def surrounded(x: Any, *, widths: Any, mode: str, places: Callable[..., Any]) -> Any:
    """Return an array with elements of its own around it; None if it is not taken.

    Args:
        x: the array.
        widths: (before, after) for every dim.
        mode: what stands around.
        places: ``places(np, mode, length, low, high)``, which element of a dim stands at each place
            of the result.
    """
    kind = _BY_SIZE.get(x.dtype.itemsize)
    if kind is None or x.dtype.hasobject or not x.size or not x.ndim:
        return None
    shape, told, sizes, steps = _plan(x.shape, widths, mode, places)
    out = np.empty(shape, x.dtype)
    kernels.surround.at(T=kind)(
        out.size // shape[-1], grain(shape[-1]), dense(x), out, told, sizes, steps, x.ndim - 1,
        x.shape[-1], *widths[-1],
    )  # fmt: skip
    return out
