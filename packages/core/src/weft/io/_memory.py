"""Bytes of a file as memory, and memory as tensors: the only module of weft.io that makes tensors.

A file is mapped privately (copy on write): its pages are read when first touched, a tensor over
them may be written to, and nothing written to a tensor ever reaches the file. A map lives as long
as the last tensor over it; closing a handle never pulls memory from under a tensor.
"""

from __future__ import annotations

import mmap
import os
import platform
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import weft
from weft._backend import ndarray, np
from weft._core import dtypes

from ._dtypes import ITEM_BITS
from .errors import FormatError, WeightsError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = [
    "Region",
    "bytes_of",
    "flat_tensor",
    "gathered",
    "has_dtype",
    "in_memory_order",
    "read_regular_file",
    "require_tensor",
]

_CHUNK = 1 << 20
# The mmap module of Python 3.11 does not name this flag of Linux; its value is one of the kernel's
# stable interface on the processors listed, and differs on a few old ones.
_MAP_NORESERVE: int = getattr(mmap, "MAP_NORESERVE", 0)
if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64", "riscv64"):
    _MAP_NORESERVE = 0x4000


@dataclass(frozen=True, slots=True)
class Region:
    """`size` bytes at `start` of `memory`, whose own first byte lies on a 16-byte boundary."""

    memory: memoryview
    start: int
    size: int

    @property
    def data(self) -> memoryview:
        """The bytes themselves; no copy."""
        return self.memory[self.start : self.start + self.size]


def read_regular_file(path: str | os.PathLike[str], origin: str, *, mapped: bool) -> memoryview:
    """Return the bytes of the regular file at `path`, mapped or read.

    Raises:
        OSError: it does not exist or may not be read.
        FormatError: it is empty, or not a regular file (a pipe would block, a device never end).
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise FormatError(f"{origin}: a file of weights was required, but this is {kind}")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise FormatError(f"{origin}: the file is empty; was its download cut short?")
        if mapped:
            return memoryview(_private_map(file.fileno(), size))
        memory = memoryview(bytearray(size))
        filled = 0
        while filled < size and (count := file.readinto(memory[filled:])):
            filled += count
    return memory[:filled]


def _private_map(descriptor: int, size: int) -> mmap.mmap:
    if _MAP_NORESERVE:
        # Linux counts a private writable map as if all of it were going to be written, and refuses
        # one larger than memory; a file of weights may well be, and is only ever read in parts.
        return mmap.mmap(
            descriptor,
            size,
            flags=mmap.MAP_PRIVATE | _MAP_NORESERVE,
            prot=mmap.PROT_READ | mmap.PROT_WRITE,
        )
    return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)


def has_dtype(name: str) -> bool:
    """Say whether weft has the dtype called `name`."""
    return hasattr(weft, name)


def flat_tensor(region: Region, dtype: str, origin: Where) -> Tensor:
    """Return the 1-D tensor whose elements are the little-endian values of `region`.

    It shares the region's memory. It is a copy only where sharing cannot work: values that do not
    lie on a multiple of their size (vector code would fault or crawl), or a big-endian machine.

    Raises:
        FormatError: weft lacks `dtype`, or a bool is stored as something other than 0 or 1.
    """
    bits = ITEM_BITS[dtype]
    kind = getattr(weft, dtype, None)
    if kind is None or bits % 8:
        raise FormatError(
            f"{origin} has dtype {dtype}, which weft does not have; convert it with the program "
            "that wrote the file (to float16, say) and save it again"
        )
    itemsize = bits // 8
    count, rest = divmod(region.size, itemsize)
    assert not rest, (region.size, dtype)  # every caller has checked sizes with a message
    if count == 0:
        return weft.empty((0,), dtype=kind)
    if dtype == "bool":
        _require_booleans(region.data, origin)
    buffer = region.data
    if sys.byteorder == "big" and itemsize > 1:
        buffer = memoryview(swapped(buffer, dtype))
    elif region.start % min(itemsize, 8):
        buffer = memoryview(bytearray(buffer))
    return weft.frombuffer(buffer, dtype=kind, count=count)


def swapped(data: memoryview, dtype: str) -> bytearray:
    """Return a copy of `data` with the bytes of every number reversed."""
    unit = ITEM_BITS[dtype] // 8
    if dtype.startswith("complex"):
        unit //= 2  # two numbers, each with its own order
    out = bytearray(len(data))
    for place in range(unit):
        out[place::unit] = data[unit - 1 - place :: unit].tobytes()
    return out


def bytes_of(tensor: Tensor) -> memoryview:
    """Return the elements of `tensor` in row-major order as little-endian bytes."""
    return _little_endian(tensor.detach().cpu().contiguous().numpy())


def in_memory_order(array: Any, order: tuple[int, ...]) -> memoryview:
    """Return an array's elements as little-endian bytes, the dims in an order of one's own."""
    turned = np.ascontiguousarray(array.transpose(order))
    return _little_endian(turned)


def gathered(count: int, parts: list[tuple[Any, int, tuple[int, ...]]]) -> memoryview:
    """Return `count` elements as bytes, put together from arrays that were windows on them.

    Args:
        count: elements in all; those that no window shows are zero.
        parts: at least one array of values, each with the place of its first element and its
            strides, in elements.
    """
    dtype = parts[0][0].dtype
    memory = np.zeros(count, dtype)
    for values, offset, stride in parts:
        steps = tuple(step * dtype.itemsize for step in stride)
        ndarray(values.shape, dtype, memory, offset * dtype.itemsize, steps)[...] = values
    return _little_endian(memory)


def _little_endian(array: Any) -> memoryview:
    # Viewed as bytes by the array itself: bfloat16 and float8 have no buffer format of their own.
    data = memoryview(array.reshape(-1).view("u1"))
    if sys.byteorder == "big":
        return memoryview(swapped(data, dtypes.of(array.dtype).name))
    return data


def _require_booleans(data: memoryview, origin: Where) -> None:
    """Refuse a bool that is neither 0 nor 1: masks made of such bytes count and index wrongly."""
    for start in range(0, len(data), _CHUNK):
        strange = data[start : start + _CHUNK].tobytes().translate(None, b"\0\1")
        if strange:
            raise FormatError(
                f"{origin} is bool and may hold the bytes 0 and 1 alone, but holds {strange[0]}; "
                "the file is damaged"
            )


def require_tensor(value: object, origin: str) -> Tensor:
    """Return `value` if it is a tensor.

    Raises:
        WeightsError: it is something else.
    """
    if not isinstance(value, weft.Tensor):
        raise WeightsError(
            f"{origin} must be a weft.Tensor, but is {type(value).__name__} ({shown(value)}); "
            "make it one with weft.tensor or weft.asarray"
        )
    return value
