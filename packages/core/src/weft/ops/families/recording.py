"""Whether a derivative rule runs on plain arrays, unrecorded: one fused op may then do it all."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._core import dtypes
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError
from weft._core.modes import here


def unrecorded(*tensors: Any) -> bool:
    """Whether nothing records what is done to these tensors, nor maps it; some may be None.

    The rule may then call an op that has no derivative of its own.
    """
    if here.grad:
        return False
    for x in tensors:
        if x is not None:
            data = x._data
            if isinstance(data, Boxed) and not data.stands_for_array:
                return False
    return True


def is_array_like(x: Any) -> bool:
    """Whether a tensor holds a plain array of the CPU's, or stands for one."""
    data = x._data
    return type(data) is ndarray or (isinstance(data, Boxed) and data.stands_for_array)


def require_real(name: str, x: Any) -> None:
    """Raise a DTypeError if an array, or an aval, is complex: a formula holds for reals alone."""
    if x.dtype.kind == "c":
        raise DTypeError(f"{name}: expected real numbers, got {dtypes.of(x.dtype)}")
