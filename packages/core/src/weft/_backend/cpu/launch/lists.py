"""Running kernels over lists of tensors: one call for all that have one dtype."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.kernels import lists as kernels
from weft._backend.cpu.language import Type
from weft._backend.cpu.launch.optimizers import GRAIN, is_dense, share_memory, type_for
from weft._backend.cpu.launch.optimizers import usable as usable

#: Elements whose sum is one number of its own; so the result does not depend on the threads.
BLOCK = 4096
_KINDS = {2.0: 2, 1.0: 1, math.inf: 0}


def norm(arrays: Sequence[Any], order: float) -> float | None:
    """Return the norm of arrays as one vector, summed in float64; None if no kernel takes them.

    Args:
        arrays: of floats, in any layout without gaps.
        order: 1, 2 or infinity. Of complex numbers 2 alone is taken.
    """
    kind = _KINDS.get(order)
    groups = None if kind is None else _by_type(arrays)
    if groups is None or (kind != 2 and any(a.dtype.kind == "c" for a in arrays)):
        return None
    parts = [np.zeros(1)]
    for type, members in groups.items():
        sizes = _sizes(members)
        starts = _starts(-(-sizes // BLOCK))
        out = np.empty(int(starts[-1]))
        kernels.norm_parts.at(T=type, KIND=kind, BLOCK=BLOCK)(
            len(out), max(1, GRAIN // BLOCK), _addresses(members), starts, sizes, out
        )
        parts.append(out)
    every = np.concatenate(parts)
    if kind == 0:
        return float(every.max())
    total = float(every.sum())
    return math.sqrt(total) if kind == 2 else total


def scale(arrays: Sequence[Any], factor: float) -> bool:
    """Multiply arrays by a number in place; False, and nothing done, if no kernel takes them."""
    return _in_place(kernels.scale, arrays, factor)


def bound(arrays: Sequence[Any], low: float, high: float) -> bool:
    """Bring the elements of arrays between two numbers; False if no kernel takes them."""
    if any(a.dtype.kind == "c" for a in arrays):
        return False
    return _in_place(kernels.bound, arrays, low, high)


def lerp(arrays: Sequence[Any], others: Sequence[Any], share: float) -> bool:
    """Move arrays by a share of the way to others, in place; False if no kernel takes them."""
    if share >= 0.5:  # there it is computed from the other end, so that 1 gives the end itself
        return False
    groups = _by_type(arrays)
    alike = all(
        type(b) is ndarray and a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides
        for a, b in zip(arrays, others, strict=True)
    )
    if groups is None or len(groups) != 1 or not alike or not _may_write([*arrays, *others]):
        return False
    ((kind, _),) = groups.items()
    starts = _starts(_sizes(list(arrays)))
    addresses = _addresses(list(arrays)), _addresses(list(others))
    kernels.lerp.at(T=kind)(int(starts[-1]), GRAIN, *addresses, starts, share)
    return True


def _may_write(arrays: Sequence[Any]) -> bool:
    """Whether arrays can be written to and none lies on another."""
    if not all(a.flags.writeable for a in arrays):
        return False
    owners = {id(a if a.base is None else a.base) for a in arrays}
    return len(owners) == len(arrays) or not share_memory(arrays)


def _in_place(kernel: Any, arrays: Sequence[Any], *numbers: float) -> bool:
    groups = _by_type(arrays)
    if groups is None or not _may_write(arrays):
        return False
    for type, members in groups.items():
        starts = _starts(_sizes(members))
        kernel.at(T=type)(int(starts[-1]), GRAIN, _addresses(members), starts, *numbers)
    return True


def _by_type(arrays: Sequence[Any]) -> dict[Type, list[Any]] | None:
    """Return arrays by the type of their elements; None if there is one that kernels refuse."""
    groups: dict[Type, list[Any]] = {}
    types: dict[Any, Type | None] = {}
    for a in arrays:
        if type(a) is not ndarray or not is_dense(a):
            return None
        dtype = a.dtype
        kind = types[dtype] if dtype in types else types.setdefault(dtype, type_for(dtype))
        if kind is None:
            return None
        groups.setdefault(kind, []).append(a)
    return groups


def _addresses(arrays: list[Any]) -> Any:
    return np.array([id(a) for a in arrays], np.int64)


def _sizes(arrays: list[Any]) -> Any:
    """Return how many real numbers each array holds."""
    return np.array([a.size * (2 if a.dtype.kind == "c" else 1) for a in arrays], np.int64)


def _starts(sizes: Any) -> Any:
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts
