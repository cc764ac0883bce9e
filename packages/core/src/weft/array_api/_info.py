"""Inspection of the namespace: what it supports, and its defaults."""

from __future__ import annotations

from typing import Any

import weft
from weft._backend.libraries import Unavailable, library_for
from weft.array_api._data_types import isdtype

_DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
#: NumPy's limit, which holds for every array that lives in its memory.
_MOST_DIMENSIONS = 64


class Info:
    """What this namespace supports."""

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """Return which optional parts of the standard are there, and the most dimensions."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": _MOST_DIMENSIONS,
        }

    def default_device(self) -> Any:
        """Return the device on which arrays are made."""
        return weft.device("cpu")

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Return the default dtype of each kind.

        Args:
            device: taken for the standard; they are the same on every device.
        """
        real = weft.get_default_dtype()
        return {
            "real floating": real,
            "complex floating": weft.complex128 if real is weft.float64 else weft.complex64,
            "integral": weft.int64,
            "indexing": weft.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """Return the standard's dtypes by name.

        Args:
            device: taken for the standard; they are the same on every device.
            kind: a kind as of ``isdtype``, or a tuple of them; None for all.
        """
        known = {name: getattr(weft, name) for name in _DTYPES}
        if kind is None:
            return known
        return {name: dtype for name, dtype in known.items() if isdtype(dtype, kind)}

    def devices(self) -> tuple[Any, ...]:
        """Return the devices whose arrays hold data and can be made now: the CPU, then GPUs."""
        try:
            count = library_for("cuda").count()
        except Unavailable:
            count = 0
        return (weft.device("cpu"), *(weft.device("cuda", n) for n in range(count)))


def __array_namespace_info__() -> Info:
    """Return what the namespace supports: capabilities, devices, dtypes and defaults.

    Returns:
        Info: with the methods capabilities, default_device, default_dtypes, devices and dtypes.
    """
    return Info()
