"""DLPack: a tensor's memory for other libraries, and theirs for tensors, without a copy.

NumPy makes and reads the capsules. What it does not know are the dtypes that PyTorch and JAX
exchange beside its own (bfloat16 and float8): they travel as integers of their width, and the one
byte of the capsule that names the dtype is set or read here.
"""

from __future__ import annotations

import ctypes
from typing import Any

from weft._backend import ndarray, np
from weft._backend.libraries import Unavailable, by_array, library_for
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of, require
from weft._core.moving import share
from weft._core.tensor import Tensor, wrap

_CPU = (1, 0)  # DLPack's number of the device type, and of the device
_CUDA = 2
_UNSIGNED = 1  # DLPack's code of unsigned integers
#: DLPack's codes of dtypes that NumPy does not exchange, by weft's names.
_CODES = {"bfloat16": 4, "float8_e4m3fn": 10, "float8_e5m2": 12}
_NAMES = {code: name for name, code in _CODES.items()}
#: Where in the structure behind a capsule the dtype's code stands, by the capsule's name.
_CODE_AT = {b"dltensor": 20, b"dltensor_versioned": 52}
_FLAGS_AT = 24  # where in the structure with a version its flags stand
_READ_ONLY = 1

#: Whether this NumPy knows DLPack 1.0, whose capsules have a version and can be read-only.
_KNOWS_VERSIONS = np.lib.NumpyVersion(np.__version__) >= "2.1.0"

_name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _code(capsule: Any) -> Any:
    """Return the byte that names the dtype of a capsule not yet consumed."""
    name = _name_of(capsule)
    if name not in _CODE_AT:
        raise BufferError(
            f"from_dlpack: expected a fresh DLPack capsule, got one called "
            f"{(name or b'').decode()!r}; a capsule can be read once"
        )
    return ctypes.c_uint8.from_address(_pointer_of(capsule, name) + _CODE_AT[name])


# --- giving ------------------------------------------------------------------------------------


def _export(
    self: Tensor,
    /,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[Any, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Return a DLPack capsule over the tensor's memory, for another library to read once.

    Args:
        stream: None or -1 on the CPU, where there is nothing to wait for; on a GPU the number of
            the stream on which the reader will work.
        max_version: the newest DLPack version that the reader knows; None for those before 1.0.
        dl_device: the device wanted; None for the tensor's own.
        copy: ``True`` always copies, ``False`` and ``None`` share the memory.

    Raises:
        BufferError: the tensor requires grad, has no data, is on another device, is read-only
            where the version has no word for it, or has negative strides.
        ValueError: a stream is given for the CPU.
    """
    data = _exportable(self, "__dlpack__")
    if type(data) in by_array:  # the library of the GPU knows its streams
        given = {
            "stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy
        }  # fmt: skip
        return data.__dlpack__(**{name: v for name, v in given.items() if v is not None})
    if dl_device is not None and (int(dl_device[0]), int(dl_device[1])) != _CPU:
        raise BufferError(
            f"__dlpack__: this tensor is on the CPU, which is {_CPU}, and {tuple(dl_device)} was "
            f"asked for; move it with .to(device) first"
        )
    if stream is not None and stream != -1:
        raise ValueError(f"__dlpack__: the CPU has no streams, stream must be None, got {stream!r}")
    if copy:
        data = data.copy()
    elif any(step < 0 and n > 1 for step, n in zip(data.strides, data.shape, strict=True)):
        raise BufferError(
            f"__dlpack__: strides {self.stride()} are negative, which readers of DLPack do not "
            f"take; pass copy=True or call .contiguous()"
        )
    versioned = _KNOWS_VERSIONS and max_version is not None and max_version[0] >= 1
    if not data.flags.writeable and not versioned:
        raise BufferError(
            "__dlpack__: this tensor's memory is read-only, and DLPack before 1.0 cannot say so; "
            "pass copy=True or call .clone()"
        )
    code = _CODES.get(dtypes.of(data.dtype).name)
    settings = {"max_version": (1, 0)} if versioned else {}
    if code is None:
        return data.__dlpack__(**settings)
    capsule = data.view(f"u{data.itemsize}").__dlpack__(**settings)
    _code(capsule).value = code
    return capsule


def _exportable(self: Tensor, asked: str) -> Any:
    data = share(self)
    if isinstance(data, (Aval, Boxed)):
        raise BufferError(
            f"{asked}: a tensor on the meta device or inside a transform has no data to share"
        )
    if self._node is not None:
        raise BufferError(
            f"{asked}: this tensor requires grad, which the other library cannot record; call "
            f".detach() first"
        )
    return data


def _device(self: Tensor, /) -> tuple[int, int]:
    """Return DLPack's numbers of the tensor's device: (1, 0) is the CPU, (2, n) the GPU n."""
    if isinstance(self._data, (Aval, Boxed)):
        raise BufferError(f"__dlpack_device__: DLPack knows no device {device_of(self)}")
    if type(self._data) in by_array:
        kind, index = self._data.__dlpack_device__()
        return int(kind), int(index)
    return _CPU


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule over a tensor's memory, in the form from before DLPack 1.0.

    Prefer to hand the tensor itself to the other library's ``from_dlpack``.

    Args:
        tensor: whose memory to share.

    Returns:
        PyCapsule: to be read once.

    Raises:
        BufferError: the tensor cannot be shared so, with the reason.
    """
    return _export(tensor)


# --- taking ------------------------------------------------------------------------------------


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a tensor over the memory of another library's: writing to one writes to the other.

    Args:
        ext_tensor: an object with ``__dlpack__`` and ``__dlpack_device__``, such as a PyTorch
            tensor or a NumPy array; or a DLPack capsule, which can be read once.
        device: where the tensor is to be; by default where the other one is.
        copy: ``True`` always copies, ``False`` never, ``None`` only where needed.

    Returns:
        Tensor: of the same shape, dtype and strides. Memory that the other library calls
        read-only must not be written to.

    Raises:
        TypeError: the object offers no DLPack, or settings come with a capsule.
        BufferError: the other library cannot share it, or it is on a device of no use here.
        DTypeError: weft has not its dtype.

    Example:
        >>> import numpy
        >>> array = numpy.zeros(2, numpy.float32)
        >>> tensor = weft.from_dlpack(array)
        >>> tensor[0] = 1
        >>> array.tolist()
        [1.0, 0.0]
    """
    place = None if device is None else require(device)
    if type(ext_tensor).__name__ == "PyCapsule":
        if device is not None or copy is not None:
            raise TypeError("from_dlpack: device= and copy= need the tensor itself, not a capsule")
        return wrap(_read(ext_tensor))
    if not hasattr(ext_tensor, "__dlpack__") or not hasattr(ext_tensor, "__dlpack_device__"):
        raise TypeError(
            f"from_dlpack: expected an object with __dlpack__ and __dlpack_device__, got "
            f"{type(ext_tensor).__name__}; use weft.asarray for other data"
        )
    source = tuple(int(n) for n in ext_tensor.__dlpack_device__())
    if source[0] == _CUDA and (place is None or place.type == "cuda"):
        out = wrap(_on_gpu(ext_tensor, source, copy))
        return out if place is None else out.to(place)
    if source[0] != _CPU[0] and (place is None or place.type != "cpu"):
        raise BufferError(
            f"from_dlpack: the {type(ext_tensor).__name__} is on DLPack device {source}, and weft "
            f"takes memory of the CPU, (1, 0), and of NVIDIA's GPUs, (2, n); pass device='cpu' to "
            f"have it copied there"
        )
    capsule, copied = _asked(ext_tensor, source, copy)
    data = _read(capsule)
    if copy and not copied:
        data = data.copy()
    out = wrap(data)
    return out if place is None or place.type == "cpu" else out.to(place)


def _on_gpu(ext_tensor: Any, source: tuple[int, ...], copy: bool | None) -> Any:
    """Return the array of the GPU's library over another library's memory there."""
    try:
        library = library_for("cuda")
    except Unavailable as error:
        raise BufferError(
            f"from_dlpack: the {type(ext_tensor).__name__} is on DLPack device {source}, which "
            f"cannot be used here ({error}); pass device='cpu' to have it copied to the host"
        ) from None
    with library.on(source[1]):
        data = library.xp.from_dlpack(ext_tensor)
        return data.copy() if copy else data


def _asked(ext_tensor: Any, source: tuple[int, ...], copy: bool | None) -> tuple[Any, bool]:
    """Return the other library's capsule, and whether it has seen to ``copy``."""
    settings: dict[str, Any] = {"max_version": (1, 0)} if _KNOWS_VERSIONS else {}
    if copy is not None:
        settings["copy"] = copy
    if source[0] != _CPU[0]:
        settings["dl_device"] = _CPU
    try:
        return ext_tensor.__dlpack__(**settings), True
    except TypeError:  # a library from before the settings
        if source[0] != _CPU[0]:
            raise
        return ext_tensor.__dlpack__(), False


def _is_read_only(capsule: Any) -> bool:
    """Whether a capsule forbids writing; one from before DLPack 1.0 has no word for it."""
    name = _name_of(capsule)
    if name != b"dltensor_versioned":
        return False
    flags = ctypes.c_uint64.from_address(_pointer_of(capsule, name) + _FLAGS_AT)
    return bool(flags.value & _READ_ONLY)


class _Given:
    """Hands a capsule on to NumPy."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **settings: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


class _Writable:
    """Memory that NumPy takes for read-only where the capsule does not forbid writing."""

    def __init__(self, array: Any) -> None:
        self.array = array  # keeps the other library's memory alive
        self.__array_interface__ = {**array.__array_interface__}
        self.__array_interface__["data"] = (array.ctypes.data, False)


def _read(capsule: Any) -> Any:
    """Return the array behind a capsule, which is consumed."""
    code = _code(capsule)
    read_only = _is_read_only(capsule)
    special = _NAMES.get(code.value)
    if special is not None:
        code.value = _UNSIGNED
    data = np.from_dlpack(_Given(capsule))
    if not read_only and not data.flags.writeable:
        data = np.asarray(_Writable(data))
    if special is not None:
        data = data.view(dtypes.by_name(special).numpy)
    dtypes.of(data.dtype)  # raises for one that weft has not
    return data if type(data) is ndarray else np.asarray(data)


METHODS: dict[str, Any] = {"__dlpack__": _export, "__dlpack_device__": _device}
