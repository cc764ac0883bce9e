"""Reading a tensor from Python: arrays, numbers, lists, truth, iteration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft._backend import np
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import GradError, did_you_mean
from weft._core.tensor import Tensor
from weft.ops import comparison, indexing
from weft.printing import text


def array_of(self: Tensor, asked: str) -> Any:
    """Return the array, or raise saying that ``asked`` needs one."""
    data = self._data
    if isinstance(data, Aval):
        raise RuntimeError(f"{asked}: a tensor on the meta device has a shape and no data")
    if isinstance(data, Boxed):
        raise RuntimeError(
            f"{asked}: inside a function transform a tensor stands for many values or for a value "
            f"and its tangent; its data cannot be read there"
        )
    return data


def numpy(self: Tensor) -> Any:
    """Return the memory as a NumPy array, shared.

    Raises:
        GradError: the tensor requires grad; call ``.detach()`` first.
    """
    if self._node is not None:
        raise GradError(
            "numpy: this tensor requires grad, which an array cannot record; call .detach().numpy()"
        )
    return array_of(self, "numpy")


def item(self: Tensor) -> Any:
    """Return the one element as a Python number.

    Raises:
        ValueError: there is not exactly one.
    """
    data = array_of(self, "item")
    if data.size != 1:
        raise ValueError(
            f"item: expected a tensor of one element, got shape {tuple(self.shape)}; use .tolist()"
        )
    value = data.item()
    return value if isinstance(value, (bool, int, float, complex)) else float(value)


def tolist(self: Tensor) -> Any:
    """Return the elements as nested lists of Python numbers; of a 0-d tensor, the number."""
    data = array_of(self, "tolist")
    if self.dtype.name == "bfloat16":
        data = data.astype(np.float32)
    return data.tolist()


def _array_protocol(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    return np.array(numpy(self), dtype=dtype, copy=copy)


def _float(self: Tensor) -> float:
    return float(_one(self, "float"))


def _int(self: Tensor) -> int:
    return int(_one(self, "int"))


def _complex(self: Tensor) -> complex:
    return complex(_one(self, "complex"))


def _one(self: Tensor, wanted: str) -> Any:
    if self.numel() != 1:
        raise ValueError(
            f"{wanted}(): expected a tensor of one element, got shape {tuple(self.shape)}"
        )
    return item(self)


def _bool(self: Tensor) -> bool:
    if self.numel() != 1:
        raise ValueError(
            f"the truth of a tensor of shape {tuple(self.shape)} is ambiguous; use .any() or .all()"
        )
    return bool(item(self))


def _index(self: Tensor) -> int:
    if self.numel() != 1 or self.dtype.category > 1:
        raise TypeError(
            f"only an integer tensor of one element can be an index, got {self.dtype} of shape "
            f"{tuple(self.shape)}"
        )
    return int(item(self))


def _len(self: Tensor) -> int:
    if not self._data.shape:
        raise TypeError("len() of a 0-d tensor")
    return int(self._data.shape[0])


def _iter(self: Tensor) -> Iterator[Tensor]:
    if not self._data.shape:
        raise TypeError("iteration over a 0-d tensor")
    return (indexing.getitem(self, i) for i in range(self._data.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    return bool(comparison.eq(self, value).any())


def _format(self: Tensor, spec: str) -> str:
    return str(self) if self._data.shape else format(item(self), spec)


def _getattr(self: Tensor, name: str) -> Any:
    raise AttributeError(
        f"{type(self).__name__} has no attribute {name!r}{did_you_mean(name, dir(type(self)))}"
    )


def data_ptr(self: Tensor) -> int:
    """Return the address of the first element."""
    return int(array_of(self, "data_ptr").ctypes.data)


METHODS: dict[str, Any] = {
    "__array__": _array_protocol,
    "__bool__": _bool,
    "__complex__": _complex,
    "__contains__": _contains,
    "__float__": _float,
    "__format__": _format,
    "__getattr__": _getattr,
    "__getitem__": indexing.getitem,
    "__index__": _index,
    "__int__": _int,
    "__iter__": _iter,
    "__len__": _len,
    "__repr__": text,
    "data_ptr": data_ptr,
    "item": item,
    "numpy": numpy,
    "tolist": tolist,
}
