"""Tensors made from data of the user's: numbers, arrays, buffers."""

from __future__ import annotations

from typing import Any

from weft._backend import asarray, ndarray, np, xp
from weft._backend.libraries import Unavailable, library_for, on_host
from weft._core import dtypes
from weft._core.boxed import Boxed
from weft._core.device import device_of, require
from weft._core.errors import DeviceError
from weft._core.float8 import cast
from weft._core.moving import share
from weft._core.tensor import Tensor, wrap
from weft.ops.casting import convert
from weft.ops.filled import empty, full, ones, zeros
from weft.ops.filled_like import empty_like, full_like, ones_like, zeros_like
from weft.ops.making import converted, finished
from weft.ops.ranges import arange, eye, linspace
from weft.ops.transfer import moved

#: What is made from settings is defined beside this; it is found here too.
__all__ = [
    "arange",
    "as_tensor",
    "asarray_",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]


def _finish(data: Any, device: Any, requires_grad: bool) -> Tensor:
    """Wrap fresh data, on the device asked for."""
    return finished(data, require(device), requires_grad)


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a new tensor with a copy of ``data``.

    Args:
        data: a number, a nested sequence of numbers or tensors, an array or a tensor.
        dtype: its dtype; by default the data's own for arrays and tensors, and for numbers the
            default floating dtype, int64, bool or the default complex dtype.
        device: where to make it; the CPU by default.
        requires_grad: whether ops on it are recorded for its gradient.
        pin_memory: taken for PyTorch's callers.

    Returns:
        Tensor: of the data's shape.

    Raises:
        ValueError: the nested sequences are ragged.
        TypeError: an element is no number.

    Example:
        >>> weft.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        weft.Size([2, 2])
    """
    if not isinstance(data, _ON_HOST):
        data = _shared_on_gpu(data)
    if _elsewhere(data):
        place = device_of(data) if device is None else require(device)
        out = moved(data.detach(), place)
        own = data._data.dtype if dtype is None else dtypes.canonical(dtype)
        out = convert(out, dtype=own)
        return out.requires_grad_() if requires_grad else out
    return _finish(_read(data, dtype, copy=True), device, requires_grad)


def asarray_(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Any:
    """Return ``obj`` as a tensor, sharing its memory if it can be shared.

    Args:
        obj: anything :func:`weft.tensor` takes.
        dtype: its dtype; the data's own by default.
        device: where it is to be.
        copy: ``True`` always copies, ``False`` raises if a copy would be needed.
        requires_grad: whether the result is a leaf of that kind, cut from ``obj``'s graph; None
            leaves a tensor on the graph it is on.

    Returns:
        Tensor: over the same memory unless a copy was needed or asked for.

    Raises:
        ValueError: ``copy=False`` and a copy is needed.
    """
    if requires_grad is not None:
        out = asarray_(obj, dtype=dtype, device=device, copy=copy).detach()
        return out.requires_grad_(requires_grad)
    if not isinstance(obj, _ON_HOST):
        obj = _shared_on_gpu(obj)
    if isinstance(obj, Tensor) and not copy:
        same = dtype is None or dtypes.canonical(dtype) == obj._data.dtype
        if device is not None and require(device) != device_of(obj):
            same = False
        if same:
            return obj
        if copy is None:
            return obj.to(dtype=dtype, device=device)
    if isinstance(obj, Tensor) and _elsewhere(obj):
        return tensor(obj, dtype=dtype, device=device)
    if copy is False:
        shared = isinstance(obj, ndarray) and (
            dtype is None or dtypes.canonical(dtype) == obj.dtype
        )
        if not shared:
            raise ValueError(
                f"asarray: copy=False, but {type(obj).__name__} cannot be shared as "
                f"{dtype or 'a tensor'}; drop copy=False"
            )
    return _finish(_read(obj, dtype, copy=bool(copy)), device, False)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """Return ``data`` as a tensor, sharing its memory if it can be shared.

    Args:
        data: anything :func:`weft.tensor` takes.
        dtype: its dtype; the data's own by default.
        device: where it is to be.

    Returns:
        Tensor: over the same memory where possible.
    """
    return asarray_(data, dtype=dtype, device=device)


#: What is certainly no array of a GPU's.
_ON_HOST = (Tensor, ndarray, list, tuple, int, float, complex, np.generic)


def _shared_on_gpu(data: Any) -> Any:
    """Return a tensor over the memory of an array on a GPU, CuPy's or another; else the same."""
    if not hasattr(data, "__cuda_array_interface__"):
        return data
    try:
        library = library_for("cuda")
    except Unavailable as reason:
        raise DeviceError(f"a {type(data).__name__} on a GPU cannot be read: {reason}") from None
    return wrap(data if type(data) is library.array else library.xp.asarray(data))


def _elsewhere(data: Any) -> bool:
    """Whether this is a tensor whose values NumPy cannot read where they are."""
    return isinstance(data, Tensor) and type(data._data) is not ndarray


def _read(data: Any, dtype: Any, *, copy: bool) -> Any:
    """Return ``data`` as an array of a dtype that weft has."""
    if isinstance(data, Tensor):
        own = data.detach()._data
        return cast(xp, own, dtypes.canonical(dtype) if dtype else own.dtype)
    if isinstance(data, (ndarray, np.generic)) or hasattr(data, "__array__"):
        array_ = asarray(data)  # not np.array(copy=True), which libraries from before NumPy 2 miss
        if copy:
            array_ = array_.copy(order="K")
        wanted = (
            dtypes.canonical(dtype) if dtype else dtypes.of(array_.dtype.newbyteorder("=")).numpy
        )
        return converted(array_, wanted)
    numbers = False
    if isinstance(data, (list, tuple)):
        data = _plain(data)
        numbers = _of_numpy(data)
    try:
        array_ = asarray(data)
    except ValueError as error:
        raise ValueError(
            f"tensor: the nested sequences are ragged; every one at the same depth must have the "
            f"same length ({error})"
        ) from None
    if array_.dtype == object and array_.size and all(type(v) is int for v in array_.flat):
        raise OverflowError(
            f"tensor: {max(array_.flat, key=abs)} fits no integer dtype; write it as a float"
        )
    if array_.dtype == object or array_.dtype.kind not in "biufc":
        raise TypeError(f"tensor: expected numbers, got {type(data).__name__} {str(data)[:60]!r}")
    wanted = np.dtype(np.int64) if dtype is None else dtypes.canonical(dtype)
    if array_.dtype.kind in "iu" and wanted.kind in "iu" and array_.size:
        limits = np.iinfo(wanted)
        least, most = int(array_.min()), int(array_.max())
        if least < limits.min or most > limits.max:
            bad = least if least < limits.min else most
            raise OverflowError(
                f"tensor: {bad} does not fit {dtypes.of(wanted)}, which holds {limits.min} to "
                f"{limits.max}; pass a wider dtype="
            )
    if dtype is not None:
        return converted(array_, wanted)
    if numbers:  # NumPy's numbers have a dtype of their own
        return converted(array_, dtypes.of(array_.dtype).numpy)
    if array_.size == 0 and array_.dtype == np.float64:
        return array_.astype(dtypes.get_default_dtype().numpy)
    kind = array_.dtype.kind
    if kind == "f":
        return array_.astype(dtypes.get_default_dtype().numpy)
    if kind == "c":
        return array_.astype(dtypes.default_complex().numpy)
    return array_ if kind == "b" else array_.astype(np.int64)


def _plain(data: Any) -> Any:
    """Return nested sequences with tensors among their elements read as arrays."""
    if isinstance(data, Tensor):
        held = data.detach()._data
        if isinstance(held, Boxed):
            held = held.read("tensor: a list is read as numbers (weft.stack joins tensors)")
        return on_host(held)
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data


def _of_numpy(data: Any) -> bool:
    """Whether the first element of nested sequences is one of NumPy's numbers."""
    while isinstance(data, list) and data:
        data = data[0]
    return isinstance(data, np.generic)


def from_numpy(ndarray: Any) -> Tensor:
    """Return a tensor over the memory of a NumPy array: writing to one writes to the other.

    Args:
        ndarray: a NumPy array of a dtype that weft has, in native byte order.

    Returns:
        Tensor: of the same shape and dtype.

    Raises:
        TypeError: it is not an array, or of a dtype that weft has not.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(
            f"from_numpy: expected a numpy.ndarray, got {type(ndarray).__name__}; "
            f"use weft.tensor for other data"
        )
    dtypes.of(ndarray.dtype)
    out = wrap(ndarray)
    share(out)
    return out


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a 1-d tensor over the memory of a buffer, such as bytes or a memory map.

    Args:
        buffer: an object with the buffer protocol.
        dtype: the dtype of its elements, in native byte order.
        count: how many elements; -1 takes all that follow.
        offset: the byte to start at.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (count,). Over a read-only buffer it must not be written to.

    Raises:
        ValueError: the buffer is shorter than asked for, or not a whole number of elements.
    """
    try:
        out = wrap(np.frombuffer(buffer, dtypes.canonical(dtype), count, offset))
        return out.requires_grad_() if requires_grad else out
    except ValueError as error:
        raise ValueError(
            f"frombuffer: {error} (count={count}, offset={offset}, dtype={dtype}, buffer of "
            f"{memoryview(buffer).nbytes} bytes)"
        ) from None
