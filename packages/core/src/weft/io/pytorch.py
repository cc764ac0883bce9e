"""PyTorch checkpoints, read without PyTorch and without running anything that they hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ._memory import read_regular_file
from ._torch_legacy import read_legacy_checkpoint
from ._torch_script import read_script_weights
from ._torch_zip import read_zip_checkpoint
from .errors import FormatError, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["load_pytorch", "load_torchscript"]

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
    path: str | os.PathLike[str], *, mmap: bool = True, check_crc: bool = False
) -> object:
    """Return the object that torch.save wrote to a file: usually a dict of tensors.

    Nothing in the file is executed: it may make tensors, numbers, text, bytes, lists, tuples,
    dicts, sets, dtypes, devices and sizes, and a file that wants anything else is refused by the
    name of what it wants. Tensors that shared memory still do; sizes, strides and offsets are as
    saved, each checked against the storage that it shows. Everything is on the CPU, wherever it
    was saved from. A tensor or Parameter is a plain tensor with the `requires_grad` that it was
    saved with, as torch.load gives it; those of a state_dict have none. A device of a kind that
    weft does not have is its name, as text.

    Both of PyTorch's formats are read: zip archives (since version 1.6), whose storages are shared
    with a private map of the file, and the older one.

    Args:
        path: the file.
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

    Example:
        >>> state = weft.io.load_pytorch("mobilenet_v2-b0353104.pth")  # doctest: +SKIP
        >>> model.load_state_dict(state)  # doctest: +SKIP
    """
    origin = os.fspath(path)
    memory = read_regular_file(path, origin, mapped=mmap)
    head = bytes(memory[:300])
    if head.startswith(b"PK\x03\x04"):
        return read_zip_checkpoint(memory, origin, check_crc=check_crc)
    if head[257:262] == b"ustar":
        raise FormatError(
            f"{origin}: a tar archive: checkpoints of PyTorch before 0.1.10 were such, and are not "
            "read; load it with PyTorch and save it again"
        )
    for start, what in _OTHER_FORMATS:
        if head.lower().startswith(start.lower()):
            raise FormatError(f"{origin}: a PyTorch checkpoint was required, but this is {what}")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < len(memory):
        raise FormatError(f"{origin}: this looks like safetensors; use weft.io.load_safetensors")
    if head[:1] == b"\x80" or head[:1] in (b"c", b"(", b"]", b"}", b"i"):
        # Also pickles that torch.save cannot have written: what they want is worth naming.
        return read_legacy_checkpoint(memory, origin)
    raise FormatError(
        f"{origin}: a PyTorch checkpoint begins with 'PK' or a pickle's 0x80, but this file with "
        f"{shown(head[:8])}"
    )


def load_torchscript(
    path: str | os.PathLike[str], *, mmap: bool = True, check_crc: bool = False
) -> dict[str, Tensor]:
    """Return the tensors in a TorchScript archive (torch.jit.save) by their dotted names.

    Of the program in the archive nothing is executed or even read: its modules come as names with
    attributes. Names are paths of attributes (`encoder.0.weight`), as in the module's state_dict;
    beside parameters and buffers they cover any other attribute that is a tensor. Tensors inside
    lists or dicts are left out. None requires a gradient, as in a state_dict.

    Args:
        path: the file.
        mmap: map the file (default), or read the whole of it now; see `open_safetensors`.
        check_crc: as in `load_pytorch`.

    Raises:
        OSError: the file does not exist or may not be read.
        UnsafeCheckpointError: as `load_pytorch`.
        FormatError: it is no TorchScript archive, damaged, or has a dtype that weft does not have.
    """
    origin = os.fspath(path)
    memory = read_regular_file(path, origin, mapped=mmap)
    if bytes(memory[:4]) != b"PK\x03\x04":
        raise FormatError(
            f"{origin}: a TorchScript archive begins with 'PK', but this file with "
            f"{shown(bytes(memory[:8]))}"
        )
    return read_script_weights(memory, origin, check_crc=check_crc)
