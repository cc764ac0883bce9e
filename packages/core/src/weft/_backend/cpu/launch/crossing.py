"""Starts the kernel of cross products."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import crossing as kernels
from weft._backend.cpu.launch.arrays import FLOATS, WIDE, dense

_GRAIN = 8192
_made: dict[Any, Any] = {}


def cross(x: Any, y: Any, *, dim: int) -> Any:
    """Return the cross products along a dim; see the op. None if they are not taken."""
    dtype = x.dtype
    if dtype not in WIDE or y.dtype != dtype or x.shape != y.shape or not x.size:
        return None
    apart = math.prod(x.shape[dim + 1 :])
    run = _made.get((dtype, apart == 1))
    if run is None:
        run = kernels.cross.at(T=FLOATS[dtype], APART=1 if apart == 1 else 0)
        _made[dtype, apart == 1] = run
    out = np.empty(x.shape, dtype)
    run(x.size // 3, _GRAIN, dense(x), dense(y), out, apart)
    return out
