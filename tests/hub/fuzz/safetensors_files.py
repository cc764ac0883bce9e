"""safetensors files: whole and in parts, held to what their headers say, and to the reference."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

import weft
from tests.core.io.trees import raw
from tests.hub.fuzz.damage import damaged, edge
from tests.hub.fuzz.json_trees import Written, dump, encoded, mutate, nested, odd
from tests.hub.fuzz.reader import ACCEPTED, given, refused, touch
from weft.io._dtypes import SAFETENSORS

TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u0000", b"\\ud800", b'"dtype":', b'"shape":[',
    b'"data_offsets":[0,', b"__metadata__", b"-1", b"1.0", b"1e9", b"NaN", b" ", b"\n", b"\xff",
    b"9" * 30, b"F32", b"F4", b"BF16", b"\xef\xbb\xbf",
)  # fmt: skip


def sound() -> tuple[bytes, ...]:
    """Return files of many kinds, as the reference writes them and by hand."""
    many = {f"layer.{k}.weight": np.full((k, 2), k, np.float16) for k in range(9)}
    all_codes = {
        code: {"dtype": code, "shape": [8], "data_offsets": [8 * k, 8 * k + 8]}
        for k, code in enumerate(("U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2"))
    }
    return (
        safetensors.numpy.save({"a": np.arange(6, dtype="f4").reshape(2, 3)}, {"format": "pt"}),
        safetensors.numpy.save(
            {"x": np.ones((2, 2), "f8"), "y": np.zeros(3, "?"), "z": np.array(3, "i1")}
        ),
        safetensors.numpy.save({"none": np.zeros((0, 4), "i8"), "c": np.ones(2, "c8")}),
        safetensors.numpy.save(many, {"note": "é \U0001f600", "b": ""}),
        safetensors.numpy.save({}),
        joined(all_codes, bytes(40)),
        joined({"h": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}, bytes(range(8))),
    )


def joined(header: Any, data: bytes, *, length: int | None = None, pad: bool = True) -> bytes:
    """Return a file of a header (JSON's value, or text) and data."""
    text = encoded(header if isinstance(header, str) else dump(header))
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def parted(content: bytes) -> tuple[Any, bytes]:
    """Return the header and the data of a sound file."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def header_damaged(content: bytes, draw: random.Random) -> bytes:
    """Return a sound file with other facts in its header."""
    header, data = parted(content)
    how = draw.randrange(10)
    if how < 5:
        mutate(header, draw)
    elif how == 5 and len(header) > 1:
        first, second = draw.sample(list(header), 2)
        header[first], header[second] = header[second], header[first]
    elif how == 6:
        _move_offsets(header, draw)
    elif how == 7:
        _more_tensors(header, data, draw)
    elif how == 8:
        _reshape(header, draw)
    else:
        text = draw.choice((nested(draw), dump(odd(draw)), '{"a":' + nested(draw) + "}"))
        return joined(text, data)
    if draw.random() < 0.1:
        data = data[: draw.randrange(len(data) + 1)] + bytes(draw.choice((0, 1, 8)))
    length = None
    if draw.random() < 0.05:
        length = int.from_bytes(edge(draw, 8, near=len(dump(header))), "little")
    return joined(header, data, length=length, pad=draw.random() < 0.9)


def _entries(header: Any) -> list[dict[str, Any]]:
    return [value for key, value in header.items() if key != "__metadata__"]


def _move_offsets(header: Any, draw: random.Random) -> None:
    for entry in _entries(header):
        if draw.random() < 0.6:
            by = draw.choice((-8, -4, -1, 1, 2, 4, 8, 2**32, 2**63))
            entry["data_offsets"] = [
                offset + by * (draw.random() < 0.7) for offset in entry["data_offsets"]
            ]


def _more_tensors(header: Any, data: bytes, draw: random.Random) -> None:
    count = draw.choice((1, 10, 1000))
    for k in range(count):
        place = draw.choice((0, len(data)))
        header[f"t{k}" if draw.random() < 0.9 else "t" * 2000] = {
            "dtype": draw.choice(list(SAFETENSORS)),
            "shape": draw.choice(([0], [0, 2**62], [2**40, 0, 2**40], [0] * 64, [0] * 65)),
            "data_offsets": [place, place],
        }


def _reshape(header: Any, draw: random.Random) -> None:
    for entry in _entries(header):
        count = math.prod(entry["shape"])
        entry["shape"] = draw.choice(
            (
                [count],
                [1] * draw.choice((2, 32, 33, 63, 64, 65)) + [count],
                [count, 1, 1],
                [2, count // 2],
                [2**32, 2**32, count],
                [2**63 - 1, 2],
                [0, count],
                [-1, -count],
                Written(f"[{count}.0]"),
            )
        )
        if draw.random() < 0.3:
            entry["dtype"] = draw.choice(list(SAFETENSORS))


class SafetensorsFiles:
    """`load_safetensors`, `open_safetensors` with its slices, and `weft.load` of such files."""

    name = "safetensors"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound = sound()

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged file."""
        content = draw.choice(self._sound)
        how = draw.random()
        if how < 0.6:
            return header_damaged(content, draw)
        if how < 0.65:
            length = int.from_bytes(edge(draw, 8, near=len(content) - 8), "little")
            return struct.pack("<Q", length) + content[8:]
        return damaged(content, draw, TOKENS, self._sound)

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it whole, lazily or as `weft.load` does."""
        source, how = given(self._folder, content, draw)
        return lambda: self._read(source, how, content, draw)

    def _read(self, source: Any, how: Any, content: bytes, draw: random.Random) -> str:
        try:
            way = draw.randrange(3)
            if way == 0:
                tensors = weft.io.load_safetensors(source, **how)
            elif way == 1:
                tensors = self._in_parts(source, how, draw)
            else:
                loaded = weft.load(source, **how)
                if not _is_plain(content):
                    return ACCEPTED
                tensors = loaded
        except weft.io.WeightsError as error:
            return refused(error)
        self._compare(tensors, content)
        return ACCEPTED

    def _in_parts(self, source: Any, how: Any, draw: random.Random) -> dict[str, Any]:
        with weft.io.open_safetensors(source, **how) as file:
            assert len(file) == len(list(file))
            assert all(isinstance(value, str) for value in file.metadata.values())
            found = {}
            for name in file:
                info = file.info(name)
                found[name] = file[name]
                assert tuple(found[name].shape) == info.shape
                if info.shape and info.shape[0]:
                    at = draw.randrange(info.shape[0])
                    part = file.get_slice(name)[at]
                    assert raw(part) == raw(found[name][at])
        return found

    def _compare(self, tensors: dict[str, Any], content: bytes) -> None:
        """Hold the tensors to the header, read by no code of ours, and to the reference."""
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        header.pop("__metadata__", None)
        assert tensors.keys() == header.keys()
        data = content[8 + size :]
        for name, tensor in tensors.items():
            entry = header[name]
            start, stop = entry["data_offsets"]
            assert list(tensor.shape) == entry["shape"]
            assert tensor.dtype.name == SAFETENSORS[entry["dtype"]]
            touch(tensor)
            assert raw(tensor) == data[start:stop]
        if not any(len(entry["shape"]) > 32 for entry in header.values()):
            theirs = dict(safetensors.deserialize(content))
            assert theirs.keys() == tensors.keys()


def _is_plain(content: bytes) -> bool:
    size = int.from_bytes(content[:8], "little")
    notes = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return not any(key.startswith("weft.") for key in notes)


_INDEX: dict[str, Any] = {
    "metadata": {"total_size": 40},
    "weight_map": {
        "a": "m-00001-of-00002.safetensors",
        "b": "m-00001-of-00002.safetensors",
        "c": "m-00002-of-00002.safetensors",
    },
}


class ShardedFiles:
    """`load_sharded`: the index of a checkpoint in several files, and the files."""

    name = "sharded"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sharded"
        self._folder.mkdir()
        self._index = self._folder / "m.safetensors.index.json"
        self._shards = {
            "m-00001-of-00002.safetensors": safetensors.numpy.save(
                {"a": np.ones(4, "f4"), "b": np.zeros((2, 2), "f2")}
            ),
            "m-00002-of-00002.safetensors": safetensors.numpy.save({"c": np.arange(4)}),
        }
        self._written: dict[str, bytes] = {}
        outside = folder / "outside.safetensors"
        outside.write_bytes(next(iter(self._shards.values())))

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged index, or a sound one (an empty text) whose shard is damaged."""
        if draw.random() < 0.25:
            return b""
        if draw.random() < 0.3:
            return damaged(json.dumps(_INDEX).encode(), draw, TOKENS)
        index = json.loads(json.dumps(_INDEX))
        mutate(index, draw)
        if draw.random() < 0.3:
            index["weight_map"] = index.get("weight_map", {})
            if isinstance(index["weight_map"], dict):
                index["weight_map"][draw.choice(("a", "b", "c", "d"))] = draw.choice(_FILES)
        return encoded(dump(index))

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it by its index or its folder, all of it or some names."""
        shards = dict(self._shards)
        if not content:
            name = draw.choice(list(shards))
            shards[name] = header_damaged(shards[name], draw)
            content = json.dumps(_INDEX).encode()
        for name, data in {**shards, self._index.name: content}.items():
            if self._written.get(name) != data:
                (self._folder / name).write_bytes(data)
                self._written[name] = data
        return lambda: self._read(draw)

    def _read(self, draw: random.Random) -> str:
        path = draw.choice((self._index, self._folder))
        names = draw.choice((None, None, ["a"], ["c", "a"], ["nothing"]))
        try:
            if names is None and draw.random() < 0.3:
                found = weft.load(path, "cpu")
            else:
                found = weft.io.load_sharded(path, names, mmap=draw.random() < 0.7)
        except weft.io.WeightsError as error:
            return refused(error)
        except OSError as error:  # the index names a file that is not there
            assert "\n" not in str(error)
            return type(error).__name__
        assert found if names is None else list(found) == names
        for name, tensor in found.items():
            assert isinstance(name, str)
            touch(tensor)
        return ACCEPTED


_FILES = (
    "../outside.safetensors", "/etc/passwd", "m-00002-of-00002.safetensors", "", ".", "..",
    "m.safetensors.index.json", "x" * 300, "\x00", "a\\b", "C:x", "\ud800", "é", "m\n", " ",
    "a.index.json", "-", "CON", "~", "*", "m-00001-of-00002.safetensors/", "m.bin",
)  # fmt: skip
