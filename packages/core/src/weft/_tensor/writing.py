"""Writing into a tensor's memory."""

from __future__ import annotations

from typing import Any

from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import ShapeError
from weft._core.inference import InferenceWrites, check_writable
from weft._core.inplace import is_recorded, write
from weft._core.moving import share_between
from weft._core.node import UncheckedWrites, Version
from weft._core.tensor import Tensor, detached_version, version_of, wrap
from weft._tensor.conversion import to
from weft.ops import creation, overwriting
from weft.ops.transfer import beside


def copy_(self: Tensor, src: Any) -> Tensor:
    """Write another tensor's elements into this one, broadcast and converted; return self.

    It may be on another device.
    """
    value = src if isinstance(src, Tensor) else _made_like(self, src)
    place = device_of(self)
    if value.dtype is not self.dtype or device_of(value) != place:
        value = to(value, dtype=self.dtype, device=place)
    if tuple(value.shape) != tuple(self.shape):
        value = value.expand(tuple(self.shape))
    return write(self, value, "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one number, or a 0-d tensor, into every element; return self."""
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"fill_: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}"
        )
    return copy_(self, value)


def zero_(self: Tensor) -> Tensor:
    """Write 0 into every element; return self."""
    return copy_(self, 0)


def _made_like(self: Tensor, value: Any) -> Tensor:
    return creation.tensor(value, dtype=self.dtype, device=device_of(self))


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    given = value if isinstance(value, Tensor) else _made_like(self, value)
    given = to(beside(self, given) if not given.ndim else given, self.dtype)
    boxed = isinstance(self._data, (Aval, Boxed)) or isinstance(given._data, Boxed)
    if boxed or is_recorded(self, given, "__setitem__"):
        region, value = overwriting.region_with_items(self, key, given)
        write(region, value, "__setitem__")
    else:  # nothing to record: only the region is written
        check_writable(self, "__setitem__")
        overwriting.write_items(self, key, given)
        version_of(self).writes.bump("__setitem__")


def _get_data(self: Tensor) -> Tensor:
    """Return a tensor over the same memory that records nothing; may be set.

    As in PyTorch, what is written through it escapes the backward pass, which looks for tensors
    that were overwritten since it saved them; `detach()` has no such hole.
    """
    out = wrap(self._data)
    writes = version_of(self).writes
    out._version = Version(writes if type(writes) is InferenceWrites else UncheckedWrites(writes))
    share_between(self, out)
    return out


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"data: expected a weft.Tensor, got {type(value).__name__}")
    self._data = value._data
    self._version = detached_version(value)
    share_between(self, value)


METHODS: dict[str, Any] = {
    "__setitem__": _setitem,
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
}
WRITABLE: dict[str, Any] = {"data": (_get_data, _set_data)}
