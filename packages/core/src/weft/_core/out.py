"""``out=``: a function's result written into tensors that the caller has."""

from __future__ import annotations

import math
import warnings
from typing import Any

from weft._backend import np
from weft._core.aval import Aval
from weft._core.device import device_of, placed
from weft._core.errors import DTypeError, GradError
from weft._core.inplace import write
from weft._core.modes import here
from weft._core.tensor import Tensor


def into(name: str, out: Any, result: Any) -> Any:
    """Write a function's result into ``out`` and return that.

    Args:
        name: the function, for messages.
        out: a tensor, or as many tensors as there are results. One of another shape is given the
            result's shape, with a warning unless it was empty, as in PyTorch.
        result: what the function returned.

    Raises:
        TypeError: ``out`` is no tensor, or not as many of them as there are results.
        DTypeError: a result's dtype does not fit into that of ``out``.
        GradError: a gradient would have to be recorded.
    """
    if isinstance(result, Tensor):
        return _one(name, out, result)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(
            f"{name}: out must be a tuple of {len(result)} tensors, got {type(out).__name__}"
        )
    written = [_one(name, o, r) for o, r in zip(out, result, strict=True)]
    return type(result)(*written) if hasattr(result, "_fields") else type(result)(written)


def _one(name: str, out: Any, result: Tensor) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: out must be a weft.Tensor, got {type(out).__name__}")
    if here.grad and (result._node is not None or out._node is not None):
        raise GradError(
            f"{name}: with out= no gradient is recorded, but an argument requires grad; call it "
            f"without out=, or under weft.no_grad()"
        )
    wanted = result.dtype
    if wanted.category > out.dtype.category:
        raise DTypeError(f"{name}: a result of {wanted} does not fit into out of {out.dtype}")
    if tuple(out.shape) != tuple(result.shape):
        _resize(name, out, tuple(result.shape))
    return write(out, result, f"{name}(out=)")


def _resize(name: str, out: Tensor, shape: tuple[int, ...]) -> None:
    if math.prod(out.shape):
        warnings.warn(
            f"{name}: out has shape {tuple(out.shape)} and is given the result's shape {shape}; "
            f"pass an empty tensor, or one of that shape",
            stacklevel=4,
        )
    own = out._data.dtype
    if isinstance(out._data, Aval):
        out._data = Aval(shape, own)
    else:
        out._data = placed(np.empty(shape, own), device_of(out))
