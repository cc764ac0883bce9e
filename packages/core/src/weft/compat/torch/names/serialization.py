"""``torch.load`` and ``torch.save``: files of PyTorch's format, read without running them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, TypeAlias

from weft import io

__all__ = [
    "DEFAULT_PROTOCOL",
    "FILE_LIKE",
    "MAP_LOCATION",
    "LoadEndianness",
    "add_safe_globals",
    "clear_safe_globals",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
]

DEFAULT_PROTOCOL = 2
FILE_LIKE: TypeAlias = Any
MAP_LOCATION: TypeAlias = Any


class LoadEndianness(Enum):
    """Orders of bytes."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Return what a file of ``torch.save`` holds: tensors and plain containers.

    Files of ``weft.save`` and safetensors are read too. Whatever ``weights_only``,
    ``pickle_module`` and ``pickle_load_args`` say, nothing that the file names is run.

    Args:
        f: the file, or a file object open for reading in binary mode.
        map_location: a device or its name; a dict from places to places; a function of a 1-d
            tensor, in the place of a storage, and of its place; or None: where it was saved from.
        pickle_module: not used.
        weights_only: not used.
        mmap: whether the file is mapped; it must be a path then. None maps it where it can be.
        pickle_load_args: not used.

    Raises:
        ValueError: ``mmap`` is True and ``f`` is no path.
        weft.io.WeightsError: the file is damaged, unsafe, of a newer version, or holds more than
            tensors and plain containers.
    """
    if mmap and not isinstance(f, str | os.PathLike):
        raise ValueError(
            f"load: mmap=True needs a path, to map the file, but f is a {type(f).__name__}"
        )
    return io.load(f, map_location, mmap=mmap is not False, verify=not mmap)


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write tensors and plain containers as ``torch.save`` does; PyTorch and weft read the file.

    It is always the zip format with a pickle of protocol 2; the arguments after ``f`` are taken
    and not used. At a path, an older file is replaced in one step once the new one is on disk.

    Args:
        obj: what `weft.io.save_pytorch` takes: for a module or optimizer, its ``state_dict()``.
        f: the file to write, or a file object open for writing in binary mode.
        pickle_module: not used.
        pickle_protocol: not used.

    Raises:
        weft.io.WeightsError: ``obj`` holds something else.
    """
    io.save_pytorch(obj, f)


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Do nothing: what a checkpoint may make is a list that nobody can add to."""


def get_safe_globals() -> list[Any]:
    """Return what was added to the list of what a checkpoint may make: nothing."""
    return []


def clear_safe_globals() -> None:
    """Do nothing: there is nothing to clear."""


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """Return no name: a file that wants an unsafe one is refused by `load`, which names it."""
    io.load(f, "meta", verify=False)
    return []


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """Change nothing within a block."""
    yield


def register_package(
    priority: int, tagger: Callable[..., Any], deserializer: Callable[..., Any]
) -> None:
    """Do nothing: places are weft's devices."""


def get_default_load_endianness() -> None:
    """Return None: a file says how its numbers lie."""


def set_default_load_endianness(endianness: Any) -> None:
    """Do nothing: a file says how its numbers lie."""


def get_default_mmap_options() -> int:
    """Return how files are mapped: privately, as ``mmap.MAP_PRIVATE``."""
    import mmap

    return getattr(mmap, "MAP_PRIVATE", 0)


def get_crc32_options() -> bool:
    """Return True: checksums are written."""
    return True


def set_crc32_options(compute_crc32: bool) -> None:
    """Do nothing: checksums are always written."""
