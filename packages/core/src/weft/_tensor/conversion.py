"""Another dtype, another device, new tensors like this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._core import dtypes, layouts
from weft._core.boxed import Boxed
from weft._core.device import device_of, require
from weft._core.tensor import Tensor
from weft.ops import casting, creation, memory
from weft.ops.complex import imag, real
from weft.ops.transfer import moved


def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = layouts.preserve_format,
) -> Tensor:
    """Return the tensor with another dtype or on another device; itself if nothing changes.

    Args:
        args: a dtype, a device, or a tensor to be like, in PyTorch's order.
        dtype: the dtype wanted.
        device: the device wanted.
        non_blocking: taken for PyTorch's callers; the copy is finished on return either way.
        copy: whether to copy in any case.
        memory_format: the order of dims in memory, such as ``weft.channels_last``.

    Raises:
        DeviceError: the device cannot be used, with the reason; or the tensor is on the meta
            device, which has no data to move.
        TypeError: two dtypes or two devices are given.
    """
    taken = [value for value in args if not isinstance(value, bool)]
    flags = [value for value in args if isinstance(value, bool)]  # non_blocking, then copy
    copy = copy or (len(flags) > 1 and flags[1])
    if len(taken) > 1:
        _require_one_of_a_kind(taken)
    for value in taken:
        if isinstance(value, Tensor):
            dtype, device = value.dtype, device_of(value)
        elif (
            isinstance(value, dtypes.dtype)
            or value in (bool, int, float, complex)
            or isinstance(value, np.dtype)
        ):
            dtype = value
        else:
            device = value
    out = self
    place = None if device is None else require(device)
    if place is not None and place != device_of(self):
        out = moved(self, place)
    if dtype is not None and dtypes.canonical(dtype) != out._data.dtype:
        out = casting.convert(out, dtype=dtype)
    if memory_format is not layouts.preserve_format:
        out = memory.contiguous(out, memory_format)
    return memory.clone(out) if copy and out is self else out


def _require_one_of_a_kind(given: list[Any]) -> None:
    """Refuse two devices or two dtypes, of which one would be left aside without a word."""
    kinds = [
        "tensor"
        if isinstance(value, Tensor)
        else "dtype"
        if isinstance(value, (dtypes.dtype, np.dtype, type))
        else "device"
        for value in given
        if value is not None
    ]
    if len(kinds) > len(set(kinds)) or ("tensor" in kinds and len(kinds) > 1):
        raise TypeError(
            f"Tensor.to takes a tensor, or a device and a dtype, but here come "
            f"{' and '.join('a tensor' if isinstance(v, Tensor) else repr(v) for v in given)}"
        )


def _to_dtype(wanted: dtypes.dtype) -> Callable[..., Tensor]:
    def method(self: Tensor, memory_format: Any = layouts.preserve_format) -> Tensor:
        return to(self, wanted, memory_format=memory_format)

    method.__doc__ = f"Return the tensor as {wanted}; itself if it is."
    return method


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in another's dtype."""
    return to(self, other.dtype)


def cpu(self: Tensor) -> Tensor:
    """Return the tensor on the CPU."""
    return to(self, device="cpu")


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Return the tensor on a GPU; itself if it is there.

    Args:
        device: which, as an int or a device; the current one if None.
        non_blocking: taken for PyTorch's callers.

    Raises:
        DeviceError: there is no such GPU, or none can be used, with the reason.
    """
    return to(self, device="cuda" if device is None else device)


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Return the tensor itself: memory of the CPU is not pinned, and copies wait until they end.

    Args:
        device: taken for PyTorch's callers.
    """
    return self


def _new(make: Any) -> Any:
    def method(
        self: Tensor, *args: Any, dtype: Any = None, device: Any = None, **settings: Any
    ) -> Tensor:
        own, place = dtype or self.dtype, device or device_of(self)
        made = make(*args, dtype=own, device=place, **settings)
        # in a transform each example gets its own, which it may write to
        return self._data.spread(made) if isinstance(self._data, Boxed) else made

    method.__doc__ = f"As ``weft.{make.__name__}``, with this tensor's dtype and device."
    return method


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(_as_tensor(self, value))


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(_as_tensor(self, value))


def _as_tensor(like: Tensor, value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else creation.tensor(value, device=device_of(like))


_NAMED = {
    "bfloat16": dtypes.bfloat16,
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "cdouble": dtypes.complex128,
    "cfloat": dtypes.complex64,
    "char": dtypes.int8,
    "double": dtypes.float64,
    "float": dtypes.float32,
    "half": dtypes.float16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "short": dtypes.int16,
}
_MAKERS = (creation.zeros, creation.ones, creation.empty, creation.full, creation.tensor)

METHODS: dict[str, Any] = {
    "cpu": cpu,
    "cuda": cuda,
    "pin_memory": pin_memory,
    "to": to,
    "type_as": type_as,
    **{name: _to_dtype(wanted) for name, wanted in _NAMED.items()},
    **{f"new_{make.__name__}": _new(make) for make in _MAKERS},
}
WRITABLE: dict[str, Any] = {
    "imag": (imag, _set_imag),
    "real": (real, _set_real),
}
