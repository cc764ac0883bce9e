"""Copies, deep copies, pickles, instances of subclasses.

Tensors that share memory share it again after a deep copy of both together, as PyTorch's do with
their storage: what is copied is the whole memory, once. A tensor that has no views is copied alone.
A pickle does the same for tensors that are the whole of their memory (reshaped, transposed,
detached); of a part it holds the part alone, so that an item of a large data set stays small.
"""

from __future__ import annotations

import copyreg
from typing import Any

from weft._backend import ndarray, np
from weft._backend.libraries import by_array
from weft._backend.libraries import copied as copied_array
from weft._core import dtypes
from weft._core.errors import GradError
from weft._core.node import Version, Writes
from weft._core.tensor import Tensor, detached_version, version_of
from weft._tensor.access import array_of
from weft._tensor.gradients import is_leaf, requires_grad_
from weft.ops import creation


class _Place:
    """Where in a memory an array lies: enough to make its like over a copy of the memory."""

    __slots__ = ("dtype", "offset", "shape", "strides")

    def __init__(self, array: Any, memory: Any) -> None:
        self.dtype, self.shape, self.strides = array.dtype, array.shape, array.strides
        self.offset = array.ctypes.data - memory.ctypes.data  # in bytes

    def within(self, memory: Any) -> Any:
        flat = memory if memory.flags.c_contiguous else memory.T
        return ndarray(self.shape, self.dtype, flat, self.offset, self.strides)


def _memory_of(self: Tensor) -> Any:
    """Return the array that owns the tensor's memory, if views may share it; else None.

    Memory that is no array's own, such as a file mapped into it or another library's, counts only
    where the tensor is all of it: a copy of one tensor must not bring the whole file.
    """
    data = self._data
    if type(data) is not ndarray or self._version is None:
        return None
    memory: Any = data
    above: Any = data
    while above is not None:
        if isinstance(above, ndarray):
            memory = above
        above = getattr(above, "base", None)  # under a view by strides lies a base's keeper
    if not memory.flags.owndata and memory.nbytes != data.nbytes:
        return None
    # A copy of the memory lies as the memory does only where that has no gaps.
    return memory if memory.flags.forc and not memory.dtype.hasobject else None


def _copy(self: Tensor) -> Tensor:
    """Return another tensor over the same memory: a leaf, as PyTorch's copy.copy gives one."""
    out = _rebuild(type(self), self._data, self._node is not None, detached_version(self))
    _keep_attributes(self, out)
    return out


def _deepcopy(self: Tensor, memo: dict[Any, Any]) -> Any:
    if id(self) in memo:
        return memo[id(self)]
    if not is_leaf(self):
        raise GradError(
            "deepcopy: only leaves can be copied, this tensor was computed by an op; use "
            ".detach().clone()"
        )
    memory = _memory_of(self)
    if memory is None:
        data = self._data
        if type(data) is ndarray:
            data = np.array(data, copy=True)
        elif type(data) in by_array:
            data = copied_array(data)
        out = _rebuild(type(self), data, False, None)
    else:
        key = (Version, id(memory))
        if key not in memo:
            memo[key] = (memory.copy(order="K"), Version(), memory)
        copied, version, _ = memo[key]
        out = _rebuild(type(self), _Place(self._data, memory).within(copied), False, version)
    memo[id(self)] = out
    if self._node is not None:
        requires_grad_(out)
    if self.grad is not None:
        out.grad = _deepcopy(self.grad, memo)
    _keep_attributes(self, out, memo)
    return out


def _keep_attributes(source: Tensor, target: Tensor, memo: dict[Any, Any] | None = None) -> None:
    """Give a subclass's instance the attributes that users set on it."""
    import copy

    for name, value in getattr(source, "__dict__", {}).items():
        target.__dict__[name] = value if memo is None else copy.deepcopy(value, memo)


def _make_subclass(cls: type[Tensor], data: Tensor, requires_grad: bool = False) -> Tensor:
    """Return an instance of a subclass over a tensor's memory: a leaf, sharing its version."""
    return _rebuild(cls, data._data, requires_grad, detached_version(data))


def _rebuild(
    kind: type[Tensor], array: Any, requires_grad: bool, version: Version | None = None
) -> Tensor:
    out = Tensor.__new__(kind)
    out._data = array
    out._version = version
    out._node = out._extra = None
    return requires_grad_(out) if requires_grad else out


def _rebuild_within(
    kind: type[Tensor], memory: Any, version: Version, place: tuple[Any, ...], requires_grad: bool
) -> Tensor:
    shape, dtype, offset, strides = place
    flat = memory if memory.flags.c_contiguous else memory.T
    data = ndarray(shape, dtype, flat, offset, strides)
    return _rebuild(kind, data, requires_grad, version)


def _reduce(self: Tensor, protocol: Any) -> Any:
    state = getattr(self, "__dict__", None) or None
    requires_grad = self._node is not None
    data = array_of(self, "pickle")
    memory = _memory_of(self)
    if memory is None or memory.nbytes != data.nbytes:
        return _rebuild, (type(self), data, requires_grad), state
    place = _Place(data, memory)
    # The memory and its version counter are pickled once for all tensors that share them.
    return (
        _rebuild_within,
        (
            type(self),
            memory,
            self._version,
            (place.shape, place.dtype, place.offset, place.strides),
            requires_grad,
        ),
        state,
    )


copyreg.pickle(Version, lambda version: (Version, (version.writes,)))
copyreg.pickle(Writes, lambda writes: (Writes, ()))  # a copy counts anew


def _init(self: Tensor, *args: Any, device: Any = None, **settings: Any) -> None:
    """Make a tensor as PyTorch's class does when it is called; :func:`weft.tensor` says more.

    Args:
        args: lengths of an uninitialised tensor of the default dtype; or one sequence or array,
            copied into the default dtype; or one tensor, whose memory is shared.
        device: where it is to be.
        settings: what a subclass takes in ``__new__``, where the tensor was made already.

    Raises:
        TypeError: there are settings, and ``__new__`` is not the subclass's own.
    """
    if type(self).__new__ is not Tensor.__new__:
        return  # Python calls this after it, with the subclass's own arguments
    if settings:
        raise TypeError(f"Tensor: unexpected argument {next(iter(settings))!r}")
    if len(args) == 1 and not isinstance(args[0], int):
        (data,) = args
        own = dtypes.get_default_dtype()
        made = data.detach() if isinstance(data, Tensor) else creation.tensor(data, dtype=own)
        made = made if device is None else made.to(device)
    else:
        made = creation.empty(*(args or (0,)), device=device)
    self._data = made._data
    self._node = self._extra = None
    self._version = version_of(made)


METHODS: dict[str, Any] = {
    "__init__": _init,
    "__copy__": _copy,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce,
    "_make_subclass": classmethod(_make_subclass),
}
