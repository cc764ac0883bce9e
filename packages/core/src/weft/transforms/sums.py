"""Adding up the cotangents that reach one node, as arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray, np
from weft._core.tensor import wrap


def summed(held: Any, g: Any, owned: bool) -> tuple[Any, bool]:
    """Return a sum and whether its memory is its own.

    Args:
        held: what came before.
        g: what has come now.
        owned: whether nothing else can hold the memory of ``held``, which is then written to.
    """
    if type(held) is not ndarray or type(g) is not ndarray or held.dtype is not g.dtype:
        return (wrap(held) + wrap(g))._data, owned
    if owned:
        np.add(held, g, held)
        return held, True
    if held.itemsize > 2 and held.ndim:
        return held + g, True
    return (wrap(held) + wrap(g))._data, False
