"""PyTorch's checkpoints since version 1.6: a zip archive with a pickle and one member a storage."""

from __future__ import annotations

import re

from ._locations import Placing
from ._memory import Region, swapped
from ._pickle_machine import Budget, Machine, Vocabulary
from ._torch_objects import TorchObjects
from ._torch_storage import UNTYPED, Storage, Storages
from ._zip_archive import ZipArchive
from .errors import FormatError, Where, shown

__all__ = ["TorchArchive", "read_zip_checkpoint"]

# The versions of the archive's layout that PyTorch has defined; it writes 3.
NEWEST_VERSION = 10
MAX_PICKLE_BYTES = 256 << 20


def read_zip_checkpoint(
    memory: memoryview, origin: str, placed: Placing, *, check_crc: bool
) -> object:
    """Return the object in the zip checkpoint that `memory` is, its tensors put in their places.

    Raises:
        FormatError: it is damaged, newer than this reader, or no checkpoint of tensors.
        UnsafeCheckpointError: it wants something beyond tensors and plain containers.
    """
    archive = TorchArchive(memory, origin, check_crc=check_crc)
    if archive.is_script:
        raise FormatError(
            f"{origin}: this is a TorchScript archive, which is a program with its weights; "
            "weft.io.load_torchscript reads the weights alone"
        )
    budget = Budget()
    return archive.unpickle(TorchObjects(Storages(archive.place, placed), budget), budget)


class TorchArchive:
    """The parts that every archive of PyTorch has, whatever its pickle is about."""

    def __init__(self, memory: memoryview, origin: str, *, check_crc: bool) -> None:
        self._archive = ZipArchive(memory, origin)
        self._origin = origin
        self._check_crc = check_crc
        self._root = _root(self._archive, origin)
        _require_version(self._archive, self._root, origin)
        self._big_endian = _is_big_endian(self._archive, self._root, origin)

    @property
    def is_script(self) -> bool:
        """Whether it is TorchScript's kind."""
        return f"{self._root}/constants.pkl" in self._archive

    def unpickle(self, vocabulary: Vocabulary, budget: Budget) -> object:
        """Interpret data.pkl."""
        name = f"{self._root}/data.pkl"
        size = self._archive.size(name)
        if size > MAX_PICKLE_BYTES:
            raise FormatError(
                f"{self._origin}: {shown(name)} has {size} bytes, more than {MAX_PICKLE_BYTES}"
            )
        data = self._archive.region(name, check_crc=True).data
        value, _ = Machine(vocabulary, budget, f"{self._origin}: data.pkl").run(data)
        return value

    def place(self, storage: Storage, where: Where) -> Region:
        """Return the bytes of a storage, in little-endian order."""
        member = f"{self._root}/data/{storage.key}"
        if member not in self._archive:
            raise FormatError(f"{where}: the archive has no {shown(member)}, which a tensor needs")
        needed = storage.count * storage.itemsize
        if self._archive.size(member) != needed:
            raise FormatError(
                f"{where}: {storage!r} takes {needed} bytes, but {shown(member)} has "
                f"{self._archive.size(member)}"
            )
        region = self._archive.region(member, check_crc=self._check_crc)
        if not self._big_endian:
            return region
        if storage.dtype == UNTYPED:
            raise FormatError(
                f"{where}: untyped storages of a big-endian machine are not read; "
                "save the checkpoint again on a little-endian one"
            )
        data = swapped(region.data, storage.dtype)
        return Region(memoryview(data), 0, len(data))


def _root(archive: ZipArchive, origin: str) -> str:
    """Return the one folder of the archive that holds data.pkl."""
    roots = [name.split("/")[0] for name in archive.names if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(roots) == 1:
        return roots[0]
    if len(roots) > 1:
        raise FormatError(f"{origin}: a checkpoint has one data.pkl, this zip {len(roots)}")
    some = ", ".join(shown(name, 40) for name in archive.names[:3])
    raise FormatError(
        f"{origin}: a PyTorch checkpoint has a FOLDER/data.pkl, but this zip archive does not; "
        f"its {len(archive.names)} members are {some or 'none'}..."
    )


def _require_version(archive: ZipArchive, root: str, origin: str) -> None:
    text = _small_member(archive, f"{root}/version", origin)
    if text is None:
        raise FormatError(f"{origin}: the checkpoint has no member {shown(f'{root}/version')}")
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise FormatError(f"{origin}: the checkpoint's version is a number, not {shown(text)}")
    if int(text) > NEWEST_VERSION:
        raise FormatError(
            f"{origin}: the checkpoint has version {text}, and {NEWEST_VERSION} is the newest that "
            "is read; update weft, or save it with an older PyTorch"
        )


def _is_big_endian(archive: ZipArchive, root: str, origin: str) -> bool:
    order = _small_member(archive, f"{root}/byteorder", origin)
    if order not in (None, "little", "big"):
        raise FormatError(f"{origin}: byteorder is little or big, not {shown(order)}")
    return order == "big"  # absent in files older than version 2.1, all of them little-endian


def _small_member(archive: ZipArchive, name: str, origin: str) -> str | None:
    if name not in archive:
        return None
    if archive.size(name) > 100:
        raise FormatError(f"{origin}: {shown(name)} holds a word, not {archive.size(name)} bytes")
    return bytes(archive.region(name, check_crc=True).data).decode("ascii", "replace").strip()
