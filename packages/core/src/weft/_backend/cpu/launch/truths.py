"""Where elements are not zero: which arrays the kernel takes."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import truths as kernels
from weft._backend.cpu.language import type_of, u8
from weft._backend.cpu.launch.arrays import dense


def true_places(x: Any, *, together: bool) -> Any:
    """Return the places of elements that are not zero; None if it is not taken.

    Args:
        x: the array, of one dim to eight.
        together: whether the numbers of a place lie together, (count, dims); else those of a dim
            do, (dims, count).
    """
    kind = type_of(x.dtype)
    if kind is None or not x.size or not 0 < x.ndim <= 8:
        return None
    x = dense(x)
    total, dims, width = int(np.count_nonzero(x)), x.ndim, x.shape[-1]
    out = np.empty((total, dims) if together else (dims, total), np.int64)
    steps = (dims, 1) if together else (1, total)
    kernels.true_places.at(T=u8 if kind.kind == "b" else kind, DIMS=dims - 1)(
        1, 1, x, out, np.array(x.shape, np.int64), x.size // width, width, total, *steps
    )
    return out
