"""Storages that a checkpoint refers to, and tensors as checked views of them.

A checkpoint's tensor is a window (offset, sizes, strides) on a storage. PyTorch once let a file
choose a window that reached past its storage, and with it past the heap. Here every window is
measured against the bytes that are really there before a tensor exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._dtypes import ITEM_BITS
from ._locations import Placing
from ._memory import Region, flat_tensor
from ._pickle_result import NotAValue
from .errors import FormatError, Part, UnsafeCheckpointError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = [
    "MAX_REPEATED_BYTES",
    "Storage",
    "StorageType",
    "Storages",
    "require_dims",
    "require_window",
]

UNTYPED = "bytes"
MAX_DIMENSIONS = 64  # NumPy's
MAX_BYTES = 2**62
# A window may show an element more than once (expand, unfold). A file of a few bytes could so
# describe a tensor that takes terabytes once anything is computed from it.
MAX_REPEATED_BYTES = 2**30


@dataclass(frozen=True, slots=True, repr=False)
class StorageType(NotAValue):
    """A storage class that a checkpoint names; `dtype` is weft's name, or "bytes" for untyped."""

    name: str
    dtype: str

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class Storage(NotAValue):
    """A run of `count` elements, `offset` elements into what the checkpoint keeps under `key`."""

    key: str
    dtype: str
    count: int  # of the whole that is kept, in elements (bytes if untyped)
    offset: int = 0
    length: int = 0  # of this run
    location: str = "cpu"  # where it was saved from

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return 1 if self.dtype == UNTYPED else ITEM_BITS[self.dtype] // 8

    def __repr__(self) -> str:
        return f"a storage of {self.length} {self.dtype}"


class Storages:
    """The storages of one checkpoint: each is found once, and its tensors share its memory.

    Args:
        place: returns where the bytes of a whole storage are, or raises; None for a dry run, which
            only collects what the checkpoint refers to and makes no tensor.
        placed: puts a storage on its device; none leaves all on the CPU.
    """

    def __init__(
        self, place: Callable[[Storage, Where], Region] | None, placed: Placing | None = None
    ) -> None:
        self._place = place
        self._placed = placed
        self._regions: dict[str, Region] = {}
        self._flat: dict[tuple[str, str], Tensor] = {}
        self.known: dict[str, Storage] = {}

    @property
    def dry(self) -> bool:
        """Whether tensors are only checked and stand as None."""
        return self._place is None

    def refer(self, storage: Storage, where: Where) -> Storage:
        """Take note of a storage, and check that it agrees with what was said of it before."""
        size = storage.count * storage.itemsize
        if size > MAX_BYTES:
            raise FormatError(f"{where}: storage {shown(storage.key)} has {size} bytes")
        if not 0 <= storage.offset <= storage.offset + storage.length <= storage.count:
            raise UnsafeCheckpointError(
                f"{where}: {storage.length} elements at {storage.offset} reach outside storage "
                f"{shown(storage.key)} of {storage.count}"
            )
        before = self.known.setdefault(storage.key, storage)
        if (before.dtype, before.count) != (storage.dtype, storage.count):
            raise FormatError(
                f"{where}: storage {shown(storage.key)} is first {before.count} {before.dtype} "
                f"and then {storage.count} {storage.dtype}"
            )
        if self._place is not None and storage.key not in self._regions:
            self._regions[storage.key] = self._place(storage, where)
        return storage

    def view(
        self,
        storage: Storage,
        dtype: str,
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        where: Where,
    ) -> Tensor | None:
        """Return the tensor that shows `storage` through a window; None in a dry run.

        Args:
            dtype: weft's name; the storage's own unless that is untyped.
            offset: of the first element, in elements of `dtype` from the storage's beginning.
            size: elements along each dimension.
            stride: elements from one to the next along each dimension.

        Raises:
            UnsafeCheckpointError: the window reaches outside of the storage, or repeats it so often
                that it describes more than a gigabyte.
            FormatError: the numbers are none of a window.
        """
        itemsize = ITEM_BITS[dtype] // 8
        held = storage.length * storage.itemsize
        begin, rest = divmod(storage.offset * storage.itemsize, itemsize)
        if rest:
            raise FormatError(f"{where}: {storage!r} begins inside an element of {dtype}")
        require_window(offset, size, stride, itemsize, held, where)
        if self._place is None:
            return None
        flat = self._flat.get((storage.key, dtype))
        if flat is None:
            flat = self._whole(storage.key, dtype, itemsize, where)
            if self._placed is not None:
                flat = self._placed(flat, storage.location, where)
            self._flat[storage.key, dtype] = flat
        if begin + offset == 0 and _in_order(size, stride) and math.prod(size) == flat.numel():
            return flat.view(size)  # what most tensors are; any other window takes longer
        return flat.as_strided(size, stride, begin + offset)

    def _whole(self, key: str, dtype: str, itemsize: int, where: Where) -> Tensor:
        region = self._regions[key]
        # Untyped bytes need not be a whole number of elements; what is left over is never shown.
        usable = region.size - region.size % itemsize
        return flat_tensor(
            Region(region.memory, region.start, usable), dtype, Part(where, "storage", key)
        )


def _in_order(size: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Whether a window's strides are those of a contiguous tensor."""
    step = 1
    for n, given in zip(reversed(size), reversed(stride), strict=True):
        if given != step:
            return False
        step *= n
    return True


def require_dims(size: tuple[int, ...], where: Where) -> None:
    """Refuse a tensor of more dimensions than any array can have."""
    if len(size) > MAX_DIMENSIONS:
        raise FormatError(
            f"{where}: a tensor has at most {MAX_DIMENSIONS} dimensions, not {len(size)}"
        )


def require_window(
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    itemsize: int,
    held: int,
    where: Where,
) -> None:
    """Refuse a window that is malformed, or shows anything outside of `held` bytes."""

    def asked() -> str:
        return f"offset {shown(offset)}, size {shown(size)}, stride {shown(stride)}"

    if len(size) != len(stride):
        raise FormatError(f"{where}: a tensor has as many strides as sizes; here {asked()}")
    require_dims(size, where)
    if min(offset, *size, *stride, 0) < 0:
        raise UnsafeCheckpointError(f"{where}: a tensor's numbers start from 0; here {asked()}")
    if max(offset, *size, *stride, 0) * itemsize > MAX_BYTES:
        raise UnsafeCheckpointError(f"{where}: a tensor beyond any memory: {asked()}")
    if math.prod(n for n in size if n) * itemsize > MAX_BYTES:
        raise UnsafeCheckpointError(f"{where}: a tensor beyond any memory: {asked()}")
    shown_bytes = math.prod(size) * itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    end = (last + 1) * itemsize if shown_bytes else offset * itemsize
    if end > held:
        raise UnsafeCheckpointError(
            f"{where}: the tensor reaches byte {end} of a storage of {held} bytes ({asked()}); "
            "nothing was read"
        )
    if shown_bytes > max(held, MAX_REPEATED_BYTES):
        raise UnsafeCheckpointError(
            f"{where}: {held} bytes are shown as a tensor of {shown_bytes} by repeating them "
            f"({asked()}); at most {MAX_REPEATED_BYTES} are; save it contiguous"
        )
