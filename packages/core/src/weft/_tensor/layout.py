"""What a tensor is: shape, dtype, strides."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._core import dtypes
from weft._core.device import device_of
from weft._core.tensor import Size, Tensor
from weft.ops import permuting


def shape(self: Tensor) -> Size:
    """Return the length of each dim; a tuple."""
    return Size(self._data.shape)


def dtype(self: Tensor) -> dtypes.dtype:
    """Return the dtype of the elements."""
    return dtypes.of(self._data.dtype)


def ndim(self: Tensor) -> int:
    """Return the number of dims."""
    return len(self._data.shape)


def numel(self: Tensor) -> int:
    """Return the number of elements."""
    return shape(self).numel()


def element_size(self: Tensor) -> int:
    """Return the bytes of one element."""
    return dtype(self).itemsize


def nbytes(self: Tensor) -> int:
    """Return the bytes of all elements together."""
    return numel(self) * element_size(self)


def stride(self: Tensor, dim: int | None = None) -> Any:
    """Return how many elements apart neighbours lie in memory, for each dim or one."""
    data = self._data
    if isinstance(data, ndarray) and data.size:  # NumPy gives an empty array zeros
        steps = tuple(s // data.itemsize for s in data.strides)
        if 0 in steps:
            steps = _with_new_dims(data.shape, steps)
    else:
        steps = _contiguous_strides(tuple(data.shape))
    return steps if dim is None else steps[dim]


def _with_new_dims(lengths: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    """Return strides in which a dim of length 1 has PyTorch's: NumPy gives a new dim 0."""
    out = list(steps)
    for d in reversed(range(len(out))):
        if lengths[d] == 1 and out[d] == 0:
            out[d] = lengths[d + 1] * out[d + 1] if d + 1 < len(out) else 1
    return tuple(out)


def _contiguous_strides(lengths: tuple[int, ...]) -> tuple[int, ...]:
    steps = []
    step = 1
    for length in reversed(lengths):
        steps.append(step)
        step *= max(length, 1)
    return tuple(reversed(steps))


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is floating."""
    return dtype(input).is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return dtype(input).is_complex


def _matrix_transposed(self: Tensor) -> Tensor:
    """Return a view with the last two dims swapped."""
    return permuting.transpose(self, -2, -1)


def _transposed(self: Tensor) -> Tensor:
    """Return a view with the dims in reverse order."""
    return permuting.transposed(self, tuple(reversed(range(self.ndim))))


METHODS: dict[str, Any] = {
    "dim": ndim,
    "element_size": element_size,
    "is_complex": is_complex,
    "is_floating_point": is_floating_point,
    "nelement": numel,
    "numel": numel,
    "stride": stride,
}
PROPERTIES: dict[str, Any] = {
    "T": _transposed,
    "device": device_of,
    "dtype": dtype,
    "itemsize": element_size,
    "mT": _matrix_transposed,
    "nbytes": nbytes,
    "ndim": ndim,
    "shape": shape,
}
