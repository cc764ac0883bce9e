"""Files of `weft.save`: their structure changed under a right checksum, and damaged bytes."""

from __future__ import annotations

import io
import json
import random
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import weft
from tests.hub.fuzz.damage import damaged
from tests.hub.fuzz.json_trees import Written, dump, mutate, nested, odd
from tests.hub.fuzz.reader import ACCEPTED, given, refused, walk
from tests.hub.fuzz.safetensors_files import TOKENS, header_damaged, joined, parted
from weft.io._dtypes import SAFETENSORS
from weft.io._saved_format import metadata_for

NODES: tuple[Any, ...] = (
    {"tuple": [1, [2]]}, {"set": [1, "a"]}, {"frozenset": [None]}, {"dict": [[1, 2], [None, 3]]},
    {"dict": [[{"tuple": []}, 1]]}, {"dict": {"a": 1}}, {"ordered_dict": {"a": 1}, "metadata": 3},
    {"counter": {"a": 1}}, {"counter": {"a": "b"}}, {"counter": [[1, None]]}, {"float": "nan"},
    {"float": "1.5"}, {"int": "0x" + "f" * 40}, {"int": "0x" + "f" * 5000}, {"int": [1]},
    {"int": "-0x_1"}, {"complex": [1.0, {"float": "inf"}]}, {"bytes": "AAE="}, {"bytes": "é"},
    {"bytes": {"tensor": "nothing"}}, {"bytearray": {"tensor": "model.w"}},
    {"bytes": {"tensor": []}},
    {"size": [1, 2]}, {"size": [2**61, 2]}, {"size": [1] * 70}, {"dtype": "float32"},
    {"dtype": "complex32"}, {"dtype": "float4_e2m1fn"}, {"device": "cuda:1"}, {"device": "meta:\n"},
    {"device": [[]]}, {"meta": "float32", "size": [2**40, 2]}, {"meta": "int8", "size": [1] * 70},
    {"meta": "int64", "size": [0] * 64, "requires_grad": True}, {"tensor": "model.w"},
    {"tensor": 1},
    {"tensor": "x", "in": "model.w", "offset": 1, "size": [2], "stride": [2], "dtype": "float32"},
    {"tensor": "y", "in": "model.w", "offset": 0, "size": [1] * 70, "stride": [1] * 70},
    {"tensor": "z", "in": "model.w", "offset": 0, "size": [2**20], "stride": [0]},
    {"tensor": "u", "in": "model.w", "offset": 0, "size": [3], "stride": [1], "dtype": "int8"},
    {"tensor": "v", "in": "model.w", "offset": 0, "size": [1], "stride": [1], "dtype": "bool"},
    {"tensor": "t", "in": "model.w", "offset": [], "size": {}, "stride": "1"}, {"kind": "array"},
    {"tensor": "model.w", "kind": "parameter", "attributes": {"dict": {"_array": 1, "grad": 2}}},
    {"tensor": "w2", "in": "model.w", "offset": 0, "size": [2], "stride": [1], "kind": "parameter",
     "attributes": {"dict": {"__class__": 1, "_data": None, "requires_grad": 7, "shape": "x"}}},
    {"tensor": "model.w", "attributes": {"tensor": "model.w"}}, {}, {"tensor": "model.w",
    "order": [0]},
    {"tensor": "q", "in": "model.w", "offset": 0, "size": [2], "stride": [1], "kind": "buffer",
     "device": "meta"},
    {"tensor": "s", "in": "model.w", "offset": 0, "size": [2], "stride": [1], "kind": "array",
     "device": "cuda"},
)  # fmt: skip


def sound() -> bytes:
    """Return a file with everything that the format knows."""
    base = weft.arange(12, dtype=weft.float32)
    parameter = weft.nn.Parameter(weft.ones(2, 3))
    parameter.note = "kept"
    state: OrderedDict[str, Any] = OrderedDict(w=base.reshape(3, 4), part=base[2:6])
    vars(state)["_metadata"] = {"": {"version": 1}}
    value = {
        "model": state,
        "turned": weft.ones(2, 3).t(),
        "parameter": parameter,
        "buffer": weft.nn.Buffer(weft.zeros(2, dtype=weft.int64)),
        "pairs": weft.ones(2, dtype=weft.complex128),
        "array": np.arange(3),
        "meta": weft.empty((2, 2), device="meta"),
        "long": bytes(range(256)) * 5,
        "short": b"abc",
        "plain": [1, 2.5, None, True, "é", (1, 2), {3, "x"}, frozenset({1}), 2**100, 1j],
        "odd": {1: float("nan"), None: float("inf"), "c": Counter(a=2)},
        "said": [weft.float32, weft.device("cpu"), weft.Size((1, 2))],
    }
    file = io.BytesIO()
    weft.save(value, file, metadata={"by": "fuzz"})
    return file.getvalue()


class SavedFiles:
    """`weft.load` and `open_saved`."""

    name = "saved"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound = sound()
        header, self._data = parted(self._sound)
        self._notes = header.pop("__metadata__")
        self._header = header
        names = SAFETENSORS
        self._tensors = {
            name: (names[entry["dtype"]], tuple(entry["shape"])) for name, entry in header.items()
        }
        self._structure = json.loads(self._notes["weft.structure"])
        self._checksums = json.loads(self._notes["weft.checksums"])

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged file, mostly one whose checksums are right."""
        how = draw.random()
        if how < 0.1:
            return header_damaged(self._sound, draw)
        if how < 0.2:
            return damaged(self._sound, draw, TOKENS)
        structure: Any = json.loads(json.dumps(self._structure))
        checksums: Any = dict(self._checksums)
        if how < 0.85:
            self._change(structure, draw)
        elif how < 0.92:
            structure = draw.choice((odd(draw), Written(nested(draw)), draw.choice(NODES)))
        else:
            mutate(checksums, draw)
        return self._file(structure, checksums, draw)

    def _change(self, structure: Any, draw: random.Random) -> None:
        if draw.random() < 0.6:
            mutate(structure, draw)
        for _ in range(draw.choice((0, 1, 1, 2))):
            tables = [structure]
            for table in tables:
                inner = table.values() if isinstance(table, dict) else table
                tables += [one for one in inner if isinstance(one, dict | list)]
            table = draw.choice(tables)
            node = json.loads(json.dumps(draw.choice(NODES)))
            if isinstance(table, list):
                table.insert(draw.randrange(len(table) + 1), node)
            elif table:
                table[draw.choice(list(table))] = node

    def _file(self, structure: Any, checksums: Any, draw: random.Random) -> bytes:
        texts = dump(structure), dump(checksums)
        notes = metadata_for(None, self._tensors, {}, {"by": "fuzz"}, "fuzz")
        notes["weft.structure"], notes["weft.checksums"] = texts
        if draw.random() < 0.03:
            notes["weft.version"] = draw.choice(("0", "2", "x", "", "9" * 5000, "1.0", "²"))
        del notes["weft.header"]
        content = [
            [[name, dtype, list(shape)] for name, (dtype, shape) in sorted(self._tensors.items())],
            sorted(notes.items()),
        ]
        told = zlib.crc32(json.dumps(content, separators=(",", ":")).encode())
        notes["weft.header"] = f"{told:08x}"
        return joined({"__metadata__": notes, **self._header}, self._data)

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it whole or in parts."""
        source, how = given(self._folder, content, draw)
        return lambda: self._read(source, how, draw)

    def _read(self, source: Any, how: Any, draw: random.Random) -> str:
        verify = draw.random() < 0.7
        try:
            if draw.random() < 0.7:
                value = weft.load(source, "cpu", verify=verify, **how)
                again = draw.random() < 0.1
            else:
                value, again = self._in_parts(source, how, verify, draw), False
        except weft.io.WeightsError as error:
            return refused(error)
        walk(value)
        if again:
            _require_the_same_again(value)
        return ACCEPTED

    def _in_parts(self, source: Any, how: Any, verify: bool, draw: random.Random) -> Any:
        with weft.io.open_saved(source, "cpu", verify=verify, **how) as file:
            names = file.names()
            assert all(isinstance(note, str) for note in file.metadata.values())
            way = draw.randrange(4)
            if way == 0:
                repr(file.outline())
                return None
            if way == 1:
                return list(file.tensors(prefix=draw.choice(("", "model.", "nothing"))).values())
            if way == 2:
                return file.load(
                    *draw.choice((("model",), ("plain", 5, 0), ("odd", 1), ("x", "y")))
                )
            return file.tensors(names[: draw.randrange(4)], strip=True)


def _require_the_same_again(value: Any) -> None:
    """What was read can be written, and once read again gives the same bytes."""
    first, second = io.BytesIO(), io.BytesIO()
    try:
        weft.save(value, first)
    except weft.io.WeightsError:  # it holds a name of a dtype that only other files have, say
        return
    first.seek(0)
    weft.save(weft.load(first, "cpu"), second)
    assert second.getvalue() == first.getvalue(), "saved again it is another file"
