"""What lets NumPy, and whatever reads buffers, take tensors for arrays.

NumPy's ufuncs give tensors for tensors, as with PyTorch; NumPy's other functions either call the
tensor's method of the same name or work on the array over its memory. There is deliberately no
``__array_ufunc__``: with it NumPy would take ``array + tensor`` for itself, and no gradient would
be recorded.
"""

from __future__ import annotations

import sys
from typing import Any

from weft._backend import ndarray, np
from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.tensor import Tensor, wrap
from weft._tensor.access import numpy


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    """Return the memory as a NumPy array: shared, unless a dtype or ``copy=True`` asks for more."""
    return np.array(numpy(self), dtype=dtype, copy=copy)


def _wrapped(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """Return what a NumPy ufunc computed of this tensor as a tensor."""
    data = np.asarray(array)
    try:
        dtypes.of(data.dtype)
    except DTypeError:  # np.frexp of long doubles and the like: no tensor can hold it
        return array
    return wrap(data if type(data) is ndarray else data.view(ndarray))


def _buffer(self: Tensor, flags: int) -> memoryview:
    """Return the memory as a buffer (Python 3.12 and later)."""
    if self._node is not None:
        raise BufferError("this tensor requires grad, which a buffer cannot record; use .detach()")
    try:
        return memoryview(numpy(self))
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # bfloat16 and float8, which buffers cannot name
        raise BufferError(
            f"a tensor of {self.dtype} on {self.device} has no buffer: {error}; .view(weft.uint8) "
            f"has its bytes"
        ) from None


def from_buffer(obj: Any) -> Any:
    """Return an array over the memory of an object with the buffer protocol.

    Raises:
        TypeError: it has none, or its elements are no numbers.
    """
    try:
        data = np.asarray(memoryview(obj))
    except TypeError:
        raise TypeError(
            f"asarray: expected an array, numbers, nested sequences of numbers or a buffer, got "
            f"{type(obj).__name__}"
        ) from None
    dtypes.of(data.dtype)
    return data


METHODS: dict[str, Any] = {"__array__": _array, "__array_wrap__": _wrapped}
if sys.version_info >= (3, 12):
    METHODS["__buffer__"] = _buffer
