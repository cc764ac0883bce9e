"""PyTorch's checkpoints before version 0.1.10: a tar archive of storages, tensors and a pickle.

`storages` is a count, then for each a pickle of its key, place and type, its 64-bit length and its
values, then a list of storages that are parts of others. `tensors` is a count, then for each a
pickle of its key and its storage's, and its dims, sizes, strides and offset as binary numbers.
`pickle` is the object, in which a persistent id is a tensor's or storage's key.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ._dtypes import TORCH_STORAGES
from ._locations import Placing
from ._memory import Region
from ._pickle_machine import Budget, Machine
from ._tar_archive import is_tar, tar_members
from ._torch_objects import TorchObjects
from ._torch_storage import MAX_DIMENSIONS, Storage, Storages
from .errors import FormatError, UnsafeCheckpointError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["is_tar", "read_tar_checkpoint"]

_MEMBERS = ("storages", "tensors", "pickle")


def read_tar_checkpoint(memory: memoryview, origin: str, placed: Placing) -> object:
    """Return the object in the tar checkpoint that `memory` is, its tensors put in their places.

    Raises:
        FormatError: it is damaged, or no checkpoint.
        UnsafeCheckpointError: it wants something beyond tensors and plain containers.
    """
    members = tar_members(memory, origin)
    missing = [name for name in _MEMBERS if name not in members]
    if missing:
        raise FormatError(
            f"{origin}: a PyTorch checkpoint in a tar archive has the members "
            f"{', '.join(_MEMBERS)}, but this has {shown(list(members))}"
        )
    return _TarCheckpoint(members, origin, placed).value()


class _Stream:
    """A member as a row of pickles and binary numbers."""

    def __init__(self, member: Region, origin: str) -> None:
        self._member = member
        self._origin = origin
        self._budget = Budget()
        self.position = 0

    def pickled(self) -> object:
        """Read a pickle."""
        machine = Machine(_TypeNames(), self._budget, self._origin)
        value, length = machine.run(self._member.data[self.position :])
        self.position += length
        return value

    def numbers(self, form: str) -> tuple[int, ...]:
        """Read little-endian numbers."""
        size = struct.calcsize(form)
        self._require(size)
        found = struct.unpack_from(form, self._member.data, self.position)
        self.position += size
        return found

    def region(self, size: int) -> Region:
        """Take the next bytes as they are."""
        self._require(size)
        start = self._member.start + self.position
        self.position += size
        return Region(self._member.memory, start, size)

    def finish(self) -> None:
        """Refuse bytes that nobody would look at."""
        left = self._member.size - self.position
        if left:
            raise FormatError(f"{self._origin}: {left} bytes follow the last; the file is damaged")

    def _require(self, size: int) -> None:
        left = self._member.size - self.position
        if size > left:
            raise FormatError(
                f"{self._origin}: {size} bytes are needed at byte {self.position}, but {left} are "
                "left; the file is cut short"
            )


class _TypeNames:
    """The vocabulary of the pickles beside the object: names of types, which stand for a dtype."""

    def named(self, module: str, name: str, where: Where) -> object:
        """Return the dtype's name of a storage or tensor type."""
        storage = name.removesuffix("Tensor") + "Storage" if name.endswith("Tensor") else name
        if module in ("torch", "torch.cuda") and storage in TORCH_STORAGES:
            return TORCH_STORAGES[storage]
        raise UnsafeCheckpointError(
            f"{where}: the checkpoint wants {shown(f'{module}.{name}')} where the type of a "
            "storage or tensor stands; nothing was executed"
        )

    def persistent(self, key: object, where: Where) -> object:
        """Refuse: only the object's pickle has such."""
        raise FormatError(f"{where}: a persistent id {shown(key)} where none can be")


class _TarCheckpoint:
    def __init__(self, members: dict[str, Region], origin: str, placed: Placing) -> None:
        self._members = members
        self._origin = origin
        self._regions: dict[str, Region] = {}
        self._known: dict[int, Storage] = {}
        self._tensors: dict[int, Tensor | None] = {}
        self._storages = Storages(lambda storage, where: self._regions[storage.key], placed)

    def value(self) -> object:
        """Return the object."""
        self._read_storages()
        self._read_tensors()
        budget = Budget()
        objects = _TarObjects(self._storages, budget, self._known, self._tensors)
        origin = f"{self._origin}: pickle"
        value, _ = Machine(objects, budget, origin).run(self._members["pickle"].data)
        return value

    def _read_storages(self) -> None:
        origin = f"{self._origin}: storages"
        stream = _Stream(self._members["storages"], origin)
        for _ in range(_count(stream.pickled(), origin)):
            key, location, dtype = _row(stream.pickled(), 3, origin)
            # The name of a type gives the dtype; a plain text in its place names none of ours.
            if (
                type(key) is not int
                or not isinstance(location, str)
                or not isinstance(dtype, str)
                or dtype not in TORCH_STORAGES.values()
            ):
                raise FormatError(f"{origin}: a storage is {shown((key, location, dtype))}")
            (length,) = stream.numbers("<q")
            if length < 0 or key in self._known:
                raise FormatError(f"{origin}: storage {key} has {length} elements or stands twice")
            storage = Storage(str(key), dtype, length, 0, length, location)
            self._regions[storage.key] = stream.region(length * storage.itemsize)
            self._known[key] = self._storages.refer(storage, origin)
        views = stream.pickled()
        for view in views if isinstance(views, list) else [views]:
            numbers = [n for n in _row(view, 4, origin) if isinstance(n, int)]
            if len(numbers) != 4 or numbers[1] not in self._known:
                raise FormatError(f"{origin}: a part of a storage is {shown(view)}")
            target, root, offset, count = numbers
            whole = self._known[root]
            part = Storage(
                whole.key, whole.dtype, whole.count, whole.offset + offset, count, whole.location
            )
            self._known[target] = self._storages.refer(part, origin)
        stream.finish()

    def _read_tensors(self) -> None:
        origin = f"{self._origin}: tensors"
        stream = _Stream(self._members["tensors"], origin)
        for _ in range(_count(stream.pickled(), origin)):
            key, storage_key, _ = _row(stream.pickled(), 3, origin)
            storage = self._known.get(storage_key) if type(storage_key) is int else None
            if type(key) is not int or storage is None:
                raise FormatError(f"{origin}: tensor {shown(key)} of storage {shown(storage_key)}")
            (ndim, _) = stream.numbers("<ii")  # it was once written as 8 bytes
            if not 0 <= ndim <= MAX_DIMENSIONS:
                raise FormatError(f"{origin}: tensor {key} has {ndim} dims")
            size = stream.numbers(f"<{ndim}q")
            stride = stream.numbers(f"<{ndim}q")
            (offset,) = stream.numbers("<q")
            self._tensors[key] = self._storages.view(
                storage, storage.dtype, offset, size, stride, f"{origin}: tensor {key}"
            )
        stream.finish()


class _TarObjects(TorchObjects):
    """The vocabulary of the object's pickle."""

    def __init__(
        self,
        storages: Storages,
        budget: Budget,
        known: dict[int, Storage],
        tensors: dict[int, Tensor | None],
    ) -> None:
        super().__init__(storages, budget)
        self._known = known
        self._tensors = tensors

    def persistent(self, key: object, where: Where) -> object:
        """Return the tensor or storage of a key, which was written as text."""
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() else key
        if type(number) is int and number in self._tensors:
            return self._tensors[number]
        if type(number) is int and number in self._known:
            return self._known[number]
        raise UnsafeCheckpointError(
            f"{where}: a persistent id is the key of a tensor, but here {shown(key)}; classes with "
            "their source, which it could also be, are not taken; nothing was executed"
        )


def _count(value: object, origin: str) -> int:
    if type(value) is not int or not 0 <= value < 1_000_000:
        raise FormatError(f"{origin}: a count was required, but here {shown(value)}")
    return value


def _row(value: object, length: int, origin: str) -> tuple[object, ...]:
    if not isinstance(value, tuple | list) or len(value) != length:
        raise FormatError(f"{origin}: {length} values were required, but here {shown(value)}")
    return tuple(value)
