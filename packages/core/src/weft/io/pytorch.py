"""PyTorch checkpoints, written, and read without running anything that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._locations import MapLocation, Placing, placing
from ._sources import FileLike, memory_of, name_of, opened_for_writing
from ._torch_legacy import read_legacy_checkpoint
from ._torch_pickling import pickled_checkpoint
from ._torch_script import read_script_weights
from ._torch_tar import is_tar, read_tar_checkpoint
from ._torch_zip import read_zip_checkpoint
from ._torch_zip_writing import write_zip_checkpoint
from .errors import FormatError, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["load_pytorch", "load_torchscript", "save_pytorch"]

# First bytes -> what such a file is, and what to do with it.
_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\x89HDF", "an HDF5 file (Keras, say); convert its weights to safetensors"),
    (b"GGUF", "a GGUF file; convert its weights to safetensors"),
    (b"\x93NUMPY", "a NumPy array; load it with numpy.load and weft.from_numpy"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<!DOCTYPE", "a web page, so its download went wrong; fetch it again"),
    (b"<html", "a web page, so its download went wrong; fetch it again"),
)


def load_pytorch(
    path: FileLike,
    map_location: MapLocation = "cpu",
    *,
    mmap: bool = True,
    check_crc: bool = False,
) -> object:
    """Return the object that torch.save wrote to a file: usually a dict of tensors.

    Nothing in the file is executed: it may make tensors, numbers, text, bytes, lists, tuples,
    dicts, sets, dtypes, devices and sizes, and a file that wants anything else is refused by the
    name of what it wants. Tensors that shared memory still do; sizes, strides and offsets are as
    saved, each checked against the storage that it shows. Everything is put on the CPU, wherever it
    was saved from, unless `map_location` says otherwise. A tensor or Parameter has the
    `requires_grad` that it was saved with; those of a state_dict have none. A device of a kind that
    weft does not have is its name, as text.

    All of PyTorch's formats are read: zip archives (since version 1.6), whose storages are shared
    with a private map of the file, the pickles before them, and the tar archives before 0.1.10.

    Args:
        path: the file, or a file object open for reading in binary mode.
        map_location: where tensors are put: a device or its name, a dict from places to places, a
            function of a storage (a 1-d tensor) and its place, or None for where each was saved
            from; see `weft.load`.
        mmap: map the file (default), or read the whole of it now; see `open_safetensors`.
        check_crc: compare every storage of a zip archive with its CRC-32, which reads the whole
            file. A file that was fetched with its SHA-256 checked does not need it.

    Raises:
        OSError: the file does not exist or may not be read.
        UnsafeCheckpointError: it wants to call or make something beyond the list above, a tensor
            reaches outside of its storage, or the archive is built to harm (a name that leads
            outside, a link, a bomb). Nothing was executed or extracted.
        FormatError: it is damaged, cut short, of another format or a newer version, or has a dtype
            that weft does not have.
        WeightsError: `map_location` is None, and a tensor was saved from a device that is not to
            be had here.

    Example:
        >>> state = weft.io.load_pytorch("mobilenet_v2-b0353104.pth")  # doctest: +SKIP
        >>> model.load_state_dict(state)  # doctest: +SKIP
    """
    memory, origin = memory_of(path, mapped=mmap)
    return read_checkpoint(memory, origin, placing(map_location), check_crc=check_crc)


def is_checkpoint(memory: memoryview) -> bool:
    """Whether these bytes begin as one of PyTorch's formats, or as one that is told by name."""
    head = bytes(memory[:300])
    # A safetensors header is JSON of a length, whose first byte may well be that of a pickle.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return False
    known = (b"PK\x03\x04", b"\x80", *(start for start, _ in _OTHER_FORMATS))
    return head.startswith(known) or is_tar(memory)


def read_checkpoint(
    memory: memoryview, origin: str, placed: Placing, *, check_crc: bool = False
) -> object:
    """Return the object in a file of torch.save; see `load_pytorch`."""
    head = bytes(memory[:300])
    if head.startswith(b"PK\x03\x04"):
        return read_zip_checkpoint(memory, origin, placed, check_crc=check_crc)
    if is_tar(memory):
        return read_tar_checkpoint(memory, origin, placed)
    for start, what in _OTHER_FORMATS:
        if head.lower().startswith(start.lower()):
            raise FormatError(f"{origin}: a PyTorch checkpoint was required, but this is {what}")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < len(memory):
        raise FormatError(f"{origin}: this looks like safetensors; use weft.io.load_safetensors")
    if head[:1] == b"\x80" or head[:1] in (b"c", b"(", b"]", b"}", b"i"):
        # Also pickles that torch.save cannot have written: what they want is worth naming.
        return read_legacy_checkpoint(memory, origin, placed)
    raise FormatError(
        f"{origin}: a PyTorch checkpoint begins with 'PK' or a pickle's 0x80, but this file with "
        f"{shown(head[:8])}"
    )


def save_pytorch(obj: object, path: FileLike) -> None:
    """Write an object of tensors and plain values in the format of torch.save, whole or not at all.

    `torch.load(path)` reads it, with `weights_only=True` as with False. The file is a zip archive
    with a pickle of protocol 2 and the storages. Shapes, strides and `requires_grad` are kept;
    tensors that share memory have one storage; a tensor that lies apart from the others is written
    without what lies between its elements. A Parameter or Buffer is one in PyTorch too; attributes
    that were set on it are not written. The same object gives the same bytes.

    Args:
        obj: a tensor, number, text, bytes, None, dtype, device or `Size`, or a list, tuple, dict,
            `OrderedDict`, `Counter` or set of such, nested at will: the `state_dict` of a module
            or optimizer.
        path: the file to write, or a file object open for writing in binary mode. At a path, an
            older file is replaced in one step once the new one is on disk.

    Raises:
        WeightsError: the object holds something else, or itself; the message says where.
        OSError: the disk is full, the folder does not exist or may not be written to.

    Example:
        >>> import io, weft
        >>> file = io.BytesIO()
        >>> weft.io.save_pytorch({"weight": weft.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> weft.io.load_pytorch(file)
        {'weight': tensor([1., 1.])}
    """
    pickled, storages = pickled_checkpoint(obj, f"save_pytorch to {name_of(path)}")
    with opened_for_writing(path) as file:
        write_zip_checkpoint(file, pickled, storages)


def load_torchscript(
    path: FileLike, *, mmap: bool = True, check_crc: bool = False
) -> dict[str, Tensor]:
    """Return the tensors in a TorchScript archive (torch.jit.save) by their dotted names.

    Of the program in the archive nothing is executed or even read: its modules come as names with
    attributes. Names are paths of attributes (`encoder.0.weight`), as in the module's state_dict;
    beside parameters and buffers they cover any other attribute that is a tensor. Tensors inside
    lists or dicts are left out. None requires a gradient, as in a state_dict.

    Args:
        path: the file, or a file object open for reading in binary mode.
        mmap: map the file (default), or read the whole of it now; see `open_safetensors`.
        check_crc: as in `load_pytorch`.

    Raises:
        OSError: the file does not exist or may not be read.
        UnsafeCheckpointError: as `load_pytorch`.
        FormatError: it is no TorchScript archive, damaged, or has a dtype that weft does not have.
    """
    memory, origin = memory_of(path, mapped=mmap)
    if bytes(memory[:4]) != b"PK\x03\x04":
        raise FormatError(
            f"{origin}: a TorchScript archive begins with 'PK', but this file with "
            f"{shown(bytes(memory[:8]))}"
        )
    return read_script_weights(memory, origin, check_crc=check_crc)
