"""Saved files opened: what is in them is looked at, and parts are loaded, without the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import weft

from ._locations import MapLocation, Placing, placing
from ._safetensors_header import parse_header
from ._saved_format import contents_of
from ._saved_tensors import SavedTensors
from ._sources import FileLike, memory_of
from ._structure_reading import Reader, part_of, tensor_nodes
from .errors import MissingTensorError, WeightsError, shown

__all__ = ["Outline", "SavedFile", "open_saved"]


@dataclass(frozen=True, slots=True)
class Outline:
    """What stands for a tensor where its values are not read: `float32[2, 3]`."""

    dtype: str
    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


class SavedFile:
    """An open file of `weft.save`, or any safetensors file. `open_saved` makes one.

    Opening checks the header. Of the data only what is asked for leaves the disk. What was loaded
    outlives `close()`.
    """

    def __init__(
        self, memory: memoryview, origin: str, placed: Placing, *, verify: bool = True
    ) -> None:
        header = parse_header(memory, origin)
        self._origin = origin
        self._contents = contents_of(header, origin)
        self._tensors: SavedTensors | None = SavedTensors(
            memory, header, self._contents, placed, verify=verify, origin=origin
        )

    @property
    def metadata(self) -> dict[str, str]:
        """The notes that were given when it was saved; a copy."""
        return dict(self._contents.metadata)

    def names(self) -> list[str]:
        """Return the names of all tensors, each once, in the order of the object."""
        return list(self._nodes())

    def tensors(
        self, names: Iterable[str] | None = None, *, prefix: str = "", strip: bool = False
    ) -> dict[str, Any]:
        """Return some tensors by name, without reading the others.

        Args:
            names: which; None for all.
            prefix: only those whose names begin with it.
            strip: leave the prefix out of the names in the result.

        Returns:
            name -> tensor (parameter, buffer or array, as it was saved).

        Raises:
            MissingTensorError: there is no tensor of one of the names, or none has the prefix.
            FormatError: its bytes do not match their checksum.
        """
        nodes = self._nodes()
        wanted = list(nodes if names is None else names)
        for name in wanted:
            if name not in nodes:
                raise MissingTensorError.of(name, nodes, self._origin)
        chosen = [name for name in wanted if name.startswith(prefix)]
        if prefix and not chosen:
            raise MissingTensorError(
                f"{self._origin}: of {len(wanted)} tensors none has a name that begins with "
                f"{shown(prefix)}; the first is {shown(wanted[0] if wanted else None)}"
            )
        cut = len(prefix) if strip else 0
        source = self._source()
        with weft.no_grad():
            return {name[cut:]: source.tensor(nodes[name]) for name in chosen}

    def load(self, *keys: object) -> Any:
        """Return the object, or the part of it at some keys: `load("optimizer", "state", 0)`.

        Raises:
            MissingTensorError: there is no such part.
            FormatError: bytes of it do not match their checksum.
        """
        reader = Reader(self._source(), self._origin)
        with weft.no_grad():
            return reader.value(part_of(self._contents.structure, keys, reader, self._origin))

    def outline(self, *keys: object) -> Any:
        """Return the object, or a part of it, with dtypes and shapes in the place of tensors."""
        reader = Reader(_Outlines(self._source()), self._origin)
        return reader.value(part_of(self._contents.structure, keys, reader, self._origin))

    def close(self) -> None:
        """Let go of the file. What was loaded keeps its memory alive and stays valid."""
        self._tensors = None

    def _source(self) -> SavedTensors:
        if self._tensors is None:
            raise WeightsError(f"{self._origin} is closed; open it again to read from it")
        return self._tensors

    def _nodes(self) -> dict[str, dict[str, Any]]:
        """Return the tensors' nodes by name."""
        found: dict[str, dict[str, Any]] = {}
        for node in tensor_nodes(self._contents.structure):
            found.setdefault(str(node["tensor"]), node)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._nodes())

    def __enter__(self) -> SavedFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._tensors is None else f"{len(self)} tensors"
        return f"<SavedFile {self._origin}: {state}>"


class _Outlines:
    """Stands for the tensors of a file without reading them."""

    def __init__(self, tensors: SavedTensors) -> None:
        self._tensors = tensors

    def tensor(self, node: dict[str, Any]) -> object:
        return Outline(*self._tensors.outlined(node))

    def data(self, node: dict[str, Any]) -> bytearray:
        return self._tensors.data(node)


def open_saved(
    path: FileLike, map_location: MapLocation = None, *, mmap: bool = True, verify: bool = True
) -> SavedFile:
    """Open a file of `weft.save`, or any safetensors file, to load parts of it.

    Args:
        path: the file, or a file object open for reading in binary mode.
        map_location: as in `weft.load`.
        mmap: as in `weft.load`.
        verify: compare what is loaded with its checksum, which reads the whole of each tensor that
            is asked for. Without, a tensor's values are read when they are first used.

    Returns:
        SavedFile: a context manager.

    Raises:
        OSError: the file does not exist or may not be read.
        FormatError: its header is damaged, or it is of another format or a newer version.

    Example:
        >>> import io, weft
        >>> file = io.BytesIO()
        >>> weft.save({"model": {"w": weft.ones(2, 3), "b": weft.zeros(2)}, "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> with weft.io.open_saved(file) as saved:
        ...     (
        ...         saved.outline(),
        ...         saved.tensors(prefix="model.", strip=True)["b"],
        ...         saved.load("epoch"),
        ...     )
        ({'model': {'w': float32[2, 3], 'b': float32[2]}, 'epoch': 3}, tensor([0., 0.]), 3)
    """
    memory, origin = memory_of(path, mapped=mmap)
    return SavedFile(memory, origin, placing(map_location), verify=verify)
