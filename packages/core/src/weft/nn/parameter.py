"""Parameter and Buffer: the tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any, TypeVar

import weft
from weft import Tensor
from weft._core.tensor import detached_version

T = TypeVar("T", bound=Tensor)


class Parameter(Tensor):
    """A tensor that a `Module` lists among its parameters when it becomes an attribute of it.

    It shares the memory of `data`, is a leaf, and requires a gradient unless told otherwise.
    Operations on it return plain tensors. Unlike a plain tensor it takes attributes of your own
    (`p.no_weight_decay = True`).

    Args:
        data: a tensor; an empty one when left out.
        requires_grad: whether gradients are accumulated in `.grad`.

    Raises:
        TypeError: `data` is no tensor.
        RuntimeError: `requires_grad` with a dtype that is neither floating nor complex.

    Source: PyTorch's `torch.nn.Parameter`.

    Example:
        >>> weight = weft.nn.Parameter(weft.zeros(2, 3))
        >>> weight.requires_grad, weight.is_leaf
        (True, True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return _sharing(cls, _checked(cls, data), requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Nothing is left to do: `__new__` made the tensor."""

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        known = memo.get(id(self))
        if known is not None:
            return known
        copied = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copied
        _copy_attributes(self, copied, memo)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (type(self), _plain(self), self.requires_grad, self.__dict__)


class Buffer(Tensor):
    """A tensor that a `Module` lists among its buffers when it becomes an attribute of it.

    Args:
        data: a tensor; an empty one when left out.
        persistent: whether the module's `state_dict` holds it.

    Raises:
        TypeError: `data` is no tensor.

    Source: PyTorch's `torch.nn.Buffer`.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = _sharing(cls, _checked(cls, data), requires_grad=False)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Nothing is left to do: `__new__` made the tensor."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        known = memo.get(id(self))
        if known is not None:
            return known
        copied = type(self)(self.detach().clone(), persistent=self.persistent)
        memo[id(self)] = copied
        _copy_attributes(self, copied, memo)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_buffer, (type(self), _plain(self), self.__dict__)


def _checked(cls: type, data: Tensor | None) -> Tensor:
    if data is None:
        return weft.empty(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__} expects data to be a weft.Tensor, got {type(data).__name__}; "
            "wrap it with weft.tensor(...) or weft.from_numpy(...)"
        )
    return data


def _sharing(cls: type[T], data: Tensor, requires_grad: bool) -> T:
    """A leaf of class `cls` over the memory of `data`; writes to one are counted for both."""
    made = Tensor.__new__(cls)
    made._data = data._data
    made._version = detached_version(data)
    made._node = None
    made._extra = None
    if requires_grad:
        made.requires_grad_(True)
    return made


def _plain(tensor: Tensor) -> Tensor:
    """The same data as a plain tensor without a gradient, for pickling."""
    return tensor.detach()


def _copy_attributes(source: Tensor, target: Tensor, memo: dict[int, Any]) -> None:
    from copy import deepcopy

    for name, value in source.__dict__.items():
        target.__dict__[name] = deepcopy(value, memo)


def _rebuild_parameter(
    cls: type[Parameter], data: Tensor, requires_grad: bool, attributes: dict[str, Any]
) -> Parameter:
    parameter = cls(data, requires_grad)
    parameter.__dict__.update(attributes)
    return parameter


def _rebuild_buffer(cls: type[Buffer], data: Tensor, attributes: dict[str, Any]) -> Buffer:
    buffer = cls(data)
    buffer.__dict__.update(attributes)
    return buffer
