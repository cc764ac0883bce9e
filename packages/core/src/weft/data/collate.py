"""Batches from samples: what has one structure in every sample becomes tensors with a dim more."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import weft
from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._core.errors import ShapeError
from weft._core.tensor import Tensor, wrap
from weft.data._blocks import room

#: From how many bytes on a batch is put together by a kernel.
_LARGE = 4096
_copying = Launcher("copying")

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]


def default_collate(batch: Any) -> Any:
    """Make a batch of a list of samples that have one structure.

    =========================================== ===================================================
    samples                                     batch
    =========================================== ===================================================
    tensors, NumPy arrays, each (...)           tensor (n, ...) of their dtype
    NumPy's numbers                             tensor (n,) of their dtype
    ints, bools                                 tensor (n,) int64, bool
    floats                                      tensor (n,) float64
    str, bytes                                  the list of them
    mappings                                    a mapping of the same kind, of batches
    named tuples                                the same, of batches
    tuples                                      a list of batches
    other sequences                             a sequence of the same kind, of batches
    =========================================== ===================================================

    Other types may be entered in ``default_collate_fn_map``, by their class or a tuple of classes:
    a function ``f(samples, *, collate_fn_map)``.

    Args:
        batch: the samples.

    Returns:
        Any: as listed.

    Raises:
        TypeError: a type is none of these.
        ShapeError: tensors of several shapes, or sequences of several lengths.

    Example:
        >>> weft.data.default_collate([(0, "a"), (1, "b")])
        [tensor([0, 1]), ('a', 'b')]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: Mapping[Any, Callable[..., Any]] | None = None) -> Any:
    """Make a batch of samples by a table of functions.

    Args:
        batch: the samples, at least one.
        collate_fn_map: for a class, or a tuple of classes, what makes a batch of its instances; the
            first that fits counts, one of exactly the first sample's class before all others.

    Returns:
        Any: the batch, as :func:`default_collate` describes for structures.

    Raises:
        TypeError: a type has no function and is no structure.
        ShapeError: sequences of several lengths.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for known, function in collate_fn_map.items():
            if isinstance(first, known):
                return function(batch, collate_fn_map=collate_fn_map)

    def inner(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {key: inner([one[key] for one in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):  # a named tuple
        return kind(*(inner(column) for column in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        lengths = {len(one) for one in batch}
        if len(lengths) > 1:
            raise ShapeError(
                f"default_collate: the {kind.__name__}s of a batch must have one length, got "
                f"{sorted(lengths)}; pass a collate_fn that pads them"
            )
        columns = [inner(column) for column in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _like_sequence(first, columns)
    raise _refused(kind)


def _refused(what: Any) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {what}; pass a collate_fn, or enter it in weft.data.default_collate_fn_map"
    )


def _like_mapping(sample: Any, found: dict[Any, Any]) -> Any:
    """Return the entries as a mapping of the sample's kind, which may have its own attributes."""
    try:
        if isinstance(sample, MutableMapping):
            out = copy.copy(sample)
            out.update(found)
            return out
        return type(sample)(found)
    except TypeError:  # not to be copied or made so
        return found


def _like_sequence(sample: Any, found: list[Any]) -> Any:
    try:
        if isinstance(sample, MutableSequence):
            out = copy.copy(sample)
            for i, value in enumerate(found):
                out[i] = value
            return out
        return type(sample)(found)
    except TypeError:  # such as a range
        return found


def collate_tensor_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Stack tensors; in a worker into memory that need not be copied to be handed over."""
    arrays = [x._data for x in batch if type(x) is Tensor and x._node is None]
    stacked = _stacked(arrays) if len(arrays) == len(batch) else None
    return weft.stack(list(batch)) if stacked is None else wrap(stacked)


def _stacked(arrays: list[Any]) -> Any:
    """Return arrays of one shape and dtype as one; None if they are not.

    In a loader's own process several threads copy what is large, in a worker one.
    """
    first = arrays[0]
    if type(first) is not ndarray:
        return None
    shape, dtype = first.shape, first.dtype
    out = room((len(arrays), *shape), dtype)
    if out.nbytes >= _LARGE and _copying.stacked(arrays, out):
        return out
    if set(map(type, arrays)) != {ndarray}:
        return None
    if not shape:
        if len({one.shape for one in arrays}) > 1 or len({one.dtype for one in arrays}) > 1:
            return None
        out[:] = arrays
        return out
    if any(not one.ndim for one in arrays) or len(set(map(len, arrays))) > 1:
        return None
    try:  # it looks at the other lengths and the dtypes itself
        np.concatenate(arrays, out=out.reshape(len(arrays) * shape[0], *shape[1:]), casting="no")
    except (ValueError, TypeError):
        return None
    return out


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Stack NumPy arrays of numbers into a tensor."""
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise _refused(first.dtype)
    if all(type(one) is ndarray for one in batch) and first.dtype.isnative:
        stacked = _stacked(list(batch))
        if stacked is not None:
            return weft.from_numpy(stacked)
    return collate([weft.as_tensor(one) for one in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Return NumPy's numbers as a tensor."""
    return weft.as_tensor(np.array(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Return floats as a tensor of float64."""
    return wrap(np.array(batch, np.float64))


def collate_int_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Return ints as a tensor of int64, or bools as one of bool."""
    found = np.array(batch)
    if found.ndim == 1 and found.dtype in (np.int64, np.bool_):
        return wrap(found)
    return weft.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Return strings as they are."""
    return batch


#: What makes a batch of a class's instances; users may enter their own.
default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: collate_tensor_fn,
    ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays and numbers within a sample into tensors, and leave the rest.

    This is a :class:`DataLoader`'s ``collate_fn`` where it makes no batches.

    Args:
        data: a sample: tensors, arrays, mappings, sequences ... of any depth.

    Returns:
        Any: the same structure; tuples without names become lists, as in a batch.

    Example:
        >>> weft.data.default_convert({"a": 1, "b": "text"})
        {'a': 1, 'b': 'text'}
    """
    kind = type(data)
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if kind.__module__ == "numpy":
        if isinstance(data, ndarray) and data.dtype.kind in "SUO":
            return data
        return weft.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(one) for one in data))
    if isinstance(data, Sequence):
        converted = [default_convert(one) for one in data]
        return converted if isinstance(data, tuple) else _like_sequence(data, converted)
    return data
