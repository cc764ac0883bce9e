"""What stands in the brackets of ``x[...]``: read, checked, and made a key that NumPy takes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.libraries import nonzero, on_host
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError
from weft._core.tensor import Tensor, wrap
from weft.ops.transfer import beside

Key = tuple[Any, ...]


class _Array:
    """Stands in a key where the next index array goes."""

    def __repr__(self) -> str:
        return "<index>"


ARRAY = _Array()


class _New:
    """Stands in a key where ``True`` or ``False`` adds a dim that an index array then reads."""


NEW = _New()


def read_key(name: str, x: Tensor, key: Any) -> tuple[Key | None, list[Tensor], Key]:
    """Return a key in two steps: a basic one, index arrays, and a key for what the first gives.

    The first is None where one step does. As in PyTorch ints are applied before arrays, so that
    in ``x[0, :, [1, 2]]`` only the list decides where its dim goes.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    arrays: list[Tensor] = []
    read: list[Any] = []
    masks: list[tuple[int, tuple[int, ...]]] = []
    two_steps = False
    for part in parts:
        if part is None or part is Ellipsis or isinstance(part, slice):
            read.append(_plain_slice(name, part) if isinstance(part, slice) else part)
            continue
        number = _number(part)
        if isinstance(number, bool):  # x[True] adds a dim of length 1, x[False] of length 0
            arrays.append(wrap(np.zeros(int(number), np.int64)))
            read.append(NEW)
            two_steps = True
        elif number is not None:
            read.append(number)
        elif isinstance(part, (Tensor, ndarray, list)):
            data = _index_array(name, part)
            if data.dtype is dtypes.bool_:
                masks.append((len(read), tuple(data.shape)))
            for index in _integers(data):
                arrays.append(beside(x, index))
                read.append(ARRAY)
        else:
            raise TypeError(
                f"{name}: an index must be an int, slice, None, Ellipsis, list or an integer "
                f"or boolean tensor, got {type(part).__name__} {part!r}"
            )
    check_basic(name, x, read)
    for position, shape in masks:
        _check_mask(name, x, read, position, shape)
    _check_unread(name, arrays, read)
    if arrays and (two_steps or any(isinstance(part, int) for part in read)):
        basic = [slice(None) if part is ARRAY else None if part is NEW else part for part in read]
        return tuple(basic), arrays, tuple(_second(part) for part in read if type(part) is not int)
    return None, arrays, tuple(read)


def _check_unread(name: str, arrays: Sequence[Tensor], read: Sequence[Any]) -> None:
    """Raise if a 0-d index without a value would be read as an array where it is to be an int.

    An int does not count among the arrays that decide where their dims go; inside ``vmap`` and on
    the meta device an index has no one value, and only where that makes no difference is it taken.
    """
    if all(a.ndim or not isinstance(a._data, (Aval, Boxed)) for a in arrays):
        return
    at = [i for i, part in enumerate(read) if part is ARRAY]
    with_dims = [i for i, a in zip(at, arrays, strict=False) if a.ndim]
    if not with_dims or _in_a_row(at) or not _in_a_row(with_dims):
        return
    if any(part is not ARRAY and type(part) is not int for part in read[: with_dims[0]]):
        raise IndexError(
            f"{name}: a 0-d index whose value is not known here stands apart from the index "
            f"arrays; index by it in a step of its own, as in x[:, 0:2][..., i]"
        )


def _in_a_row(at: Sequence[int]) -> bool:
    return at[-1] - at[0] + 1 == len(at)


def _number(part: Any) -> int | bool | None:
    """Return an index that is one number or truth value, a 0-d tensor too; None if it is not."""
    if isinstance(part, Tensor):
        if part.ndim or isinstance(part._data, (Aval, Boxed)):
            return None
        part = on_host(part._data)
    if isinstance(part, ndarray) and (part.ndim or part.dtype.kind not in "biu"):
        return None
    if isinstance(part, (bool, np.bool_)) or getattr(part, "dtype", None) == np.bool_:
        return bool(part)
    try:
        return operator.index(part)
    except TypeError:
        return None


def _second(part: Any) -> Any:
    """Return the part of the second step's key for one of the whole key: arrays, or everything."""
    if part is ARRAY or part is NEW:
        return ARRAY
    return part if part is Ellipsis else slice(None)


def _dims_used(read: Sequence[Any]) -> int:
    return sum(part is not None and part is not Ellipsis and part is not NEW for part in read)


def _check_mask(
    name: str, x: Tensor, read: Sequence[Any], position: int, shape: tuple[int, ...]
) -> None:
    """Raise unless the mask at a position of the key has the shape of the dims it selects from."""
    dim = _dims_used(read[:position])
    if Ellipsis in read[:position]:
        dim = x.ndim - _dims_used(read[position:])
    own = tuple(x.shape)[dim : dim + len(shape)]
    if own != shape:
        raise IndexError(
            f"{name}: a mask of shape {shape} does not fit dims {dim} to {dim + len(shape) - 1} "
            f"of a tensor of shape {tuple(x.shape)}"
        )


def check_basic(name: str, x: Any, read: Sequence[Any]) -> None:
    """Raise if a key holds too many parts, two Ellipses, or a slice with an end that is no int."""
    used = _dims_used(read)
    if used > len(x.shape):
        raise IndexError(
            f"{name}: {used} indices for a tensor of {len(x.shape)} dimensions (shape "
            f"{tuple(x.shape)})"
        )
    ellipses = sum(part is Ellipsis for part in read)
    if ellipses > 1:
        raise IndexError(f"{name}: an index may hold one Ellipsis, got {ellipses}")
    for part in read:
        if isinstance(part, slice):
            _plain_slice(name, part)


def _plain_slice(name: str, part: slice) -> slice:
    ends = []
    for end in (part.start, part.stop, part.step):
        try:
            ends.append(None if end is None else operator.index(end))
        except TypeError:
            raise TypeError(
                f"{name}: a slice runs between ints, got {type(end).__name__} {end!r}"
            ) from None
    return slice(*ends)


def _index_array(name: str, part: Any) -> Tensor:
    """Return an index as an integer or boolean tensor.

    Raises:
        DTypeError: it is of another dtype; or of uint8, which PyTorch reads as a mask.
    """
    if isinstance(part, list) and not part:
        return wrap(np.zeros(0, np.int64))
    data = part if isinstance(part, Tensor) else wrap(np.asarray(part))
    if data.dtype.category > 1:
        raise DTypeError(f"{name}: an index tensor must be integer or boolean, got {data.dtype}")
    if data.dtype is dtypes.uint8:
        raise DTypeError(
            f"{name}: an index of uint8 may mean places or a mask; write .long() for places or "
            f".bool() for a mask"
        )
    return data


def _integers(data: Tensor) -> list[Tensor]:
    """Return an index as integer tensors: a mask as the places where it is true, one a dim."""
    if data.dtype is dtypes.bool_:
        if isinstance(data._data, Aval):
            raise RuntimeError(
                "getitem: how many places a mask selects depends on its values, which a tensor on "
                "the meta device has not; use weft.where, or masked_fill to write"
            )
        mask = data._data
        if isinstance(mask, Boxed):
            mask = mask.read("an index by a boolean mask")
        return [wrap(places) for places in nonzero(mask)]
    return [data]


def filled(key: Key, arrays: Sequence[Any]) -> Key:
    """Return a key with its index arrays in their places."""
    supply = iter(arrays)
    return tuple(next(supply) if part is ARRAY else part for part in key)


def out_of_range(
    error: Exception,
    shape: tuple[int, ...],
    indices: Sequence[Any],
    key: Key,
    name: str = "getitem",
) -> IndexError:
    """Return an error that names the dim, the index and the length, where one index is beyond."""
    supply = iter(indices)
    used = _dims_used(key)
    dim = 0
    for part in key:
        if part is Ellipsis:
            dim += len(shape) - used
        elif part is not None and part is not NEW:
            own = next(supply) if part is ARRAY else part
            if isinstance(own, (int, ndarray)):
                places, length = np.asarray(own), shape[dim]
                bad = places[(places < -length) | (places >= length)]
                if bad.size:
                    return IndexError(
                        f"{name}: index {bad.flat[0]} is out of range for dim {dim} of length "
                        f"{length} of a tensor of shape {tuple(shape)}"
                    )
            dim += 1
    return IndexError(f"{name}: {error}; the tensor has shape {tuple(shape)}")
