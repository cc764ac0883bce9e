"""``torch.FloatTensor`` and its kin: a tensor's class by its dtype, for making and for asking."""

from __future__ import annotations

from typing import Any

import weft


class _TypeOfTensor(type):
    """A class that has the tensors of one dtype as its instances, and makes them."""

    dtype: weft.dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, weft.Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> weft.Tensor:
        """Return a tensor of the values given, or an uninitialised one of the sizes given."""
        if len(args) == 1 and not isinstance(args[0], int):
            if isinstance(args[0], weft.Size):
                return weft.empty(args[0], dtype=cls.dtype, device=device)
            return weft.tensor(args[0], dtype=cls.dtype, device=device)
        return weft.empty(args or (0,), dtype=cls.dtype, device=device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _of(name: str, dtype: weft.dtype) -> _TypeOfTensor:
    return _TypeOfTensor(name, (), {"dtype": dtype, "__doc__": f"Tensors of {dtype}."})


FloatTensor = _of("FloatTensor", weft.float32)
DoubleTensor = _of("DoubleTensor", weft.float64)
HalfTensor = _of("HalfTensor", weft.float16)
BFloat16Tensor = _of("BFloat16Tensor", weft.bfloat16)
BoolTensor = _of("BoolTensor", weft.bool)
ByteTensor = _of("ByteTensor", weft.uint8)
CharTensor = _of("CharTensor", weft.int8)
ShortTensor = _of("ShortTensor", weft.int16)
IntTensor = _of("IntTensor", weft.int32)
LongTensor = _of("LongTensor", weft.int64)
