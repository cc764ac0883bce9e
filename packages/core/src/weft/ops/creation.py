"""Tensors made from nothing but settings, or from data of the user's."""

from __future__ import annotations

import operator
from typing import Any

from weft._backend import asarray, ndarray, np
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.device import META, device_of, require
from weft._core.errors import ShapeError
from weft._core.samples import Sample, array
from weft._core.shapes import shape_tuple
from weft._core.tensor import Tensor, wrap
from weft.ops.families.composite import composite

_MADE = "made from settings: no argument to differentiate by"


def _made(
    make: Any, shape: tuple[int, ...], dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """Return a tensor of ``make(shape, dtype)``; on the meta device no memory is taken."""
    place = require(device)
    out = wrap(Aval(shape, dtype) if place == META else make(shape, dtype))
    return out.requires_grad_() if requires_grad else out


def _finish(data: Any, device: Any, requires_grad: bool) -> Tensor:
    """Wrap fresh data, on the device asked for."""
    place = require(device)
    out = wrap(Aval(data.shape, data.dtype) if place == META else data)
    return out.requires_grad_() if requires_grad else out


def _dtype(wanted: Any, otherwise: dtypes.dtype | None = None) -> Any:
    if wanted is not None:
        return dtypes.canonical(wanted)
    return (otherwise or dtypes.get_default_dtype()).numpy


def _shape(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = shape_tuple(name, size[0] if len(size) == 1 else size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: a length cannot be negative, got {shape}")
    return shape


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a new tensor with a copy of ``data``.

    Args:
        data: a number, a nested sequence of numbers or tensors, an array or a tensor.
        dtype: its dtype; by default the data's own for arrays and tensors, and for numbers the
            default floating dtype, int64, bool or the default complex dtype.
        device: where to make it; the CPU by default.
        requires_grad: whether ops on it are recorded for its gradient.

    Returns:
        Tensor: of the data's shape.

    Raises:
        ValueError: the nested sequences are ragged.
        TypeError: an element is no number.

    Example:
        >>> weft.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        weft.Size([2, 2])
    """
    return _finish(_read(data, dtype, copy=True), device, requires_grad)


def asarray_(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """Return ``obj`` as a tensor, sharing its memory if it can be shared.

    Args:
        obj: anything :func:`weft.tensor` takes.
        dtype: its dtype; the data's own by default.
        device: where it is to be.
        copy: ``True`` always copies, ``False`` raises if a copy would be needed.

    Returns:
        Tensor: over the same memory unless a copy was needed or asked for.

    Raises:
        ValueError: ``copy=False`` and a copy is needed.
    """
    if isinstance(obj, Tensor) and not copy:
        if dtype is None or dtypes.canonical(dtype) == obj._data.dtype:
            return obj
        if copy is None:
            return obj.to(dtype)
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


def _read(data: Any, dtype: Any, *, copy: bool) -> Any:
    """Return ``data`` as an array of a dtype that weft has."""
    if isinstance(data, Tensor):
        own = data.detach()._data
        return np.array(own, dtype=dtypes.canonical(dtype) if dtype else None)
    if isinstance(data, (ndarray, np.generic)) or hasattr(data, "__array__"):
        array_ = asarray(data)  # not np.array(copy=True), which libraries from before NumPy 2 miss
        if copy:
            array_ = array_.copy(order="K")
        wanted = (
            dtypes.canonical(dtype) if dtype else dtypes.of(array_.dtype.newbyteorder("=")).numpy
        )
        return array_.astype(wanted, copy=False)
    if isinstance(data, (list, tuple)):
        data = _plain(data)
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
        return array_.astype(wanted)
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
        return data.detach()._data
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data


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
    return wrap(ndarray)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0) -> Tensor:
    """Return a 1-d tensor over the memory of a buffer, such as bytes or a memory map.

    Args:
        buffer: an object with the buffer protocol.
        dtype: the dtype of its elements, in native byte order.
        count: how many elements; -1 takes all that follow.
        offset: the byte to start at.

    Returns:
        Tensor: (count,). Over a read-only buffer it must not be written to.

    Raises:
        ValueError: the buffer is shorter than asked for, or not a whole number of elements.
    """
    try:
        return wrap(np.frombuffer(buffer, dtypes.canonical(dtype), count, offset))
    except ValueError as error:
        raise ValueError(
            f"frombuffer: {error} (count={count}, offset={offset}, dtype={dtype}, buffer of "
            f"{memoryview(buffer).nbytes} bytes)"
        ) from None


_SIZES = (Sample(2, 3), Sample((2, 0)), Sample(()))


@composite(samples=_SIZES, methods=(), not_differentiable=_MADE)
def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Example:
        >>> weft.zeros(2)
        tensor([0., 0.])
    """
    return _made(np.zeros, _shape("zeros", size), _dtype(dtype), device, requires_grad)


@composite(samples=_SIZES, methods=(), not_differentiable=_MADE)
def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    return _made(np.ones, _shape("ones", size), _dtype(dtype), device, requires_grad)


@composite(samples=_SIZES, methods=(), not_differentiable=_MADE, random=True)
def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose elements are whatever its memory held.

    Args:
        size: its shape, as ints or one tuple.
        dtype: its dtype; the default floating dtype if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    return _made(np.empty, _shape("empty", size), _dtype(dtype), device, requires_grad)


@composite(
    samples=(Sample((2, 3), 1.5), Sample((2,), True), Sample((), 3)),
    methods=(),
    not_differentiable=_MADE,
)
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor filled with one value.

    Args:
        size: its shape.
        fill_value: a number.
        dtype: its dtype; by default that of the number as a tensor.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    own = _dtype(dtype, dtypes.scalar_dtype(fill_value))
    shape = _shape("full", (size,))
    return _made(lambda n, d: np.full(n, fill_value, d), shape, own, device, requires_grad)


def _like(input: Tensor, make: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    own = input._data.dtype if dtype is None else dtypes.canonical(dtype)
    place = device_of(input) if device is None else device
    return _made(make, tuple(input.shape), own, place, requires_grad)


@composite(samples=(Sample(array(2, 3)),), methods=(), not_differentiable=_MADE)
def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return _like(input, np.zeros, dtype, device, requires_grad)


@composite(samples=(Sample(array(2, 3)),), methods=(), not_differentiable=_MADE)
def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return _like(input, np.ones, dtype, device, requires_grad)


@composite(samples=(Sample(array(2, 3)),), methods=(), not_differentiable=_MADE, random=True)
def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return an uninitialised tensor of another's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return _like(input, np.empty, dtype, device, requires_grad)


@composite(samples=(Sample(array(2, 3), 2.5),), methods=(), not_differentiable=_MADE)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return one value in another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        fill_value: a number.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return _like(
        input, lambda shape, own: np.full(shape, fill_value, own), dtype, device, requires_grad
    )


@composite(
    samples=(Sample(5), Sample(1, 4), Sample(0.0, 1.0, 0.25), Sample(5, 1, -2)),
    methods=(),
    not_differentiable=_MADE,
)
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from ``start`` up to but not including ``end``, ``step`` apart.

    Args:
        start: the first, 0 by default; if it is the only number, the end.
        end: where to stop.
        step: the distance; may be negative, not 0.
        dtype: its dtype; int64 if all three are ints, else the default floating dtype.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (ceil((end - start) / step),).

    Raises:
        ValueError: step is 0, or leads away from end.
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange() needs the argument end")
    if start is None:
        start = 0
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: step {step} does not lead from {start} to {end}")
    integral = all(isinstance(v, int) for v in (start, end, step))
    own = _dtype(dtype, dtypes.int64 if integral else None)
    if integral:
        return _finish(np.arange(start, end, step).astype(own), device, requires_grad)
    length = int(np.ceil((end - start) / step))
    values = start + np.arange(length, dtype=np.float64) * step
    return _finish(values.astype(own), device, requires_grad)


@composite(samples=(Sample(0.0, 1.0, 5), Sample(3, -3, 4)), methods=(), not_differentiable=_MADE)
def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Args:
        start: the first.
        end: the last.
        steps: how many.
        dtype: its dtype; the default floating dtype if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (steps,).

    Raises:
        ValueError: steps is negative.
    """
    count = operator.index(steps)
    if count < 0:
        raise ValueError(f"linspace: steps must not be negative, got {count}")
    values = np.linspace(start, end, count, dtype=np.float64)
    return _finish(values.astype(_dtype(dtype)), device, requires_grad)


@composite(samples=(Sample(3), Sample(2, 3)), methods=(), not_differentiable=_MADE)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a matrix with ones on the diagonal and zeros elsewhere.

    Args:
        n: rows.
        m: columns; n if None.
        dtype: its dtype; the default floating dtype if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (n, m).
    """
    return _finish(np.eye(n, n if m is None else m, dtype=_dtype(dtype)), device, requires_grad)
