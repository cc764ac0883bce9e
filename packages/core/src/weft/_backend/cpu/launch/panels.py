"""Packs matrices in panels, and says how threads share the steps of a recurrent network."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import panels as kernels
from weft._backend.cpu.language import type_of

#: Elements to pack, and multiplications of one step in time, that are worth a thread.
_ELEMENTS, _STEP = 65_536, 100_000
#: Multiplications of all steps that are.
_GRAIN = 1_000_000
#: Bytes of a matrix that each thread may read whole at each step.
_NEAR = 262_144


def side(dtype: Any) -> int:
    """Return how many columns a panel has."""
    return int(128 // dtype.itemsize)


def packed(x: Any, *, turned: bool, parts: int = 1) -> Any:
    """Return the panels of a matrix without gaps: of x (k, n), or turned of x (parts n, k)."""
    if turned:
        n, k = x.shape[0] // parts, x.shape[1]
    else:
        k, n = x.shape
    width = side(x.dtype)
    blocks = -(-n // width)
    out = np.empty(blocks * parts * k * width, x.dtype)
    run = kernels.packed.at(T=type_of(x.dtype), TURNED=turned, PARTS=parts)
    run(blocks, _ELEMENTS // (parts * k * width) + 1, out, x, k, n)
    return out


def shared(time: int, batch: int, weight: Any) -> tuple[bool, int, int]:
    """Return how threads share the steps: whether by units, how many shares, and the grain.

    By sequences nobody waits for anybody, but each thread reads all of the weight at each step; by
    units each keeps its own part of the weight at hand, and all wait for each other at each step.
    """
    hidden = weight.shape[1]
    gates = weight.shape[0] // hidden
    few = batch < 4 * threads.count()
    if (weight.nbytes <= _NEAR and not few) or time == 1:
        rows = _GRAIN // (time * weight.size) + 1
        return False, batch, (rows + 3) // 4 * 4
    width = side(weight.dtype)
    each = batch * gates * hidden * width  # multiplications of a block of units at a step
    return True, -(-hidden // width), -(-_STEP // each)
