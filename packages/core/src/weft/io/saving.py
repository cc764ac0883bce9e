"""Saving any nested object of tensors and plain values, and loading it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ._dtypes import SAFETENSORS
from ._locations import MapLocation, placing
from ._safetensors_header import HeaderTooLarge, build_header
from ._saved_format import checksum, metadata_for
from ._sources import FileLike, memory_of, name_of, opened_for_writing
from ._spans import Span, Window, windows_of
from ._structure import Leaves, described
from .errors import WeightsError
from .opening import SavedFile
from .pytorch import is_checkpoint, read_checkpoint
from .sharded import INDEX_ENDING, load_sharded

__all__ = ["load", "save"]

_CODES = {name: code for code, name in SAFETENSORS.items()}
_AS_PAIRS = {"complex128": "float64"}  # which the format does not have


def save(obj: object, path: FileLike, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write an object of tensors and plain values to a file, whole or not at all.

    The file is safetensors: other programs read its tensors by name (`model.layer.weight` for
    `obj["model"]["layer.weight"]`). How they are nested, and all that is no tensor, stands in the
    header, from which `load` makes the object again, equal in every bit. The same object gives the
    same bytes.

    A tensor that stands at several places is written once and is one tensor again. Tensors that
    share memory share it again; they are told apart, each with its own shape and gradient. A
    tensor that lies apart from the others is written without what lies between its elements; its
    dims keep their order in memory.

    Args:
        obj: a tensor, `Parameter`, `Buffer`, NumPy array, number, text, bytes, None, dtype, device
            or `Size`; or a list, tuple, dict, `OrderedDict`, `Counter`, set or frozenset of such,
            nested at will. Keys are text, bytes, numbers or None. The `state_dict` of any module,
            optimizer or scheduler is one.
        path: the file to write, or a file object open for writing in binary mode. At a path, an
            older file is replaced in one step once the new one is on disk: if the disk is full or
            the process killed, the old one stays as it was and nothing is left beside it.
        metadata: notes for the header, which `open_saved` shows without reading the rest.

    Raises:
        WeightsError: the object holds something else, or itself; the message says where.
        OSError: the disk is full, the folder does not exist or may not be written to.

    Source: PyTorch's `torch.save`, which writes a pickle; `weft.io.save_pytorch` writes that.

    Example:
        >>> import io, weft
        >>> file = io.BytesIO()
        >>> weft.save({"weights": weft.tensor([1.0, 2.0]), "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> weft.load(file)
        {'weights': tensor([1., 2.]), 'epoch': 3}
    """
    origin = f"save to {name_of(path)}"
    leaves = Leaves()
    structure = described(obj, leaves, origin)
    stored = _stored(leaves, windows_of(leaves.tensors, origin))
    checksums = {name: checksum(data()) for name, (_, _, data) in stored.items()}
    shapes = {name: (dtype, shape) for name, (dtype, shape, _) in stored.items()}
    notes = metadata_for(structure, shapes, checksums, metadata, origin)
    try:
        head, order = build_header({n: (_CODES[d], s) for n, (d, s) in shapes.items()}, notes)
    except HeaderTooLarge as error:
        raise WeightsError(
            f"{origin}: {error}; save long lists of numbers as tensors or arrays, or in several "
            "files"
        ) from None
    with opened_for_writing(path) as file:
        file.write(head)
        for name in order:
            file.write(stored[name][2]())


def load(
    path: FileLike,
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = None,
    mmap: bool = True,
    verify: bool = True,
) -> Any:
    """Return the object in a file that `save` wrote; nothing in it is executed.

    Also read are other programs' safetensors files (a dict of tensors), PyTorch's checkpoints (see
    `weft.io.load_pytorch`) and sharded ones, by their index or folder (see
    `weft.io.load_sharded`): what a file is, its first bytes say.

    Args:
        path: the file, or a file object open for reading in binary mode, which is read from where
            it stands to its end.
        map_location: where tensors are put. None: on the device that each was saved from. A
            device or its name: all on that one. A dict: from places to places, by name. A
            function: of a 1-d tensor and the name of the place it was saved from; it returns the
            tensor where it is to be, or None for that place.
        weights_only: taken as PyTorch has it, and not used: nothing but data is ever loaded.
        mmap: map the file (default), or read the whole of it now; see
            `weft.io.open_safetensors`.
        verify: compare all bytes with their checksums, which reads the file. Without, it is read
            when its tensors are first used.

    Returns:
        The object. Tensors on the CPU share a private map of the file: they may be written to,
        the file never changes.

    Raises:
        OSError: the file does not exist or may not be read.
        weft.io.FormatError: it is damaged, cut short, of another format or a newer version.
        weft.io.UnsafeCheckpointError: it is a PyTorch checkpoint that could harm.
        weft.io.WeightsError: a tensor was saved from a device that is not to be had here; pass
            map_location="cpu".

    Source: PyTorch's `torch.load`, but that nothing is unpickled.
    """
    if isinstance(path, str | os.PathLike):
        named = os.fsdecode(path)
        if named.endswith(INDEX_ENDING) or os.path.isdir(named):
            return load_sharded(path, map_location=map_location, mmap=mmap)
    memory, origin = memory_of(path, mapped=mmap)
    if is_checkpoint(memory):
        return read_checkpoint(memory, origin, placing(map_location), check_crc=verify)
    with SavedFile(memory, origin, placing(map_location), verify=verify) as file:
        return file.load()


_Stored = dict[str, tuple[str, tuple[int, ...], Callable[[], memoryview]]]


def _stored(leaves: Leaves, windows: list[Window]) -> _Stored:
    """Return what goes into the file: name -> (dtype, shape, its bytes); complete the nodes."""
    found: _Stored = {}
    homes: dict[Span, str] = {}
    name_of = {id(window): name for name, window in zip(leaves.names, windows, strict=True)}
    for name, window, node in zip(leaves.names, windows, leaves.nodes, strict=True):
        span = window.span
        if span not in homes:
            whole = window if span.alone else span.covering
            if whole is not None:
                homes[span] = name_of[id(whole)]
                shape, data = whole.size, whole.values
            else:
                homes[span] = leaves.unique(f"{name}.memory")
                shape, data = (span.count,), span.data
            dtype = _AS_PAIRS.get(span.dtype, span.dtype)
            if dtype != span.dtype:
                shape = (*shape, 2)
            found[homes[span]] = dtype, shape, data
        if homes[span] != name:
            node |= {
                "in": homes[span],
                "offset": window.offset,
                "size": list(window.size),
                "stride": list(window.stride),
            }
        elif span.alone and window.order != tuple(range(len(window.size))):
            node["order"] = list(window.order)
        if span.dtype in _AS_PAIRS:
            node["dtype"] = span.dtype
        if span.device != "cpu":
            node["device"] = span.device
    return found
