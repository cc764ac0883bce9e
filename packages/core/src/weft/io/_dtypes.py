"""The dtype names of safetensors and of PyTorch's storages, as the names weft gives them.

Only names and sizes stand here, so that a whole file can be checked before a tensor is made. What
weft itself lacks is listed too: a file may hold such a tensor beside others that can be read.
"""

from __future__ import annotations

__all__ = ["ITEM_BITS", "SAFETENSORS", "SAFETENSORS_ORDER", "TORCH_DTYPES", "TORCH_STORAGES"]

# weft's (and PyTorch's) dtype name -> bits of one element.
ITEM_BITS: dict[str, int] = {
    "bool": 8,
    "uint8": 8,
    "int8": 8,
    "int16": 16,
    "uint16": 16,
    "float16": 16,
    "bfloat16": 16,
    "int32": 32,
    "uint32": 32,
    "float32": 32,
    "complex32": 32,
    "complex64": 64,
    "float64": 64,
    "int64": 64,
    "uint64": 64,
    "complex128": 128,
    "float8_e5m2": 8,
    "float8_e4m3fn": 8,
    "float8_e5m2fnuz": 8,
    "float8_e4m3fnuz": 8,
    "float8_e8m0fnu": 8,
    "float6_e2m3fn": 6,
    "float6_e3m2fn": 6,
    "float4_e2m1fn": 4,
}

# The format's own order of dtypes, in which its reference writer lays tensors out (wider last,
# written widest first): following it makes our files equal to theirs byte for byte.
SAFETENSORS: dict[str, str] = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn",
    "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
SAFETENSORS_ORDER: dict[str, int] = {code: rank for rank, code in enumerate(SAFETENSORS)}

# `torch.<name>` pickled as a value. Names absent here (the quantised ones) are refused.
TORCH_DTYPES: dict[str, str] = {
    **{name: name for name in ITEM_BITS if not name.startswith(("float4", "float6"))},
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "cfloat": "complex64",
    "cdouble": "complex128",
}

# `torch.<name>`, the storage classes. An untyped storage counts bytes.
TORCH_STORAGES: dict[str, str] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
