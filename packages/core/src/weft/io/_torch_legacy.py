"""PyTorch's checkpoints before version 1.6: five pickles in a row, then the storages' bytes.

The pickles are a magic number, a version, facts about the machine, the object, and the list of
storage keys; then, for each key, a 64-bit count and the values. PyTorch has always written the
values little-endian, whatever machine it ran on. Many of the field's best-known files are of this
kind, and `torch.save(..., _use_new_zipfile_serialization=False)` still writes it.
"""

from __future__ import annotations

from ._locations import Placing
from ._memory import Region
from ._pickle_machine import Budget, Machine
from ._torch_objects import TorchObjects
from ._torch_storage import Storage, Storages
from .errors import FormatError, UnsafeCheckpointError, Where, shown

__all__ = ["read_legacy_checkpoint"]

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
MAX_PICKLE_BYTES = 256 << 20


def read_legacy_checkpoint(memory: memoryview, origin: str, placed: Placing) -> object:
    """Return the object in the legacy checkpoint that `memory` is, its tensors in their places.

    Raises:
        FormatError: it is damaged, or a pickle that torch.save did not write.
        UnsafeCheckpointError: it wants something beyond tensors and plain containers.
    """
    # The first run of each pickle is dry: where the storages lie is known only after the last.
    found = Storages(None)
    magic, position = _run(memory, 0, found, f"{origin}: pickle 1")
    if magic != MAGIC:
        raise FormatError(
            f"{origin}: this is a plain pickle ({shown(magic)}), not a file of torch.save; if you "
            "trust it, load it with what wrote it and save its tensors with torch.save or "
            "weft.io.save_safetensors"
        )
    version, position = _run(memory, position, found, f"{origin}: pickle 2")
    if version != VERSION:
        raise FormatError(
            f"{origin}: a legacy checkpoint has version {VERSION}, not {shown(version)}"
        )
    _, position = _run(memory, position, found, f"{origin}: pickle 3")
    start = position
    _, position = _run(memory, start, found, f"{origin}: pickle 4")
    keys, position = _run(memory, position, Storages(None), f"{origin}: pickle 5")
    regions = _regions(memory, position, keys, found, origin)

    def place(storage: Storage, where: Where) -> Region:
        return regions[storage.key]

    value, _ = _run(memory, start, Storages(place, placed), f"{origin}: pickle 4")
    return value


def _run(memory: memoryview, start: int, storages: Storages, origin: str) -> tuple[object, int]:
    """Interpret the pickle at `start`; return its value and where it ends."""
    budget = Budget()
    machine = Machine(TorchObjects(storages, budget), budget, origin)
    value, length = machine.run(memory[start : start + MAX_PICKLE_BYTES])
    return value, start + length


def _regions(
    memory: memoryview, position: int, keys: object, found: Storages, origin: str
) -> dict[str, Region]:
    """Return where each storage lies; the values follow one another to the end of the file."""
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise FormatError(f"{origin}: storage keys are a list of texts, not {shown(keys)}")
    regions: dict[str, Region] = {}
    for key in keys:
        storage = found.known.get(key)
        if storage is None or key in regions:
            what = "is listed twice" if storage else "belongs to no tensor"
            raise FormatError(f"{origin}: storage {shown(key)} {what}; the file is damaged")
        if len(memory) - position < 8:
            raise _cut_short(origin, key, 8, len(memory) - position)
        count = int.from_bytes(memory[position : position + 8], "little", signed=True)
        if count != storage.count:
            raise UnsafeCheckpointError(
                f"{origin}: storage {shown(key)} is {storage.count} {storage.dtype} by its "
                f"tensors, but its data announce {count}; nothing was read"
            )
        position += 8
        size = storage.count * storage.itemsize
        if size > len(memory) - position:
            raise _cut_short(origin, key, size, len(memory) - position)
        regions[key] = Region(memory, position, size)
        position += size
    missing = found.known.keys() - regions.keys()
    if missing:
        raise FormatError(f"{origin}: storage {shown(min(missing))} is needed but not in the file")
    if position != len(memory):
        raise FormatError(
            f"{origin}: {len(memory) - position} bytes follow the last storage; the file is damaged"
        )
    return regions


def _cut_short(origin: str, key: str, needed: int, left: int) -> FormatError:
    return FormatError(
        f"{origin}: storage {shown(key)} needs {needed} bytes, but {left} are left; "
        "the file is cut short: fetch it again"
    )
