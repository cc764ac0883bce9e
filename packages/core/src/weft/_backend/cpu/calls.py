"""Machine code as functions of Python, and the table of addresses that it finds its helpers in."""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.addresses import data_offset, expect_fields
from weft._backend.cpu.language.table import TABLE_ENTRIES

_FASTCALL = 0x80


@functools.cache
def table() -> Any:
    """Return the table of addresses; the number of threads in it follows the setting."""
    expect_fields()
    found = {
        "data_offset": data_offset(),
        "none": id(None),
        **threads.addresses(),
        "threads": threads.count(),
        "sched_yield": _of_the_system("sched_yield"),
    }
    for name in TABLE_ENTRIES:
        if name.startswith("Py"):
            found[name] = _address(getattr(ctypes.pythonapi, name))
    entries = np.array([found.get(name, 0) for name in TABLE_ENTRIES], np.uint64)
    place = TABLE_ENTRIES.index("threads")
    if not found["GOMP_parallel"]:
        entries[place] = 1
    else:
        threads.on_change(lambda count: entries.__setitem__(place, count))
    return entries


def function(name: str, address: int) -> Any:
    """Return the function of Python that runs the code at an address."""
    label = name.encode() + b"\0"
    # a PyMethodDef: name, function, flags, no docstring; and the name
    place = _lasting(32 + len(label))
    definition = struct.pack("<4Q", place + 32, address, _FASTCALL, 0)
    ctypes.memmove(place, definition + label, 32 + len(label))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    return make(place, table(), name)


def _lasting(size: int) -> int:
    """Return memory that nothing frees.

    The interpreter reads the definition of each function that is left in its last collection, after
    it has taken down the modules, and whatever these held.
    """
    ask = ctypes.pythonapi.PyMem_RawMalloc
    ask.restype = ctypes.c_void_p
    ask.argtypes = (ctypes.c_size_t,)
    place: int | None = ask(size)
    if place is None:
        raise MemoryError(f"no memory for the definition of a function ({size} bytes)")
    return place


def _of_the_system(name: str) -> int:
    """Return where a function of the C library is; 0 where there is none of this name."""
    # it names everything that the process has loaded, elsewhere than on Windows
    found = getattr(ctypes.pythonapi, name, None) if sys.platform != "win32" else None
    return 0 if found is None else _address(found)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
