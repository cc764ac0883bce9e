"""Moving averages of many tensors on, by one kernel call where it can be."""

from __future__ import annotations

from collections.abc import Sequence

from weft import Tensor
from weft._backend.cpu import switches
from weft._core.tensor import version_of


def lerp_all(averages: Sequence[Tensor], current: Sequence[Tensor], share: float) -> None:
    """Move each average by a share of the way to the current tensor, in place."""
    if switches.codegen:
        from weft._backend.cpu.launch import lists

        arrays = [x._data for x in averages], [x._data for x in current]
        if lists.usable() and lists.lerp(*arrays, share):
            for x in averages:
                version_of(x).writes.bump("lerp_")
            return
    for average, x in zip(averages, current, strict=True):
        average.lerp_(x, share)
