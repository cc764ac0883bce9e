"""Tensors of ONNX files as weft's."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.io.errors import shown
from weft.onnx._file import ExternalData
from weft.onnx._library import library
from weft.onnx.errors import OnnxError

__all__ = ["dtype_named", "dtype_of", "read_tensor"]

#: ONNX's number of each dtype that weft computes with.
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16",
}  # fmt: skip
_MOST_DIMS = 64


def dtype_named(number: int, who: str) -> str:
    """Return weft's name of a dtype.

    Raises:
        OnnxError: weft does not compute with it.
    """
    if number not in _DTYPES:
        names = {value: name for name, value in library().TensorProto.DataType.items()}
        raise OnnxError(
            f"{who}: the dtype {names.get(number, number)} is none of those that weft computes "
            f"with: {' '.join(_DTYPES.values())}"
        )
    return _DTYPES[number]


def dtype_of(number: int, who: str) -> weft.dtype:
    """Return weft's dtype for ONNX's number.

    Raises:
        OnnxError: weft does not compute with it.
    """
    found: weft.dtype = getattr(weft, dtype_named(number, who))
    return found


def read_tensor(proto: Any, external: ExternalData, origin: str) -> Tensor:
    """Return a `TensorProto` as a tensor of its own memory.

    Raises:
        OnnxError: its dtype is none of weft's, or its data does not fill its shape.
    """
    onnx = library()
    who = f"{origin}: tensor {shown(proto.name)}"
    dtype = dtype_of(proto.data_type, who)
    shape = tuple(proto.dims)
    if len(shape) > _MOST_DIMS or any(size < 0 for size in shape) or math.prod(shape) >= 2**48:
        raise OnnxError(f"{who}: its shape must be at most 64 sizes, but is {shown(shape)}")
    count = math.prod(shape)
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        entries = {entry.key: entry.value for entry in proto.external_data}
        raw = external.read(entries, count * dtype.itemsize, proto.name)
        proto = onnx.TensorProto(data_type=proto.data_type, dims=shape, raw_data=raw)
    elif proto.HasField("raw_data") and len(proto.raw_data) != count * dtype.itemsize:
        raise OnnxError(
            f"{who}: {count} elements of {dtype} need {count * dtype.itemsize} bytes, but there "
            f"are {len(proto.raw_data)}"
        )
    try:
        array = onnx.numpy_helper.to_array(proto)
        found = weft.from_numpy(array.copy())
    except (ValueError, TypeError) as error:
        raise OnnxError(f"{who}: its data does not fill its shape {shape}: {error}") from None
    if found.dtype != dtype or tuple(found.shape) != shape:
        raise OnnxError(
            f"{who}: {dtype} of shape {shape} was announced, but the data is {found.dtype} of "
            f"shape {tuple(found.shape)}"
        )
    return found
