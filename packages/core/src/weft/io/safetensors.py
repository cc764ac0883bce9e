"""safetensors files: open one lazily, load it whole, save one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._dtypes import SAFETENSORS
from ._memory import Region, bytes_of, flat_tensor, require_tensor
from ._safetensors_header import (
    Header,
    HeaderTooLarge,
    TensorInfo,
    build_header,
    parse_header,
)
from ._sources import FileLike, memory_of, name_of, opened_for_writing
from .errors import MissingTensorError, WeightsError, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = [
    "SafetensorsFile",
    "TensorSlice",
    "load_safetensors",
    "open_safetensors",
    "save_safetensors",
]

_CODES = {name: code for code, name in SAFETENSORS.items()}


class SafetensorsFile(Mapping[str, "Tensor"]):
    """An open safetensors file: a read-only mapping from names to tensors, each made when asked.

    The whole header is checked on opening; of the data only what a tensor's values are read from
    ever leaves the disk. Names come in the order of the data. Tensors share the file's memory map
    (private, copy on write: writing to a tensor never changes the file) and outlive `close()`.

    Example:
        >>> import tempfile, weft
        >>> path = tempfile.mkdtemp() + "/two.safetensors"
        >>> weft.io.save_safetensors({"w": weft.tensor([[1.0, 2.0], [3.0, 4.0]])}, path)
        >>> with weft.io.open_safetensors(path) as file:
        ...     list(file), file.info("w").shape, file.get_slice("w")[1].tolist()
        (['w'], (2, 2), [3.0, 4.0])
    """

    def __init__(self, path: FileLike, *, mapped: bool = True) -> None:
        self._memory: memoryview | None
        self._memory, self._origin = memory_of(path, mapped=mapped)
        self._header: Header = parse_header(self._memory, self._origin)

    @property
    def metadata(self) -> dict[str, str]:
        """The file's own notes; a copy."""
        return dict(self._header.metadata)

    def info(self, name: str) -> TensorInfo:
        """Return dtype, shape and place of one tensor, without reading its data.

        Raises:
            MissingTensorError: there is no tensor of that name.
        """
        try:
            return self._header.tensors[name]
        except KeyError:
            raise MissingTensorError.of(name, self._header.tensors, self._origin) from None

    def get_tensor(self, name: str) -> Tensor:
        """Return one tensor, over the file's memory.

        Raises:
            MissingTensorError: there is no tensor of that name.
            FormatError: it has a dtype that weft does not have, or holds a bool beyond 0 and 1.
            WeightsError: the file is closed.
        """
        info = self.info(name)
        if self._memory is None:
            raise WeightsError(f"{self._origin} is closed; open it again to read {shown(name)}")
        region = Region(self._memory, self._header.data_start + info.start, info.nbytes)
        return flat_tensor(region, info.dtype, f"{self._origin}: tensor {shown(name)}").reshape(
            info.shape
        )

    def get_slice(self, name: str) -> TensorSlice:
        """Return a handle on one tensor that reads only the part it is then indexed with.

        Raises:
            MissingTensorError: there is no tensor of that name.
        """
        return TensorSlice(self, name, self.info(name))

    def close(self) -> None:
        """Let go of the file. Tensors already made keep its memory alive and stay valid."""
        self._memory = None

    def __getitem__(self, name: str) -> Tensor:
        return self.get_tensor(name)

    def __contains__(self, name: object) -> bool:
        return name in self._header.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._header.tensors)

    def __len__(self) -> int:
        return len(self._header.tensors)

    def __enter__(self) -> SafetensorsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._memory is None else f"{len(self)} tensors"
        return f"<SafetensorsFile {self._origin}: {state}>"


class TensorSlice:
    """One tensor of an open file, to be indexed: `file.get_slice("w")[:, 10:20]`."""

    def __init__(self, file: SafetensorsFile, name: str, info: TensorInfo) -> None:
        self._file = file
        self._name = name
        self.shape = info.shape
        self.dtype = info.dtype

    def __getitem__(self, index: Any) -> Tensor:
        # The map makes this lazy by itself: indexing makes a view, and no page outside it is read.
        return self._file.get_tensor(self._name)[index]

    def __repr__(self) -> str:
        return f"<TensorSlice {shown(self._name)}: {self.dtype} {list(self.shape)}>"


def open_safetensors(path: FileLike, *, mmap: bool = True) -> SafetensorsFile:
    """Open a safetensors file to read its tensors one at a time.

    Args:
        path: the file, or a file object open for reading in binary mode.
        mmap: map the file (default), or read the whole of it now. Read it where the file may be
            cut or overwritten in place while its tensors live: a page that has gone from under a
            map ends the process.

    Returns:
        A mapping from names to tensors, and a context manager.

    Raises:
        OSError: the file does not exist or may not be read.
        FormatError: it breaks a rule of the format.
    """
    return SafetensorsFile(path, mapped=mmap)


def load_safetensors(path: FileLike, *, mmap: bool = True) -> dict[str, Tensor]:
    """Return all tensors of a safetensors file by name, in the order of their data.

    Args:
        path: the file, or a file object open for reading in binary mode.
        mmap: as in `open_safetensors`. Mapped, the call itself reads no more than the header.

    Returns:
        name -> tensor, none of which requires a gradient.

    Raises:
        OSError: the file does not exist or may not be read.
        FormatError: it breaks a rule of the format, or holds a dtype that weft does not have; the
            message names the tensor.
    """
    with open_safetensors(path, mmap=mmap) as file:
        return dict(file)


def save_safetensors(
    tensors: Mapping[str, Tensor],
    path: FileLike,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file, whole or not at all.

    The same tensors and metadata give the same bytes, in whatever order they come. A tensor that
    is a view is written as the values it shows; two names for one memory are written twice and
    come back as two tensors.

    Args:
        tensors: name -> tensor.
        path: the file to write, or a file object; an older file is replaced in one step once the
            new one is on disk.
        metadata: notes for the header.

    Raises:
        WeightsError: a name, tensor or note is none; a dtype the format cannot hold (complex128).
        OSError: the disk is full, the folder does not exist or may not be written to.
    """
    origin = f"save_safetensors to {name_of(path)}"
    _require_strings(metadata or {}, origin)
    described: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, value in tensors.items():
        _require_name(name, origin)
        tensor = require_tensor(value, f"{origin}: tensors[{shown(name)}]")
        dtype = tensor.dtype.name
        if dtype not in _CODES:
            raise WeightsError(
                f"{origin}: tensor {shown(name)} has dtype {dtype}, which the format cannot hold; "
                "convert it first (complex128 to complex64, or its real view)"
            )
        described[name] = (_CODES[dtype], tuple(tensor.shape))
    try:
        head, order = build_header(described, metadata)
    except HeaderTooLarge as error:
        raise WeightsError(f"{origin}: {error}; split the tensors over several files") from None
    with opened_for_writing(path) as file:
        file.write(head)
        for name in order:
            file.write(bytes_of(tensors[name]))


def _require_name(name: object, origin: str) -> None:
    if not isinstance(name, str) or name == "__metadata__" or not _is_text(name):
        raise WeightsError(
            f"{origin}: a tensor's name is a str that UTF-8 can hold, and not '__metadata__', "
            f"but here it is {shown(name)}"
        )


def _require_strings(metadata: Mapping[str, str], origin: str) -> None:
    for key, value in metadata.items():
        for text in (key, value):
            if not isinstance(text, str) or not _is_text(text):
                raise WeightsError(
                    f"{origin}: metadata maps str to str, but {shown(key)} is {shown(value)}; "
                    "write numbers and lists as text, json.dumps(value) say"
                )


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
