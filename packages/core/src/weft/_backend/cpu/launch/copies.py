"""Copies in another dtype or another order, as machine code."""

from __future__ import annotations

import functools
import math
from typing import Any

from weft._backend import np
from weft._backend.cpu import switches
from weft._backend.cpu.kernels.copies import TILE, transposed
from weft._backend.cpu.language import u8, u16, u32, u64, usable
from weft._backend.cpu.launch.elementwise import Formula, joined, prepared, steps_of
from weft._backend.numpy_ import HALF

_OF_SIZE = {1: u8, 2: u16, 4: u32, 8: u64}
_F64 = np.dtype(np.float64)


def _itself(xp: Any, x: Any) -> Any:
    return x


@functools.cache
def _conversion(have: Any, to: Any) -> Formula | None:
    """Return the kernel of a conversion; None where NumPy rounds otherwise, or as quickly."""
    if have.kind in "fV" and to.kind in "iu":
        return None  # what is out of range differs by system
    if to in HALF and (have == _F64 or have.kind in "iu"):
        return None  # it would be rounded twice
    return prepared("converted", _itself, (have,), {}, to)


def converted(x: Any, dtype: Any) -> Any:
    """Return an array in another dtype; None where NumPy is to do it."""
    if not switches.codegen or x.size < (1024 if x.dtype in HALF or dtype in HALF else 32768):
        return None
    kernel = _conversion(x.dtype, dtype)
    return None if kernel is None else kernel.run((x,), {})


@functools.cache
def _plain(dtype: Any) -> Formula | None:
    return prepared("copied", _itself, (dtype,), {}, dtype)


def ordered(x: Any) -> Any:
    """Return a copy in the order of the indices; None where NumPy is to make it."""
    kind = _OF_SIZE.get(x.itemsize)
    if not switches.codegen or kind is None or x.size < 16384 or not usable():
        return None
    word = np.dtype(f"u{x.itemsize}")
    if x.dtype.hasobject:
        return None
    out = np.empty(x.shape, x.dtype)
    operands = [steps_of(x, x.shape), steps_of(out, x.shape)]
    if None in operands:
        return None
    sizes, steps = joined(x.shape, operands)
    if len(sizes) > 1 and steps[-1][0] != 1:
        if len(sizes) > 3 or steps[-2][0] != 1:
            return None
        apart = steps[0][0] if len(sizes) == 3 else 0
        matrices = math.prod(sizes[:-2])
        rows, columns = sizes[-2:]
        strips = matrices * -(-rows // TILE)
        grain = max(1, 65536 // (TILE * columns))
        transposed.at(T=kind)(strips, grain, x, out, rows, columns, steps[-1][0], apart)
        return out
    copy = _plain(word)
    return None if copy is None or copy.run((x.view(word),), {}, out.view(word)) is None else out
