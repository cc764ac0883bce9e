"""What a dtype can hold: ``finfo`` and ``iinfo``."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.numpy_ import ml_dtypes
from weft._core import dtypes
from weft._core.errors import DTypeError


class finfo:
    """The limits of a floating or complex dtype; of a complex one, those of its parts.

    Attributes:
        bits: bits of one number.
        eps: the distance from 1 to the next larger number.
        max: the largest finite number.
        min: the smallest finite number, which is ``-max``.
        tiny: the smallest positive normal number, also called ``smallest_normal``.
        resolution: the decimal precision; 1 for 8-bit floats, which keep no decimal digit.

    Raises:
        DTypeError: the dtype is neither floating nor complex.
    """

    def __init__(self, dtype: Any = None) -> None:
        own = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtypes.canonical(dtype))
        if own.category < 2:
            raise DTypeError(f"finfo: expected a floating or complex dtype, got {own}; use iinfo")
        narrow = own is dtypes.bfloat16 or own.is_float8
        info = (ml_dtypes if narrow else np).finfo(own.numpy)
        self.dtype = own.name
        self.bits = int(info.bits)
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        # 10 to the number of decimal digits that any number keeps, which for 8 bits is none
        self.resolution = 1.0 if own.is_float8 else 10.0 ** -int(info.precision)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype.

    Attributes:
        bits: bits of one number.
        max: the largest number.
        min: the smallest number.

    Raises:
        DTypeError: the dtype is not integer.
    """

    def __init__(self, dtype: Any) -> None:
        own = dtypes.of(dtypes.canonical(dtype))
        if own.category != 1:
            raise DTypeError(f"iinfo: expected an integer dtype, got {own}")
        info = np.iinfo(own.numpy)
        self.dtype = own.name
        self.bits, self.max, self.min = int(info.bits), int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
