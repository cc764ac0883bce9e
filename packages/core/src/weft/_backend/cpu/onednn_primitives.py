"""oneDNN's primitives with their memory objects, kept ready to run, by thread and by key.

Making a primitive takes a millisecond, running one a microsecond more than its work. So each is
made once for a key (op, shapes, dtypes, layout) and kept together with the memory objects and the
argument array that running it needs; a call sets the addresses of its arrays in those and runs.
They hold the addresses of one call, so each thread has its own, and its own scratch memory.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Hashable, Sequence
from ctypes import byref, c_void_p
from typing import Any

from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.onednn import (
    ANY,
    BF16,
    F32,
    IN_ORDER,
    QUERY_IMPLEMENTATION,
    QUERY_SCRATCHPAD,
    SCRATCHPAD,
    SUM,
    USER_SCRATCHPAD,
    Argument,
    Dims,
    Library,
    OneDNNError,
    check,
    loaded,
)
from weft._backend.numpy_ import BFLOAT16, ndarray, np

#: Primitives kept by one thread; beyond that all are dropped, which only costs making them anew.
MOST_KEPT = 2048
_ALIGNMENT = 64

_F32 = np.dtype(np.float32)
NUMBERS = {_F32: F32, BFLOAT16: BF16}


class Descriptor:
    """A memory descriptor of oneDNN: shape, dtype and layout; freed with its owner."""

    __slots__ = ("_library", "handle")

    def __init__(self, lib: Library, handle: Any) -> None:
        self._library = lib
        self.handle = handle

    def __del__(self) -> None:
        self._library.memory_desc_destroy(self.handle)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Descriptor):
            return NotImplemented
        return bool(self._library.memory_desc_equal(self.handle, other.handle))

    __hash__ = None  # type: ignore[assignment]  # never a key: equal ones may differ in handle

    @property
    def nbytes(self) -> int:
        """How much memory it describes."""
        return int(self._library.memory_desc_get_size(self.handle))


def strided(lib: Library, shape: Sequence[int], number: int, strides: Sequence[int]) -> Descriptor:
    """Return the descriptor of a layout by strides, in elements."""
    md = c_void_p()
    status = lib.memory_desc_create_with_strides(
        byref(md), len(shape), Dims(*shape), number, Dims(*strides)
    )
    check(status, "dnnl_memory_desc_create_with_strides")
    return Descriptor(lib, md.value)


def chosen(lib: Library, shape: Sequence[int], number: int) -> Descriptor:
    """Return the descriptor of a layout that the primitive shall choose."""
    md = c_void_p()
    status = lib.memory_desc_create_with_tag(byref(md), len(shape), Dims(*shape), number, ANY)
    check(status, "dnnl_memory_desc_create_with_tag")
    return Descriptor(lib, md.value)


class Attributes:
    """A primitive's attributes: our scratch memory, and what is done to the result it writes.

    Args:
        lib: the library.
        after: elementwise functions with two parameters each, in turn; ``SUM`` among them adds what
            the result's memory held before.
    """

    def __init__(self, lib: Library, after: Sequence[tuple[int, float, float]] = ()) -> None:
        self._library = lib
        handle = c_void_p()
        check(lib.primitive_attr_create(byref(handle)), "dnnl_primitive_attr_create")
        self.handle = handle.value
        lib.primitive_attr_set_scratchpad_mode(self.handle, USER_SCRATCHPAD)
        if after:
            ops = c_void_p()
            check(lib.post_ops_create(byref(ops)), "dnnl_post_ops_create")
            for function, alpha, beta in after:
                if function == SUM:
                    lib.post_ops_append_sum(ops, 1.0, 0, 0)  # of the result's own dtype
                else:
                    lib.post_ops_append_eltwise(ops, function, alpha, beta)
            lib.primitive_attr_set_post_ops(self.handle, ops)  # which copies them
            lib.post_ops_destroy(ops)

    def __del__(self) -> None:
        self._library.primitive_attr_destroy(self.handle)


class Plan:
    """A primitive descriptor: what would run, and the layouts it chose."""

    def __init__(self, lib: Library, handle: Any) -> None:
        self._library = lib
        self.handle = handle

    def __del__(self) -> None:
        self._library.primitive_desc_destroy(self.handle)

    def descriptor(self, what: int) -> Descriptor:
        """Return the layout that it chose for an argument."""
        found = self._library.primitive_desc_query_md(self.handle, what, 0)
        md = c_void_p()
        check(self._library.memory_desc_clone(byref(md), found), "dnnl_memory_desc_clone")
        return Descriptor(self._library, md.value)

    @property
    def implementation(self) -> str:
        """oneDNN's name of the code that would run."""
        name = ctypes.c_char_p()
        self._library.primitive_desc_query(self.handle, QUERY_IMPLEMENTATION, 0, byref(name))
        return (name.value or b"").decode()


class _Thread(threading.local):
    """What each thread has of its own."""

    def __init__(self) -> None:
        lib = loaded()
        stream = c_void_p()
        check(lib.stream_create(byref(stream), lib.engine, IN_ORDER), "dnnl_stream_create")
        self.stream = stream.value
        self.kept: dict[Hashable, Any] = {}
        self.made: Any = None  # what is kept of a weight, and of which: see onednn_convolution
        self.made_of = 0
        self.scratch: Any = None
        self.scratch_bytes = 0
        self.scratch_address = 0


_here: Any = None


def here() -> Any:
    """Return this thread's stream, scratch memory and primitives; made on first use."""
    global _here
    if _here is None:
        _here = _Thread()
    return _here


def known(key: Hashable) -> Any:
    """Return what this thread keeps under a key; None if it keeps nothing."""
    return None if _here is None else _here.kept.get(key)


def kept(key: Hashable, make: Callable[..., Any], *args: Any) -> Any:
    """Return what this thread keeps under a key, made by ``make(*args)`` at first."""
    table = here().kept
    try:
        return table[key]
    except KeyError:
        pass
    if len(table) >= MOST_KEPT:
        table.clear()
    made = table[key] = make(*args)
    return made


class Primitive:
    """A primitive ready to run in the thread that made it.

    Args:
        plan: what runs.
        arguments: oneDNN's number of each argument, and its layout, in the order of addresses.
    """

    __slots__ = (
        "_arguments", "_count", "_execute", "_handle", "_library", "_memories", "_needs",
        "_scratch", "_set", "_stream", "implementation",
    )  # fmt: skip

    def __init__(self, plan: Plan, arguments: Sequence[tuple[int, Descriptor]]) -> None:
        lib = loaded()
        self._library = lib
        self._execute = lib.primitive_execute
        self._set = lib.memory_set_data_handle
        self._stream = here().stream
        self._memories: list[Any] = []
        self._handle: Any = None
        scratch = plan.descriptor(QUERY_SCRATCHPAD)
        self._needs = scratch.nbytes
        self._scratch = 0
        self.implementation = plan.implementation
        handle = c_void_p()
        check(lib.primitive_create(byref(handle), plan.handle), "dnnl_primitive_create")
        self._handle = handle.value
        listed = [*arguments, (SCRATCHPAD, scratch)] if self._needs else list(arguments)
        self._arguments = (Argument * len(listed))()
        self._count = len(listed)
        for place, (number, descriptor) in zip(self._arguments, listed, strict=True):
            memory = c_void_p()
            status = lib.memory_create(byref(memory), descriptor.handle, lib.engine, None)
            check(status, "dnnl_memory_create")
            self._memories.append(memory.value)
            place.arg, place.memory = number, memory.value

    def __del__(self) -> None:
        for memory in self._memories:
            self._library.memory_destroy(memory)
        if self._handle is not None:
            self._library.primitive_destroy(self._handle)

    def __call__(self, *addresses: int) -> None:
        """Run on arrays at these addresses, in the order of the arguments."""
        put = self._set
        for memory, at in zip(self._memories, addresses, strict=False):  # scratch comes last
            put(memory, at)
        if self._needs:
            own = _here
            if own.scratch_bytes < self._needs:
                _grow(own, self._needs)
            if own.scratch_address != self._scratch:
                self._scratch = own.scratch_address
                put(self._memories[-1], self._scratch)
        status = self._execute(self._handle, self._stream, self._count, self._arguments)
        if status:
            raise OneDNNError(f"oneDNN: executing {self.implementation} gave status {status}")


def _grow(own: Any, needed: int) -> None:
    own.scratch = None  # freed before the larger one is made
    own.scratch = np.empty(needed + _ALIGNMENT, np.uint8)
    own.scratch_bytes = needed
    own.scratch_address = -(-address_of(own.scratch) // _ALIGNMENT) * _ALIGNMENT


def plan(name: str, *arguments: Any) -> Plan:
    """Return the descriptor of a primitive.

    Args:
        name: such as ``"matmul"``.
        arguments: those of oneDNN's function that makes it, between the handle and the end.

    Raises:
        OneDNNError: oneDNN has no such primitive for these layouts.
    """
    lib = loaded()
    handle = c_void_p()
    status = getattr(lib, f"{name}_primitive_desc_create")(byref(handle), *arguments)
    check(status, f"dnnl_{name}_primitive_desc_create")
    return Plan(lib, handle.value)


def reorder(source: Descriptor, target: Descriptor) -> Primitive:
    """Return a primitive that copies memory of one layout into memory of another."""
    lib = loaded()
    attributes = Attributes(lib)
    made = plan("reorder", source.handle, lib.engine, target.handle, lib.engine, attributes.handle)
    return Primitive(made, ((SRC_OF_COPY, source), (DST_OF_COPY, target)))


SRC_OF_COPY, DST_OF_COPY = 1, 17


def number_of(a: ndarray[Any, Any]) -> int:
    """Return oneDNN's number of an array's dtype; 0 for one it is not asked to compute in."""
    return NUMBERS.get(a.dtype, 0)
