"""Tensors changed by Python functions, and seen as other classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._core.errors import GradError
from weft._core.inplace import write
from weft._core.modes import here
from weft._core.tensor import Tensor, version_of, wrap
from weft._tensor.access import array_of
from weft._tensor.asking import typename
from weft._tensor.conversion import to
from weft.ops.broadcasting import broadcast_to


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what a Python function makes of it; slow, and not differentiable.

    Args:
        callable: takes and returns a Python number.
    """
    return _mapped("apply_", self, (), callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by a Python function of it and another tensor's element.

    Args:
        tensor: broadcasts to self.
        callable: takes two Python numbers and returns one.
    """
    return _mapped("map_", self, (tensor,), callable)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by a Python function of it and two other tensors' elements.

    Args:
        x: broadcasts to self.
        y: broadcasts to self.
        callable: takes three Python numbers and returns one.
    """
    return _mapped("map2_", self, (x, y), callable)


def _mapped(
    name: str, self: Tensor, others: tuple[Tensor, ...], function: Callable[..., Any]
) -> Tensor:
    if here.grad and any(t._node is not None for t in (self, *others)):
        raise GradError(f"{name}: has no gradient; call it on .detach(), or under weft.no_grad()")
    shape = tuple(self.shape)
    arrays = [array_of(t, name) for t in (self, *(broadcast_to(o, shape) for o in others))]
    columns = [a.ravel().tolist() for a in arrays]
    values = [function(*row) for row in zip(*columns, strict=True)]
    made = np.asarray(values, dtype=arrays[0].dtype).reshape(shape)
    return write(self, wrap(made), name)


def as_subclass(self: Tensor, cls: type[Tensor]) -> Tensor:
    """Return the same memory, at the same place in the graph, as an instance of a subclass.

    Raises:
        TypeError: the class is no subclass of Tensor.
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass: expected a subclass of weft.Tensor, got {cls!r}")
    out = Tensor.__new__(cls)
    out._data = self._data
    out._node = self._node
    out._extra = None
    out._version = version_of(self)
    return out


def kind(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the name of the tensor's type, or the tensor in another dtype.

    Args:
        dtype: a dtype, or None for the name, such as ``"weft.FloatTensor"``.
        non_blocking: taken for PyTorch's callers.
    """
    return typename(self) if dtype is None else to(self, dtype)


METHODS: dict[str, Any] = {
    "apply_": apply_,
    "as_subclass": as_subclass,
    "map2_": map2_,
    "map_": map_,
    "type": kind,
}
