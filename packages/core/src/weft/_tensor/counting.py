"""``x.size``: PyTorch's method, and the Array API standard's number of elements, in one.

PyTorch calls it, ``x.size()`` and ``x.size(0)``; the standard and NumPy read it, ``x.size == 6``.
"""

from __future__ import annotations

import math
from typing import Any

from weft._core.tensor import Size, Tensor


class ElementCount(int):
    """The number of a tensor's elements, which as PyTorch's ``size`` can be called for lengths."""

    _shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        """Return the tensor's shape, or the length of one dim.

        Args:
            dim: the dim; negative counts from the end.

        Raises:
            IndexError: the dim is out of range.
        """
        return size_of(self._shape, dim)

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


def size_of(shape: tuple[int, ...], dim: int | None) -> Any:
    """Return a shape, or the length of one of its dims."""
    if dim is None:
        return Size(shape)
    if not -len(shape) <= dim < len(shape):
        raise IndexError(
            f"size: dim {dim} is out of range for a tensor of {len(shape)} dims, shape {shape}"
        )
    return shape[dim]


def size(self: Tensor, dim: int | None = None) -> Any:
    """Return the shape, or the length of one dim.

    Read without a call, ``x.size`` is the number of elements.

    Args:
        dim: the dim; negative counts from the end.

    Raises:
        IndexError: the dim is out of range.
    """
    return size_of(tuple(self._data.shape), dim)


class _SizeAttribute:
    """Gives the class PyTorch's method, and a tensor the number that can be called as it."""

    __doc__ = size.__doc__

    def __get__(self, instance: Tensor | None, owner: type[Tensor]) -> Any:
        if instance is None:
            return size
        shape = tuple(instance._data.shape)
        out = ElementCount(math.prod(shape))
        out._shape = shape
        return out

    def __set__(self, instance: Tensor, value: Any) -> None:
        raise AttributeError("size: the number of elements follows from the shape; use reshape")


SIZE = _SizeAttribute()
