"""Reading and adding up entries of a dim by number: which cases the kernels take.

Each returns None where a number is out of range too: the general kernel then says which.
"""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import gathering as kernels
from weft._backend.cpu.language import f32, i32, i64, type_of, u8, u16, u32, u64, usable

#: Elements that a thread moves at least.
GRAIN = 32768
#: Rows of fewer bytes are copied by a loop.
_SHORT = 256
_BY_SIZE = {1: u8, 2: u16, 4: u32, 8: u64}
_INDEX = {np.dtype(np.int64): i64, np.dtype(np.int32): i32}
_NO = slice(None)


def _moved(x: Any) -> tuple[Any, int] | None:
    """Return the type to move an array's elements as, and how many of them each makes up."""
    size = x.dtype.itemsize
    if x.dtype.hasobject:
        return None
    if size == 16:
        return u64, 2
    found = _BY_SIZE.get(size)
    return None if found is None else (found, 1)


def _added(x: Any) -> tuple[Any, Any, int] | None:
    """Return the types of what is added and of its sums, and how many numbers an element is."""
    if x.dtype.kind == "c":
        return (type_of(np.dtype(f"f{x.dtype.itemsize // 2}")),) * 2 + (2,)
    if x.dtype.kind == "b":
        return None
    own = type_of(x.dtype)
    return None if own is None else (own, f32 if own.kind == "f" and own.bits == 16 else own, 1)


def _sums(x: Any, shape: Any) -> Any:
    """Return memory for sums: of half precision in float32."""
    return np.empty(
        shape, np.float32 if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype
    )


def _placed(shape: Any, indices: Any, key: Any) -> tuple[int, int] | None:
    """Return the first and the beyond of the dims that index arrays stand at, one after another.

    None if a key says more than that: arrays apart, or slices that part a dim.
    """
    if len(key) == 1 == len(indices):
        return 0, 1
    arrays = [i for i, part in enumerate(key) if part is not Ellipsis and type(part) is not slice]
    if len(arrays) != len(indices) or arrays[-1] - arrays[0] + 1 != len(arrays):
        return None
    if any(part is None or type(part) is int for part in key):
        return None
    if any(type(part) is slice and part != _NO for part in key):
        return None
    first = arrays[0]
    if Ellipsis in key[:first]:
        first = len(shape) - (len(key) - first)
    return first, first + len(arrays)


def _one_index(shape: Any, indices: Any) -> Any:
    """Return index arrays of several dims as one of those dims flattened; None if that fails."""
    if len(indices) == 1:
        own = indices[0]
        return own if own.flags.c_contiguous else np.ascontiguousarray(own)
    for own, length in zip(indices, shape, strict=True):
        if own.size and (own.min() < -length or own.max() >= length):
            return None
    try:
        wrapped = tuple(
            np.where(own < 0, own + length, own) if own.size and own.min() < 0 else own
            for own, length in zip(indices, shape, strict=True)
        )
        flat = wrapped[0].astype(np.int64)
        for own, length in zip(wrapped[1:], shape[1:], strict=True):
            flat = flat * length + own
    except ValueError:  # they do not broadcast
        return None
    return np.ascontiguousarray(flat)


def index(x: Any, *indices: Any, key: Any) -> Any:
    """Return ``x[key]`` for index arrays side by side among whole dims; None if it is not that."""
    moved, span = _moved(x), _placed(x.shape, indices, key)
    if moved is None or span is None or not x.flags.c_contiguous or not usable():
        return None
    if any(own.dtype not in _INDEX for own in indices):
        return None
    start, stop = span
    numbers = _one_index(x.shape[start:stop], indices)
    if numbers is None:
        return None
    out = np.empty((*x.shape[:start], *numbers.shape, *x.shape[stop:]), x.dtype)
    length = math.prod(x.shape[start:stop])
    width = math.prod(x.shape[stop:])
    return out if _take(x, numbers, out, length, width, *moved, wrap=True) else None


def _take(
    x: Any, numbers: Any, out: Any, length: int, width: int, kind: Any, each: int, *, wrap: bool
) -> bool:
    """Read rows by number; whether all numbers were in range."""
    count = numbers.size
    if not out.size:
        return not count or (length > 0 and _in_range(numbers, length, wrap))
    bad = np.zeros(1, np.int64)
    own = _INDEX[numbers.dtype]
    outer = out.size // (count * width)
    width *= each
    if width == 1:
        kernels.take_elements.at(T=kind, I=own, WRAP=wrap)(
            outer * count, GRAIN, x, numbers, out, count, length, bad
        )
    else:
        short = width * kind.size < _SHORT
        ahead = min(4, width * kind.size // 64)
        kernels.take_rows.at(T=kind, I=own, WRAP=wrap, SHORT=short, SIZE=kind.size, AHEAD=ahead)(
            outer * count, max(1, GRAIN // width), x, numbers, out, count, length, width, bad
        )
    return not bad[0]


def all_inside(numbers: Any, length: int) -> bool | None:
    """Whether all numbers are from 0 to below a length; None if kernels cannot tell."""
    kind = _INDEX.get(numbers.dtype)
    if kind is None or not numbers.flags.c_contiguous or not usable():
        return None
    bad = np.zeros(1, np.int64)
    kernels.find_outside.at(I=kind)(numbers.size, GRAIN, numbers, length, bad)
    return not bad[0]


def _in_range(numbers: Any, length: int, wrap: bool) -> bool:
    return bool(numbers.min() >= (-length if wrap else 0) and numbers.max() < length)


def index_add_into_zeros(x: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Return zeros of a shape with values added at the places of a key; None if it is not taken."""
    kinds, span = _added(x), _placed(shape, indices, key) if indices else None
    if kinds is None or span is None or not usable():
        return None
    if any(own.dtype not in _INDEX for own in indices):
        return None
    start, stop = span
    numbers = _one_index(shape[start:stop], indices)
    if numbers is None:
        return None
    wanted = (*shape[:start], *numbers.shape, *shape[stop:])
    if x.shape != wanted:
        x = np.broadcast_to(x, wanted)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if not x.size:
        return None
    kind, total, each = kinds
    length = math.prod(shape[start:stop])
    width = math.prod(shape[stop:])
    outer = x.size // (numbers.size * width)
    width *= each
    out = _sums(x, shape)
    bad = np.zeros(1, np.int64)
    settings = {"T": kind, "I": _INDEX[numbers.dtype], "U": total, "WRAP": True}
    count = numbers.size
    if width == 1:
        grain = max(1, GRAIN // (count + length))
        kernels.add_elements.at(**settings)(outer, grain, x, numbers, out, count, length, bad)
    else:
        # narrow rows are not worth that each thread looks at all numbers
        apart = width >= 16 or outer > 1
        grain = max(1, GRAIN * length // (count * width + length)) if apart else length
        kernels.add_rows_by_target.at(**settings)(
            outer * length, grain, x, numbers, out, count, length, width, bad
        )
    if bad[0]:
        return None
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def picked(x: Any, numbers: Any, *, dim: int) -> Any:
    """Return ``x[..., numbers[...], ...]`` along a dim; None if it is not taken."""
    moved = _moved(x)
    if moved is None or moved[1] != 1 or not x.ndim or numbers.dtype not in _INDEX or not usable():
        return None
    shape = numbers.shape
    if shape[:dim] != x.shape[:dim] or shape[dim + 1 :] != x.shape[dim + 1 :]:
        x = x[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(shape))]
    x, numbers = np.ascontiguousarray(x), np.ascontiguousarray(numbers)
    out = np.empty(shape, x.dtype)
    if not out.size:
        return None
    count, length = shape[dim], x.shape[dim]
    width = math.prod(shape[dim + 1 :])
    outer = out.size // (count * width)
    bad = np.zeros(1, np.int64)
    settings = {"T": moved[0], "I": _INDEX[numbers.dtype]}
    if width == 1:
        kernels.pick_last.at(**settings)(outer * count, GRAIN, x, numbers, out, count, length, bad)
    else:
        kernels.pick.at(**settings)(
            outer * count, max(1, GRAIN // width), x, numbers, out, count, length, width, bad
        )
    return None if bad[0] else out


def scatter_into_zeros(x: Any, numbers: Any, *, dim: int, length: int, shape: Any) -> Any:
    """Return zeros of a shape with elements added where numbers say; None if it is not taken."""
    kinds = _added(x)
    if kinds is None or kinds[2] != 1 or not x.ndim or numbers.dtype not in _INDEX or not usable():
        return None
    own = x.shape
    if own[:dim] != shape[:dim] or own[dim + 1 :] != shape[dim + 1 :] or numbers.shape != own:
        return None
    if not x.size or length != shape[dim]:
        return None
    x, numbers = np.ascontiguousarray(x), np.ascontiguousarray(numbers)
    kind, total, _ = kinds
    count = own[dim]
    width = math.prod(own[dim + 1 :])
    outer = x.size // (count * width)
    out = _sums(x, shape)
    bad = np.zeros(1, np.int64)
    settings = {"T": kind, "I": _INDEX[numbers.dtype], "U": total}
    if width == 1:
        grain = max(1, GRAIN // (count + length))
        kernels.add_picked_last.at(**settings)(outer, grain, x, numbers, out, count, length, bad)
    else:
        grain = max(16 if outer * width >= 64 else 1, GRAIN // (count + length))
        kernels.add_picked_by_lane.at(**settings)(
            outer * width, grain, x, numbers, out, count, length, width, bad
        )
    if bad[0]:
        return None
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def placed(x: Any, numbers: Any, src: Any, *, dim: int) -> Any:
    """Return x with elements overwritten where numbers say, the last one stays; or None."""
    return _combined(x, numbers, src, dim, "set", True)


def scattered_extreme(
    x: Any, numbers: Any, src: Any, *, dim: int, largest: bool, include_self: bool
) -> Any:
    """Return x with the extremes of the elements that meet at each place, or None."""
    return _combined(x, numbers, src, dim, "max" if largest else "min", include_self)


def scattered_product(x: Any, numbers: Any, src: Any, *, dim: int, include_self: bool) -> Any:
    """Return x with the products of the elements that meet at each place, or None."""
    return _combined(x, numbers, src, dim, "mul", include_self)


def _combined(x: Any, numbers: Any, src: Any, dim: int, how: str, own: bool) -> Any:
    if how == "set":
        moved = _moved(x)
        kind = moved[0] if moved is not None and moved[1] == 1 else None
    else:  # half precision is computed in float32 all the way
        kind = None if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else type_of(x.dtype)
        kind = None if x.dtype.kind == "b" else kind
    if kind is None or numbers.dtype not in _INDEX or numbers.shape != src.shape or not usable():
        return None
    shape = numbers.shape
    if shape[:dim] != x.shape[:dim] or shape[dim + 1 :] != x.shape[dim + 1 :] or not src.size:
        return None
    out = np.array(x, order="C")
    numbers, src = np.ascontiguousarray(numbers), np.ascontiguousarray(src)
    count, length = shape[dim], x.shape[dim]
    width = math.prod(shape[dim + 1 :])
    outer = src.size // (count * width)
    bad = np.zeros(1, np.int64)
    seen = None if own else np.zeros(x.shape, np.bool_)
    kernels.combine_picked.at(T=kind, I=_INDEX[numbers.dtype], HOW=how, OWN=own)(
        outer * width,
        max(16 if width > 1 else 1, GRAIN // count),
        src, numbers, out, seen, count, length, width, bad,
    )  # fmt: skip
    return None if bad[0] else out
