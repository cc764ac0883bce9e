"""Checkpoints in several files with an index, as Hugging Face's libraries lay them out."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._atomic import written_atomically
from ._locations import MapLocation, placing
from ._memory import read_regular_file, require_tensor
from ._sources import path_of
from .errors import FormatError, MissingTensorError, UnsafeCheckpointError, WeightsError, shown
from .opening import open_saved
from .pytorch import is_checkpoint, read_checkpoint
from .safetensors import save_safetensors

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["INDEX_ENDING", "load_sharded", "save_sharded"]

INDEX_ENDING = ".index.json"
MAX_INDEX_BYTES = 100_000_000
MAX_BRACKETS = 1_000_000  # each may cost a hundred times the memory of its byte; an index has three
# What leads elsewhere, and half of a surrogate pair, which no file's name can hold.
_NO_NAME = re.compile(r"[/\\:\0\ud800-\udfff]")
# Where a folder has both, safetensors are read.
_INDICES = ("*.safetensors.index.json", "*.bin.index.json", "*.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_UNITS = {"": 1, "B": 1} | {
    f"{letter}{rest}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for rest, base in (("B", 1000), ("iB", 1024))
}


def load_sharded(
    path: str | os.PathLike[str],
    names: Iterable[str] | None = None,
    *,
    prefix: str = "",
    map_location: MapLocation = None,
    mmap: bool = True,
) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint in several files.

    Args:
        path: the index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`), or the
            folder that it is in; a folder with `model.safetensors` or `pytorch_model.bin` alone
            is read too.
        names: which tensors; None for all. Files that hold none of them are not opened.
        prefix: only tensors whose names begin with it.
        map_location: where they are put; see `weft.load`.
        mmap: map the files (default), or read the whole of them now.

    Returns:
        name -> tensor, in the order of the index.

    Raises:
        OSError: the index or one of its files does not exist or may not be read.
        UnsafeCheckpointError: the index names a file outside of its folder, or a file could harm.
        MissingTensorError: there is no tensor of one of the names, or the file that should have it
            has not.
        FormatError: the index or a file is damaged.
    """
    index = Path(path_of(path))
    origin = str(index)
    if index.is_dir():
        index = _index_in(index)
    if not index.name.endswith(INDEX_ENDING):
        return _chosen(index, names, prefix, map_location, mmap)
    places = _weight_map(index, origin=str(index))
    wanted = list(places if names is None else names)
    for name in wanted:
        if name not in places:
            raise MissingTensorError.of(name, places, str(index))
    wanted = [name for name in wanted if name.startswith(prefix)]
    if prefix and not wanted:
        raise MissingTensorError(f"{origin}: no tensor's name begins with {shown(prefix)}")
    by_file: dict[str, list[str]] = {}
    for name in wanted:
        by_file.setdefault(places[name], []).append(name)
    found: dict[str, Tensor] = {}
    for file, inside in by_file.items():
        found |= _chosen(index.parent / file, inside, "", map_location, mmap)
    return {name: found[name] for name in wanted}


def save_sharded(
    tensors: Mapping[str, Tensor],
    folder: str | os.PathLike[str],
    *,
    max_shard_size: int | str = "5GB",
    name: str = "model",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to safetensors files of bounded size, with an index, whole or not at all.

    The files are `model-00001-of-00003.safetensors` and so on, and
    `model.safetensors.index.json`; or `model.safetensors` alone if one is enough. Where the folder
    holds such files from before, the new ones get other names (`model.1-00001-of-...`), the new
    index takes the old one's place in one step, and then the old files go: whenever the save is
    cut off, the folder holds the old checkpoint or the new one.

    Args:
        tensors: name -> tensor. Two names for one memory are written twice.
        folder: where to write; made if it does not exist.
        max_shard_size: bytes of tensors in one file, as a number or "5GB", "500MB", "2GiB". A
            larger tensor has a file of its own.
        name: what the files' names begin with.
        metadata: notes for the index and each file's header.

    Raises:
        WeightsError: as `save_safetensors`; or a size or name that is none.
        OSError: the disk is full, or the folder may not be written to.
    """
    target = Path(path_of(folder))
    origin = f"save_sharded to {target}"
    if not re.fullmatch(r"[\w-]{1,100}", name, re.ASCII):
        raise WeightsError(f"{origin}: a name has letters, digits, - and _, not {shown(name)}")
    shards = _parted(tensors, _bytes_in(max_shard_size, origin), origin)
    target.mkdir(parents=True, exist_ok=True)
    index, single = target / f"{name}.safetensors.index.json", target / f"{name}.safetensors"
    notes = {"format": "pt", **(metadata or {})}
    if len(shards) == 1:
        save_safetensors(shards[0], single, notes)
        index.unlink(missing_ok=True)  # from here on the one file is the checkpoint
        _clear_shards(target, name, keep=())
        return
    files = _free_names(target, name, len(shards))
    try:
        for file, shard in zip(files, shards, strict=True):
            save_safetensors(shard, target / file, notes)
        total = sum(tensor.nbytes for tensor in tensors.values())
        places = {key: file for file, shard in zip(files, shards, strict=True) for key in shard}
        document = {
            "metadata": {**(metadata or {}), "total_size": total},
            "weight_map": {key: places[key] for key in sorted(places)},
        }
        with written_atomically(index) as out:
            out.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    except BaseException:
        for file in files:
            with contextlib.suppress(OSError):
                (target / file).unlink(missing_ok=True)
        raise
    single.unlink(missing_ok=True)
    _clear_shards(target, name, keep=files)


def _index_in(folder: Path) -> Path:
    """Return the index in a folder, or the one file of a checkpoint that has none."""
    for pattern in _INDICES:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise FormatError(
                f"{folder}: one index was required, but there are "
                f"{shown([one.name for one in found])}; name one of them"
            )
        if found:
            return found[0]
    for name in _WHOLE:
        if (folder / name).is_file():
            return folder / name
    raise FormatError(
        f"{folder}: this is a folder, and a checkpoint in one has a *{INDEX_ENDING}, "
        f"{' or '.join(_WHOLE)}, of which there is none"
    )


def _weight_map(index: Path, origin: str) -> dict[str, str]:
    """Return name -> file from an index, every name and file checked."""
    memory = read_regular_file(index, origin, mapped=True)  # its size is seen before it is read
    if len(memory) > MAX_INDEX_BYTES:
        raise FormatError(f"{origin}: an index has {MAX_INDEX_BYTES} bytes, not {len(memory)}")
    raw = bytes(memory)
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise FormatError(f"{origin}: an index has at most {MAX_BRACKETS} brackets")
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{origin}: an index is JSON, but {error}") from None
    places: Any = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(places, dict) or not places:
        raise FormatError(
            f"{origin}: an index has a weight_map from tensors to files, but here it is "
            f"{shown(places)}"
        )
    for name, file in places.items():
        if not isinstance(file, str) or file in ("", ".", "..") or _NO_NAME.search(file):
            raise UnsafeCheckpointError(
                f"{origin}: tensor {shown(name)} is said to be in {shown(file)}, which is no plain "
                "file name: files of a checkpoint stand beside its index; nothing was read"
            )
    return places


def _chosen(
    path: Path, names: Iterable[str] | None, prefix: str, map_location: MapLocation, mmap: bool
) -> dict[str, Tensor]:
    """Return some tensors of one file, safetensors or PyTorch's."""
    memory = read_regular_file(path, str(path), mapped=mmap)
    if not is_checkpoint(memory):
        del memory
        with open_saved(path, map_location, mmap=mmap) as file:
            return file.tensors(names, prefix=prefix)
    value = read_checkpoint(memory, str(path), placing(map_location))
    if not isinstance(value, dict):
        raise FormatError(f"{path}: a shard is a dict of tensors, not a {type(value).__name__}")
    wanted = list(value if names is None else names)
    found: dict[str, Tensor] = {}
    for name in wanted:
        if name not in value:
            raise MissingTensorError.of(name, map(str, value), str(path))
        if name.startswith(prefix):
            found[name] = require_tensor(value[name], f"{path}: {shown(name)}")
    return found


def _parted(tensors: Mapping[str, Tensor], limit: int, origin: str) -> list[dict[str, Tensor]]:
    """Return the tensors in order, in as many parts as the limit asks for."""
    parts: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, value in tensors.items():
        tensor = require_tensor(value, f"{origin}: tensors[{shown(name)}]")
        if parts[-1] and filled + tensor.nbytes > limit:
            parts.append({})
            filled = 0
        parts[-1][name] = tensor
        filled += tensor.nbytes
    if len(parts) > 99_999:
        raise WeightsError(f"{origin}: {len(parts)} files; raise max_shard_size above {limit}")
    return parts


def _bytes_in(size: int | str, origin: str) -> int:
    """Return a number of bytes from one, or from text such as "5GB"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?i?B?)", str(size), re.ASCII)
    unit = _UNITS.get(found[2]) if found else None
    if found is None or unit is None or float(found[1]) * unit < 1:
        raise WeightsError(
            f"{origin}: max_shard_size is a number of bytes, or text such as '5GB', '500MB' or "
            f"'2GiB', but here it is {shown(size)}"
        )
    return int(float(found[1]) * unit)


def _free_names(folder: Path, name: str, count: int) -> list[str]:
    """Return names for shards, none of which a file in the folder has."""
    taken = set(os.listdir(folder))
    number = 0
    while True:
        stem = name if number == 0 else f"{name}.{number}"
        files = [f"{stem}-{k:05d}-of-{count:05d}.safetensors" for k in range(1, count + 1)]
        if taken.isdisjoint(files):
            return files
        number += 1


def _clear_shards(folder: Path, name: str, keep: Iterable[str]) -> None:
    """Remove shards of earlier saves, also of such as were cut off."""
    kept = set(keep)
    shard = re.compile(re.escape(name) + r"(\.\d+)?-\d{5}-of-\d{5}\.safetensors")
    for entry in os.listdir(folder):
        if shard.fullmatch(entry) and entry not in kept:
            with contextlib.suppress(OSError):
                (folder / entry).unlink()
