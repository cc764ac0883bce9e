"""The greatest element along dims that may be empty, as kernels need it to scale what follows."""

from __future__ import annotations

from typing import Any


def highest(xp: Any, x: Any, dim: Any, otherwise: float) -> Any:
    """Return the maxima along dims, which stay with length 1; of nothing, a number.

    NumPy's ``initial=`` says the same, which CuPy has not.

    Args:
        xp: the array namespace.
        x: an array, real-valued.
        dim: the dims from 0, an int or a tuple; None for all.
        otherwise: the maximum of nothing.
    """
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    kept = list(x.shape)
    for at in dims:
        if kept[at] == 0:
            for other in dims:
                kept[other] = 1
            return xp.full(tuple(kept), otherwise, x.dtype)
    return xp.max(x, axis=tuple(dims), keepdims=True)
