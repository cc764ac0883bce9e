"""PyTorch's checkpoints of all three formats, and TorchScript archives."""

from __future__ import annotations

import pickle
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import weft
from tests.core.io.torch_files import (
    LEGACY_MAGIC,
    Name,
    Persistent,
    Raw,
    assembled,
    legacy_checkpoint,
    program,
)
from tests.hub.fuzz import pickles
from tests.hub.fuzz.damage import EDGES, damaged
from tests.hub.fuzz.reader import ACCEPTED, given, refused, touch, walk
from tests.hub.fuzz.tars import tar
from tests.hub.fuzz.zips import Member, fields_damaged, members_damaged, packed

_COUNTED = {"0": (6, pickles.FLOATS), "1": (4, b"\0\1\1\0")}
_SOUND = program(pickles.VALUE)
_OPERATIONS = pickles.operations(_SOUND)


def program_damaged(draw: random.Random) -> bytes:
    """Return a pickle that is damaged in one of three ways."""
    value: Any = pickles.VALUE
    how = draw.random()
    if how < 0.5:
        for _ in range(draw.choice((1, 1, 2, 3))):
            value = pickles.replaced(value, draw)
        return program(value)
    if how < 0.85:
        return pickles.reordered(_OPERATIONS, draw)
    return damaged(_SOUND, draw, pickles.TOKENS)


class _Checkpoints:
    """What reads an input: `load_pytorch`, or `weft.load`, which tells formats apart."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it."""
        source, how = given(self._folder, content, draw)
        return lambda: self._read(source, how, draw)

    def _read(self, source: Any, how: Any, draw: random.Random) -> str:
        try:
            if draw.random() < 0.2:
                value = weft.load(source, "cpu", verify=draw.random() < 0.5, **how)
            else:
                check = draw.random() < 0.5
                value = weft.io.load_pytorch(source, check_crc=check, **how)
        except weft.io.WeightsError as error:
            return refused(error)
        walk(value)
        return ACCEPTED


def _members(pickled: bytes, draw: random.Random) -> list[Member]:
    members = [
        Member(b"archive/data.pkl", pickled),
        Member(b"archive/byteorder", draw.choice((b"little",) * 6 + (b"big", b"middle", b""))),
        *(Member(f"archive/data/{key}".encode(), data) for key, data in pickles.BYTES.items()),
        Member(
            b"archive/version", draw.choice((b"3\n",) * 8 + (b"1", b"11", b"0", b"x", b"9" * 99))
        ),
    ]
    if draw.random() < 0.1:
        members[draw.randrange(len(members))].deflated = True
    return members


class ZipCheckpoints(_Checkpoints):
    """Checkpoints since version 1.6: a zip archive with a pickle."""

    name = "checkpoint-zip"

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged checkpoint: its pickle, its members, or its archive."""
        how = draw.random()
        members = _members(program_damaged(draw) if how < 0.55 else _SOUND, draw)
        if 0.5 < how < 0.7:
            members_damaged(members, draw)
        archive = packed(members, draw, align=draw.choice((1, 64)))
        if 0.65 < how < 0.85:
            return fields_damaged(archive, draw)
        if how >= 0.85:
            other = packed(_members(program([1, 2]), draw), draw)
            return damaged(archive, draw, pickles.TOKENS, (other,))
        return archive


class LegacyCheckpoints(_Checkpoints):
    """Checkpoints before version 1.6: pickles in a row, then storages."""

    name = "checkpoint-legacy"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._sound = legacy_checkpoint(pickles.VALUE, _COUNTED)
        self._tokens = (*pickles.TOKENS, pickle.dumps(LEGACY_MAGIC, 2), b"\x80\x02")

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged checkpoint: a pickle of its five, or the storages."""
        how = draw.random()
        if how < 0.6:
            return legacy_checkpoint(program_damaged(draw), _COUNTED)
        if how < 0.75:
            return self._joined(draw)
        return damaged(self._sound, draw, self._tokens, (program([1]), self._sound))

    def _joined(self, draw: random.Random) -> bytes:
        parts: list[Any] = [
            LEGACY_MAGIC,
            1001,
            {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}},
            pickles.VALUE,
            ["0", "1"],
        ]
        place = draw.randrange(len(parts))
        parts[place] = pickles.replaced(parts[place], draw)
        if draw.random() < 0.2:
            parts.insert(draw.randrange(6), draw.choice(parts))
        if draw.random() < 0.1:
            del parts[draw.randrange(len(parts))]
        counts = [count for count, _ in _COUNTED.values()]
        if draw.random() < 0.4:
            counts[draw.randrange(2)] = draw.choice((*EDGES, -1)) & (2**63 - 1)
        data = [
            struct.pack("<q", count) + raw
            for count, (_, raw) in zip(counts, _COUNTED.values(), strict=True)
        ]
        return b"".join(map(program, parts)) + b"".join(data[: draw.choice((2, 2, 2, 1, 0))])


class TarCheckpoints(_Checkpoints):
    """Checkpoints before version 0.1.10: a tar archive."""

    name = "checkpoint-tar"

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged checkpoint."""
        storages: list[Any] = [
            2,
            (1, "cpu", Name("torch", "FloatStorage")),
            struct.pack("<q", 6) + pickles.FLOATS,
            (2, "cpu", Name("torch", "BoolStorage")),
            struct.pack("<q", 4) + pickles.BYTES["1"],
            [(3, 1, 2, 4)],
        ]
        tensors: list[Any] = [
            2,
            (10, 1, Name("torch", "FloatTensor")),
            struct.pack("<ii4qq", 2, 0, 2, 3, 3, 1, 0),
            (11, 2, Name("torch", "ByteTensor")),
            struct.pack("<ii2qq", 1, 0, 4, 1, 0),
        ]
        value: Any = {"a": Persistent("10"), "b": [Persistent("11")], "c": 3}
        how = draw.random()
        if how < 0.3:
            value = pickles.replaced(value, draw)
        elif how < 0.6:
            part = draw.choice((storages, tensors))
            place = draw.randrange(len(part))
            one = part[place]
            if isinstance(one, bytes):
                part[place] = damaged(one, draw)
            else:
                part[place] = pickles.replaced(one, draw)
            if draw.random() < 0.1:
                part.insert(place, one)
        members = {
            "storages": _stream(storages),
            "tensors": _stream(tensors),
            "pickle": program(value),
        }
        if 0.6 <= how < 0.7:
            found = draw.choice(list(members))
            operations = pickles.operations(program(value))
            members[found] = (
                pickles.reordered(operations, draw)
                if found == "pickle"
                else damaged(members[found], draw, pickles.TOKENS)
            )
        archive = tar(members, draw if 0.65 < how < 0.85 else None)
        return archive if how < 0.85 else damaged(archive, draw, pickles.TOKENS)


def _stream(parts: list[Any]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else program(part) for part in parts)


def _script(state: Any) -> bytes:
    made = assembled(Name("__torch__", "Net")) + b")\x81" + assembled(state) + b"b"
    return b"\x80\x02" + made + b"."


class ScriptArchives(_Checkpoints):
    """TorchScript archives, of which the tensors are read."""

    name = "torchscript"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        inner = assembled(Name("__torch__.nn", "Linear")) + b")\x81"
        inner += assembled({"weight": pickles.VALUE["weight"], "training": False}) + b"b"
        self._inner = Raw(inner)
        self._state = {**pickles.VALUE, "inner": self._inner, "again": self._inner}
        self._operations = pickles.operations(_script(self._state))

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged archive."""
        how = draw.random()
        state = pickles.replaced(self._state, draw) if how < 0.4 else self._state
        pickled = _script(state)
        if 0.3 < how < 0.6:
            pickled = pickles.reordered(self._operations, draw)
        members = [*_members(pickled, draw), Member(b"archive/constants.pkl", b"\x80\x02).")]
        if 0.55 < how < 0.75:
            members_damaged(members, draw)
        archive = packed(members, draw)
        if 0.7 < how < 0.85:
            return fields_damaged(archive, draw)
        return archive if how < 0.85 else damaged(archive, draw, pickles.TOKENS)

    def _read(self, source: Any, how: Any, draw: random.Random) -> str:
        try:
            found = weft.io.load_torchscript(source, check_crc=draw.random() < 0.5, **how)
        except weft.io.WeightsError as error:
            return refused(error)
        for name, tensor in found.items():
            assert isinstance(name, str)
            assert not tensor.requires_grad
            touch(tensor)
        return ACCEPTED
