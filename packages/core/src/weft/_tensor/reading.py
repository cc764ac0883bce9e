"""Reading a tensor from Python: arrays, numbers, lists, truth, iteration."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from weft._backend import np
from weft._backend.numpy_ import NARROW
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import did_you_mean
from weft._core.made import distrust
from weft._core.storage import address_of
from weft._core.tensor import Tensor
from weft._tensor import conversion, counting, dlpack, numpy_protocols
from weft._tensor.access import array_of, host_array, numpy
from weft.ops import comparison, indexing
from weft.printing import text


def item(self: Tensor) -> Any:
    """Return the one element as a Python number.

    Raises:
        ValueError: there is not exactly one.
    """
    data = host_array(self, "item")
    if data.size != 1:
        raise ValueError(
            f"item: expected a tensor of one element, got shape {tuple(self.shape)}; use .tolist()"
        )
    value = data.item()
    return value if isinstance(value, (bool, int, float, complex)) else float(value)


def tolist(self: Tensor) -> Any:
    """Return the elements as nested lists of Python numbers; of a 0-d tensor, the number."""
    data = host_array(self, "tolist")
    if data.dtype in NARROW:  # bfloat16 and float8, whose elements are no Python floats
        data = data.astype(np.float32)
    return data.tolist()


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
    """Format a number by its spec; a tensor with dims only without one, as its text."""
    box = isinstance(self._data, Boxed)
    if not self._data.shape and not isinstance(self._data, Aval) and (spec or not box):
        return format(item(self), spec)
    if spec:
        raise TypeError(
            f"format: the spec {spec!r} is for one number, this tensor has shape "
            f"{tuple(self.shape)}; format its elements, or see weft.set_printoptions"
        )
    return str(self)


def _round(self: Tensor, ndigits: int | None = None) -> Tensor:
    """Round each element to a number of decimals, 0 by default."""
    out: Tensor = self.round(decimals=ndigits or 0)
    return out


#: Versions of the Array API standard that the namespace of the newest one also serves.
_STANDARDS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


def _array_namespace(self: Tensor, /, *, api_version: str | None = None) -> Any:
    """Return ``weft.array_api``, the functions of the Array API standard.

    Args:
        api_version: the version wanted, as ``"2025.12"``; the newest if None. Of the earlier ones
            the newest keeps the names.

    Raises:
        ValueError: there is no such version, or weft does not know it.
    """
    if api_version not in (None, *_STANDARDS):
        raise ValueError(
            f"__array_namespace__: weft knows the versions {', '.join(_STANDARDS)} of the Array "
            f"API standard, got {api_version!r}"
        )
    # by name: the namespace stands above the tensor and loads when it is first asked for
    return importlib.import_module("weft.array_api")


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """Return the tensor on a device, as the Array API standard spells it.

    Args:
        device: the device wanted.
        stream: None: there is nothing to wait for on the CPU.

    Raises:
        ValueError: a stream is given.
    """
    if stream is not None:
        raise ValueError(f"to_device: {device_of(self)} has no streams, got stream={stream!r}")
    return conversion.to(self, device=device)


def _getattr(self: Tensor, name: str) -> Any:
    raise AttributeError(
        f"{type(self).__name__} has no attribute {name!r}{did_you_mean(name, dir(type(self)))}"
    )


def data_ptr(self: Tensor) -> int:
    """Return the address of the first element."""
    data = array_of(self, "data_ptr")
    distrust(self)
    return address_of(data)


METHODS: dict[str, Any] = {
    **dlpack.METHODS,
    **numpy_protocols.METHODS,
    "__array_namespace__": _array_namespace,
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
    "__round__": _round,
    "data_ptr": data_ptr,
    "item": item,
    "numpy": numpy,
    "size": counting.SIZE,
    "to_device": _to_device,
    "tolist": tolist,
}
