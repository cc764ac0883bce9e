"""Conversions to another dtype as machine code."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend import np
from weft._backend.cpu import switches
from weft._backend.cpu.launch.elementwise import Formula, prepared
from weft._backend.numpy_ import HALF

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
