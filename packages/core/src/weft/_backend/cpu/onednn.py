"""oneDNN's library: found, loaded on first use, its C functions declared; absent where it is not.

The wheel ``onednn-cpu-gomp`` holds oneDNN 3.2 built on libgomp, for Linux on x86-64. Everything
else of weft that talks to oneDNN goes through :func:`library`, which is None where the wheel, the
system's libgomp or the right processor is missing, or where ``WEFT_ONEDNN=0`` switches it off. The
callers then compute with NumPy.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from ctypes import (
    POINTER,
    byref,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint,
    c_void_p,
)
from typing import TYPE_CHECKING, Any

from weft._backend.cpu import switches, threads

if TYPE_CHECKING:
    from pathlib import Path

# The numbers of oneDNN's C enumerations, as its headers dnnl_types.h and dnnl_common_types.h have
# them; these are part of its stable interface.
F32, BF16 = 3, 2
FORWARD_TRAINING, FORWARD_INFERENCE = 64, 96
CONVOLUTION_DIRECT = 1
ANY = 1  # the format tag by which a primitive chooses
RELU, TANH, ELU, HARDSIGMOID, LOGISTIC = 0x20, 0x21, 0x22, 0x28, 0x29
GELU_TANH, SWISH, CLIP, GELU_ERF, MISH, HARDSWISH = 0x2B, 0x2C, 0x2F, 0x31, 0x33, 0x34
SUM = 0  # ours: what the result's memory held before is added
SRC, DST, WEIGHTS, BIAS, SCRATCHPAD = 1, 17, 33, 41, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS = 129, 145, 161, 169
QUERY_SRC, QUERY_DIFF_SRC, QUERY_WEIGHTS, QUERY_DIFF_WEIGHTS = 129, 130, 131, 132
QUERY_DST, QUERY_DIFF_DST, QUERY_SCRATCHPAD = 133, 134, 136
QUERY_IMPLEMENTATION = 8
USER_SCRATCHPAD = 1
IN_ORDER = 1
CPU = 1

#: oneDNN's name for its longest shapes.
MAX_DIMS = 12
Dims = c_int64 * MAX_DIMS


class Argument(ctypes.Structure):
    """``dnnl_exec_arg_t``: which argument of a primitive, and the memory object it reads."""

    _fields_ = (("arg", c_int), ("memory", c_void_p))


_md, _handle, _dims = c_void_p, c_void_p, c_int64 * MAX_DIMS
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "dnnl_engine_create": (POINTER(_handle), c_int, c_size_t),
    "dnnl_stream_create": (POINTER(_handle), _handle, c_uint),
    "dnnl_primitive_attr_create": (POINTER(_handle),),
    "dnnl_primitive_attr_destroy": (_handle,),
    "dnnl_primitive_attr_set_scratchpad_mode": (_handle, c_int),
    "dnnl_primitive_attr_set_post_ops": (_handle, _handle),
    "dnnl_post_ops_create": (POINTER(_handle),),
    "dnnl_post_ops_destroy": (_handle,),
    "dnnl_post_ops_append_eltwise": (_handle, c_int, c_float, c_float),
    "dnnl_post_ops_append_sum": (_handle, c_float, c_int32, c_int),
    "dnnl_memory_desc_create_with_strides": (POINTER(_md), c_int, _dims, c_int, _dims),
    "dnnl_memory_desc_create_with_tag": (POINTER(_md), c_int, _dims, c_int, c_int),
    "dnnl_memory_desc_clone": (POINTER(_md), _md),
    "dnnl_memory_desc_destroy": (_md,),
    "dnnl_memory_create": (POINTER(_handle), _md, _handle, c_void_p),
    "dnnl_memory_destroy": (_handle,),
    "dnnl_memory_set_data_handle": (_handle, c_void_p),
    "dnnl_primitive_desc_destroy": (_handle,),
    "dnnl_primitive_desc_query": (_handle, c_int, c_int, c_void_p),
    "dnnl_primitive_create": (POINTER(_handle), _handle),
    "dnnl_primitive_destroy": (_handle,),
    "dnnl_primitive_execute": (_handle, _handle, c_int, POINTER(Argument)),
    "dnnl_reorder_primitive_desc_create": (
        (POINTER(_handle), _md, _handle, _md, _handle, _handle)
    ),
    "dnnl_matmul_primitive_desc_create": (POINTER(_handle), _handle, _md, _md, _md, _md, _handle),
    "dnnl_convolution_forward_primitive_desc_create": (
        POINTER(_handle), _handle, c_int, c_int, _md, _md, _md, _md,
        _dims, _dims, _dims, _dims, _handle,
    ),
    "dnnl_convolution_backward_data_primitive_desc_create": (
        POINTER(_handle), _handle, c_int, _md, _md, _md,
        _dims, _dims, _dims, _dims, _handle, _handle,
    ),
    "dnnl_convolution_backward_weights_primitive_desc_create": (
        POINTER(_handle), _handle, c_int, _md, _md, _md, _md,
        _dims, _dims, _dims, _dims, _handle, _handle,
    ),
    "dnnl_set_primitive_cache_capacity": (c_int,),
}  # fmt: skip


class OneDNNError(RuntimeError):
    """A call of oneDNN did not succeed."""


class Library:
    """The loaded library, one engine for the processor, and the functions by name.

    Attributes:
        engine: oneDNN's handle of the processor.
        version: such as ``"3.2.0"``.
    """

    def __init__(self, dll: Any) -> None:
        self._dll = dll
        for name, arguments in _SIGNATURES.items():
            function = getattr(dll, name)
            function.argtypes, function.restype = arguments, c_int
            setattr(self, name.removeprefix("dnnl_"), function)
        dll.dnnl_memory_desc_equal.argtypes = (_md, _md)
        dll.dnnl_memory_desc_get_size.argtypes = (_md,)
        dll.dnnl_memory_desc_get_size.restype = c_size_t
        dll.dnnl_primitive_desc_query_md.argtypes = (_handle, c_int, c_int)
        dll.dnnl_primitive_desc_query_md.restype = c_void_p
        dll.dnnl_version.restype = POINTER(c_int * 3)
        self.memory_desc_equal = dll.dnnl_memory_desc_equal
        self.memory_desc_get_size = dll.dnnl_memory_desc_get_size
        self.primitive_desc_query_md = dll.dnnl_primitive_desc_query_md
        self.version = ".".join(map(str, dll.dnnl_version().contents))
        engine = c_void_p()
        check(dll.dnnl_engine_create(byref(engine), CPU, 0), "dnnl_engine_create")
        self.engine: int = engine.value or 0

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the binding of oneDNN declares no dnnl_{name}")


def check(status: int, name: str) -> None:
    """Raise unless oneDNN's status is success."""
    if status:
        meanings = {1: "out of memory", 2: "invalid arguments", 3: "not implemented", 5: "failed"}
        raise OneDNNError(f"oneDNN: {name}: {meanings.get(status, f'status {status}')}")


def _candidates() -> list[Path]:
    """Return where the wheel may have put the library: beside this Python's own, or elsewhere."""
    from pathlib import Path  # here, since `import weft` reads this file

    beside = Path(sys.prefix) / "lib" / "libdnnl.so.3"
    if beside.exists():
        return [beside]
    from importlib import metadata

    try:
        files = metadata.files("onednn-cpu-gomp") or ()
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(f.locate())) for f in files if f.name == "libdnnl.so.3"]


@functools.cache
def _load() -> tuple[Library | None, str]:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None, f"has no build for {sys.platform} on {platform.machine()}"
    found = _candidates()
    if not found:
        return None, "the wheel onednn-cpu-gomp is not installed"
    try:
        return Library(ctypes.CDLL(str(found[0]))), ""
    except (OSError, AttributeError, OneDNNError) as error:
        return None, f"does not load: {error}"


def library() -> Library | None:
    """Return oneDNN, loaded at the first call; None where it cannot be had."""
    return _load()[0]


def why_not() -> str:
    """Return why :func:`library` is None, in one clause; empty where it is not."""
    return _load()[1]


def usable() -> bool:
    """Whether oneDNN is here, switched on, and has the pool to run on."""
    return switches.onednn and _load()[0] is not None and threads.library() is not None


def loaded() -> Library:
    """Return oneDNN, which the caller knows to be there."""
    found = _load()[0]
    assert found is not None
    return found
