"""Writing into a tensor's memory, so that autograd knows of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from weft._backend import ndarray
from weft._backend.libraries import copied, is_array, store
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import META, device_of
from weft._core.errors import DTypeError, GradError, ShapeError, apart
from weft._core.modes import here
from weft._core.node import Leaf
from weft._core.tensor import Tensor, version_of, wrap

#: References to a version counter that one tensor alone has: its slot, a local, the argument.
_ALONE = 3


def write(target: Tensor, value: Tensor, writer: str) -> Tensor:
    """Overwrite ``target`` with ``value``, of its shape, and give it value's place in the graph.

    Args:
        target: the tensor to write to.
        value: what to write; converted to target's dtype.
        writer: the name of the in-place op, for messages.

    Raises:
        GradError: target is a leaf that requires grad, or a view whose base is being recorded.
        ShapeError: value's shape is not target's.
        DTypeError: value's dtype is of a higher category (floating into integer).
    """
    recording = here.grad and (target._node is not None or value._node is not None)
    if recording:
        _check_recordable(target, writer)
    if tuple(value.shape) != tuple(target.shape):
        raise ShapeError(
            f"{writer}: the result has shape {tuple(value.shape)}, which does not fit the tensor "
            f"of shape {tuple(target.shape)} that it is to be written into"
        )
    if value.dtype.category > target.dtype.category:
        raise DTypeError(
            f"{writer}: a result of {value.dtype} cannot be written into a tensor of "
            f"{target.dtype}; convert the tensor first, or use the op that makes a new one"
        )
    if recording and value.dtype is not target.dtype:
        value = value.to(target.dtype)
    memory = target._data
    if type(memory) is not type(value._data):
        _check_device(target, value, writer)
    if isinstance(memory, Aval):
        pass
    elif type(memory) is ndarray:
        if not memory.flags.writeable:
            raise ValueError(
                f"{writer}: this tensor's memory is read-only (an expanded tensor, or a file or "
                f"buffer mapped for reading); clone it first"
            )
        memory[...] = value._data
    elif isinstance(memory, Boxed):
        target._data = value._data
    else:
        store(memory, ..., value._data)
    version_of(target).bump(writer)
    if recording:
        target._node = value._node
    return target


def _check_device(target: Tensor, value: Tensor, writer: str) -> None:
    """Raise where two tensors are on different devices; a box is where what it holds is."""
    places = device_of(target), device_of(value)
    if places[0] != places[1] and META not in places:
        raise apart(writer, map(str, places))


def _check_recordable(target: Tensor, writer: str) -> None:
    if isinstance(target._node, Leaf):
        raise GradError(
            f"{writer}: a leaf tensor that requires grad cannot be written in place while a graph "
            f"is recorded; write under weft.no_grad()"
        )
    version = target._version
    if version is not None and version.viewed and sys.getrefcount(version) > _ALONE:
        raise GradError(
            f"{writer}: writing in place to a tensor that shares memory with a view while a graph "
            f"is recorded is not differentiable in this version; use the op that makes a new "
            f"tensor, or write under weft.no_grad()"
        )


def inplace(function: Callable[..., Any], name: str, *, reads: bool = True) -> Callable[..., Any]:
    """Return the in-place method of a function: run it, then write the result into its first.

    Args:
        function: the op that makes a new tensor.
        name: the method's name, for messages.
        reads: whether the function's backward pass may read its arguments or its result.
    """

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return write(self, compute(function, name, self, args, kwargs, reads=reads), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of ``{function.__name__}``: writes the result into self."
    return method


def compute(
    function: Callable[..., Any],
    writer: str,
    target: Tensor,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    reads: bool = True,
) -> Any:
    """Return what an in-place op is to write into ``target``.

    While a graph is recorded the function gets a copy of target, at target's place in the graph:
    what it saves for the backward pass is then not what is about to be overwritten.

    Args:
        function: the op that makes a new tensor.
        writer: the name of the in-place op, for messages.
        target: its first argument.
        args: the rest of them.
        kwargs: its settings.
        reads: whether its backward pass may read its arguments or its result.
    """
    named = kwargs or {}
    given = (target, *args, *named.values())
    if not here.grad or all(not isinstance(a, Tensor) or a._node is None for a in given):
        return function(target, *args, **named)
    _check_recordable(target, writer)
    if not reads:
        return function(target, *args, **named)
    data = target._data
    old = wrap(copied(data) if is_array(data) else data)
    old._node = target._node
    return function(old, *(old if a is target else a for a in args), **named)
