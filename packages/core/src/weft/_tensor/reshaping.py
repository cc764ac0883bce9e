"""In-place changes of shape, strides and memory: the tensor becomes a view of what it was."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import ndarray, np
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.inplace import compute, write
from weft._core.layouts import check_format
from weft._core.modes import here
from weft._core.node import Leaf
from weft._core.shapes import shape_tuple
from weft._core.storage import memory_of, offset_of
from weft._core.tensor import Size, Tensor, detached_version, version_of, wrap
from weft.ops import creation, filled, joining, orientation, permuting, shape, strides


def _becomes(self: Tensor, view: Tensor, name: str) -> Tensor:
    """Give a tensor the memory and the place in the graph of a view of itself; return it.

    Its version goes up: a node that saved this tensor saved another shape.
    """
    if here.grad and isinstance(self._node, Leaf):
        raise GradError(
            f"{name}: a leaf tensor that requires grad cannot be changed in place while a graph "
            f"is recorded; do it under weft.no_grad()"
        )
    version_of(self).writes.bump(name)
    self._data = view._data
    if here.grad:
        self._node = view._node
    return self


def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """Drop dims of length 1 in place; return self."""
    return _becomes(self, shape.squeeze(self, dim), "squeeze_")


def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """Insert a dim of length 1 in place; return self."""
    return _becomes(self, shape.unsqueeze(self, dim), "unsqueeze_")


def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two dims in place; return self."""
    return _becomes(self, permuting.transpose(self, dim0, dim1), "transpose_")


def t_(self: Tensor) -> Tensor:
    """Transpose a matrix in place; return self."""
    return _becomes(self, permuting.t(self), "t_")


def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Make this tensor an ``as_strided`` view of its memory; return self."""
    return _becomes(self, strides.as_strided(self, size, stride, storage_offset), "as_strided_")


def _movable(self: Tensor, name: str) -> None:
    if self._node is not None:
        raise GradError(f"{name}: a tensor that requires grad cannot get other memory; detach it")
    if isinstance(self._data, Boxed):
        raise GradError(
            f"{name}: inside a function transform a tensor cannot get other memory; use reshape or "
            f"the op that makes a new tensor"
        )


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give this tensor another number of elements; return self.

    The elements in memory stay, in memory's order; those beyond are uninitialised. Memory that is
    too small is left to the views that share it, and this tensor gets its own.

    Args:
        sizes: the shape wanted, as ints or one tuple.
        memory_format: taken for PyTorch's callers; the result is contiguous.

    Raises:
        GradError: the tensor requires grad.
        ShapeError: a length is negative.
    """
    _movable(self, "resize_")
    lengths = shape_tuple("resize_", sizes[0] if len(sizes) == 1 else sizes)
    check_format("resize_", memory_format, len(lengths))
    if min(lengths, default=0) < 0:
        raise ShapeError(f"resize_: a length cannot be negative, got {lengths}")
    data = self._data
    version_of(self).writes.bump("resize_")
    if isinstance(data, Aval):
        self._data = Aval(lengths, data.dtype)
        return self
    count = math.prod(lengths)
    memory = memory_of(data)
    start = offset_of(data)
    if start + count > memory.size:
        kept = memory[start:]
        memory, start = np.empty(count, data.dtype), 0
        memory[: kept.size] = kept
        self._version = None  # the views stay with the old memory
    self._data = memory[start : start + count].reshape(lengths)
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give this tensor the shape of another, as ``resize_`` does; return self."""
    return resize_(self, tuple(the_template.shape), memory_format=memory_format)


def resize(self: Tensor, *sizes: Any) -> Tensor:
    """Return the same elements under another shape; in PyTorch's old name for ``reshape``."""
    return shape.reshape(self, *sizes)


def resize_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the same elements in another's shape; PyTorch's old name for ``reshape_as``."""
    return shape.reshape(self, tuple(other.shape))


def set_(
    self: Tensor,
    source: Tensor | None = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Tensor:
    """Let this tensor share another's memory from now on; return self.

    Args:
        source: the other tensor, of the same dtype; None leaves this one empty.
        storage_offset: with ``size``, the element that comes first in source's memory.
        size: the shape; source's own view of its memory if None.
        stride: the strides; contiguous if None.

    Raises:
        GradError: a tensor requires grad.
        DTypeError: the dtypes differ.
        TypeError: source is no tensor.
    """
    _movable(self, "set_")
    if source is None:
        source = wrap(np.empty(0, self._data.dtype))
    if not isinstance(source, Tensor):
        raise TypeError(f"set_: expected a weft.Tensor, got {type(source).__name__}")
    _movable(source, "set_")
    if source.dtype is not self.dtype:
        raise DTypeError(f"set_: expected a tensor of {self.dtype}, got {source.dtype}")
    if size is not None:
        lengths = shape_tuple("set_", size)
        steps = stride
        if steps is None:
            steps = tuple(math.prod(lengths[d + 1 :]) for d in range(len(lengths)))
        source = strides.as_strided(source, lengths, steps, storage_offset)
    before = version_of(self).writes.count
    writes = version_of(source).writes
    self._data, self._version = source._data, detached_version(source)
    while writes.count <= before:  # what saved this tensor must notice
        writes.bump("set_")
    return self


def storage_offset(self: Tensor) -> int:
    """Return the place of the first element in the memory that this tensor is a view of."""
    return offset_of(self._data)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether another tensor has the very same memory, shape and strides."""
    a, b = self._data, tensor._data
    if not (isinstance(a, ndarray) and isinstance(b, ndarray)):
        return a is b
    return (a.ctypes.data, a.shape, a.strides, a.dtype) == (
        b.ctypes.data, b.shape, b.strides, b.dtype,
    )  # fmt: skip


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Write one number onto the main diagonal; return self.

    Args:
        fill_value: the number.
        wrap: whether the diagonal of a matrix with more rows than columns starts over below.

    Raises:
        ShapeError: the tensor has fewer than two dims, or more and they differ in length.
    """
    lengths = tuple(self.shape)
    if len(lengths) < 2 or (len(lengths) > 2 and len(set(lengths)) > 1):
        raise ShapeError(
            f"fill_diagonal_: expected a matrix, or more dims of one length, got shape {lengths}"
        )
    step = sum(math.prod(lengths[d + 1 :]) for d in range(len(lengths)))
    count = math.prod(lengths)
    end = count if wrap else min(count, lengths[-1] * step)
    places = creation.arange(count, device=device_of(self))
    hit = ((places % max(step, 1) == 0) & (places < end)).reshape(lengths)

    def filled_in(x: Tensor) -> Any:
        return x.masked_fill(hit, fill_value)

    return write(self, compute(filled_in, "fill_diagonal_", self), "fill_diagonal_")


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """Return a new tensor of this one's dtype and device, in PyTorch's old way.

    Args:
        args: nothing, for an empty tensor; lengths, for an uninitialised one; or data.
        device: another device.
    """
    place = device_of(self) if device is None else device
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].to(self.dtype).view_as_self()
    if (
        len(args) == 1
        and isinstance(args[0], (list, tuple, ndarray))
        and not isinstance(args[0], Size)
    ):
        return creation.tensor(args[0], dtype=self.dtype, device=place)
    return filled.empty(*(args or (0,)), dtype=self.dtype, device=place)


def new_empty_strided(
    self: Tensor,
    size: Any,
    stride: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Return an uninitialised tensor of given strides, with this one's dtype and device."""
    return filled.empty_strided(
        size,
        stride,
        dtype=dtype or self.dtype,
        device=device or device_of(self),
        layout=layout,
        requires_grad=requires_grad,
    )


def split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Take a dim apart into pieces of a length, or of several; as :func:`weft.split`."""
    return joining.split(self, split_size, dim)


def _hermitian(self: Tensor) -> Tensor:
    """Return a matrix transposed and conjugated."""
    if self.ndim not in (0, 2):
        raise ShapeError(f"H: expected a matrix, got shape {tuple(self.shape)}; use .mH")
    return orientation.adjoint(self)


METHODS: dict[str, Any] = {
    "as_strided_": as_strided_,
    "fill_diagonal_": fill_diagonal_,
    "is_set_to": is_set_to,
    "new": new,
    "new_empty_strided": new_empty_strided,
    "resize": resize,
    "resize_": resize_,
    "resize_as": resize_as,
    "resize_as_": resize_as_,
    "set_": set_,
    "split": split,
    "squeeze_": squeeze_,
    "storage_offset": storage_offset,
    "swapaxes_": transpose_,
    "swapdims_": transpose_,
    "t_": t_,
    "transpose_": transpose_,
    "unsqueeze_": unsqueeze_,
}
PROPERTIES: dict[str, Any] = {"H": _hermitian, "mH": orientation.adjoint}
