"""Writing into a tensor's memory, so that autograd knows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import ndarray
from weft._backend.libraries import copied, is_array, store
from weft._core import lazy
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import META, device_of
from weft._core.errors import DTypeError, GradError, ShapeError, apart
from weft._core.hooks import hooks_of
from weft._core.inference import check_writable
from weft._core.modes import here
from weft._core.node import Leaf
from weft._core.relatives import relatives
from weft._core.tensor import Tensor, version_of, wrap


def write(target: Tensor, value: Tensor, writer: str) -> Tensor:
    """Overwrite ``target`` with ``value``, of its shape, and give it value's place in the graph.

    So for every tensor that shares the memory: where it was overwritten, its gradient flows to
    ``value`` from now on.

    Args:
        target: the tensor to write to.
        value: what to write; converted to target's dtype.
        writer: the name of the in-place op, for messages.

    Raises:
        GradError: target is a leaf that requires grad, or shares memory with one.
        ShapeError: value's shape is not target's.
        DTypeError: value's dtype is of a higher category (floating into integer).
    """
    if value is target:
        return target
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
    check_writable(target, writer)
    recording = is_recorded(target, value, writer)
    memory = target._data
    boxed = isinstance(memory, Boxed) or isinstance(value._data, Boxed)
    others = relatives(target) if recording or boxed else []
    if recording:
        _check_no_leaf(others, writer)
    if value.dtype is not target.dtype:
        value = value.to(target.dtype)  # an op: recorded, and an overflow is no warning
    if type(memory) is not type(value._data):
        _check_device(target, value, writer)
    if boxed:
        boxes = [one for one in (memory, value._data) if isinstance(one, Boxed)]
        top = max(boxes, key=lambda box: box.level)
        type(top).store(top.level, target, value, others, writer)
    elif type(memory) is ndarray:
        if not memory.flags.writeable:
            raise ValueError(
                f"{writer}: this tensor's memory is read-only (an expanded tensor, or a file or "
                f"buffer mapped for reading); clone it first"
            )
        memory[...] = value._data
    elif not isinstance(memory, Aval):
        store(memory, ..., value._data)
    version_of(target).writes.bump(writer)
    if recording:
        follow = lazy.find("overlays:follow")
        for other in others:
            follow(other, target, value)
        if value._node is None:
            follow(target, target, value)  # it still requires grad, as in PyTorch: a zero one
        else:
            graft(target, value._node)
    return target


def graft(tensor: Tensor, node: Any) -> None:
    """Give a tensor another place in the graph; ``retain_grad`` moves there with it."""
    old = tensor._node
    tensor._node = node
    if old is not None and old.hooks and old.hooks.retain is not None:
        hooks_of(node).retain, old.hooks.retain = old.hooks.retain, None


def is_recorded(target: Tensor, value: Any, writer: str) -> bool:
    """Return whether a write is to be recorded.

    Raises:
        GradError: it cannot be: target is a leaf, or a view cut from a recorded graph.
    """
    if not here.grad:
        return False
    version = target._version
    if target._node is None and version is not None and version.base is not None:
        base = version.base()
        if base is not None and base._node is not None and base._version is version:
            raise GradError(
                f"{writer}: this tensor records no gradient, but is a view of a tensor of shape "
                f"{tuple(base.shape)} that does: it was made under no_grad, or has another dtype; "
                f"make the view while recording, write under weft.no_grad(), or detach it"
            )
    if isinstance(target._node, Leaf):
        raise GradError(
            f"{writer}: a leaf tensor that requires grad cannot be written in place while a graph "
            f"is recorded; write under weft.no_grad()"
        )
    return target._node is not None or (isinstance(value, Tensor) and value._node is not None)


def _check_no_leaf(others: list[Tensor], writer: str) -> None:
    for other in others:
        if isinstance(other._node, Leaf):
            raise GradError(
                f"{writer}: this tensor shares memory with a leaf of shape {tuple(other.shape)} "
                f"that requires grad, which cannot be written in place while a graph is recorded; "
                f"write under weft.no_grad(), or clone the leaf first"
            )


def _check_device(target: Tensor, value: Tensor, writer: str) -> None:
    """Raise where two tensors are on different devices; a box is where what it holds is."""
    places = device_of(target), device_of(value)
    if places[0] != places[1] and META not in places:
        raise apart(writer, map(str, places))


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
    recording = [is_recorded(target, a, writer) for a in (target, *args, *named.values())]
    boxed = isinstance(target._data, Boxed)
    if not reads or not (True in recording or boxed):
        return function(target, *args, **named)
    data = target._data
    if boxed:
        old = wrap(data.mapped(lazy.find("memory:clone")))
    else:
        old = wrap(copied(data) if is_array(data) else data)
    old._node = target._node
    value = function(old, *(old if a is target else a for a in args), **named)
    return target if value is old else value  # of a dropout that drops nothing
