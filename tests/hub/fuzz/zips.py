"""Damage to zip archives: to members before they are packed, and to the archive's own fields."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass

from tests.hub.fuzz.damage import EDGES, damaged

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END = struct.Struct("<4sHHHHLLH")
NAMES = (
    "../x", "/x", "a\\b", "a\x00b", "C:/x", "", ".", "archive/../data.pkl", "archive/", "é",
    "\u202e",
    "archive/data.pkl", "other/data.pkl", "archive/version", "archive/byteorder", "x" * 2000,
    "archive/data/0", "archive/constants.pkl", "archive/data/1\n", "__MACOSX/x", "a/" * 200,
)  # fmt: skip


@dataclass
class Member:
    """One member as it is about to be written, and what its headers say otherwise."""

    name: bytes
    content: bytes
    deflated: bool = False
    flags: int = 0
    extra: bytes = b""
    attributes: int = 0
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None


def members_damaged(members: list[Member], draw: random.Random) -> None:
    """Change what is packed."""
    for _ in range(draw.choice((1, 1, 2))):
        if not members:
            return
        place = draw.randrange(len(members))
        one = members[place]
        how = draw.randrange(12)
        if how == 0:
            del members[place]
        elif how == 1:
            members.insert(draw.randrange(len(members) + 1), Member(**vars(one)))
        elif how == 2:
            one.name = draw.choice(NAMES).encode()
        elif how == 3:
            members.append(Member(draw.choice(NAMES).encode(), draw.choice((b"", b"3", b"x" * 99))))
        elif how == 4 and one.content:
            one.content = damaged(one.content, draw)
        elif how == 5:
            one.deflated = not one.deflated
        elif how == 6:
            one.flags = draw.choice((0x1, 0x8, 0x40, 0x800, 0x2000, 0xFFFF))
        elif how == 7:
            one.extra = draw.choice(
                (b"\1\0", b"\1\0\x10\0" + bytes(16), b"FB\xff\xff", b"up\4\0abcd")
            )
        elif how == 8:
            one.attributes = draw.choice((0xA1FF0000, 0x61FF0000, 0x41FF0010, 0xFFFFFFFF, 0x10))
        elif how == 9:
            one.crc = draw.choice((0, 1, 0xFFFFFFFF))
        elif how == 10:
            one.size = draw.choice(EDGES) & 0xFFFFFFFF
        else:
            one.packed_size = draw.choice(EDGES) & 0xFFFFFFFF
    if draw.random() < 0.05:
        many = draw.choice((10, 300))
        members += [Member(b"archive/data/m%d" % k, b"") for k in range(many)]
    if draw.random() < 0.05:
        zeros = bytes(draw.choice((10_000, 1 << 20, 3 << 20)))
        members.append(Member(b"archive/data/zeros", zeros, deflated=True))


def packed(members: list[Member], draw: random.Random, *, align: int = 64) -> bytes:
    """Return an archive as PyTorch lays it out, with what its members say of themselves."""
    out, directory = bytearray(), bytearray()
    for one in members:
        content = one.content
        if one.deflated:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            content = packer.compress(content) + packer.flush()
        crc = zlib.crc32(one.content) if one.crc is None else one.crc
        size = len(one.content) if one.size is None else one.size
        packed_size = len(content) if one.packed_size is None else one.packed_size
        pad = -(len(out) + 30 + len(one.name) + 4) % align
        extra = one.extra or b"FB" + struct.pack("<H", pad) + b"Z" * pad
        start = len(out)
        method = 8 if one.deflated else 0
        head = (20, one.flags, method, 0, 33, crc, packed_size, size, len(one.name), len(extra))
        out += _LOCAL.pack(b"PK\3\4", *head) + one.name + extra + content
        directory += _CENTRAL.pack(
            b"PK\1\2", 20, *head[:-1], len(one.extra), 0, 0, 0, one.attributes, start
        )
        directory += one.name + one.extra
    counts = (len(members) & 0xFFFF,) * 2
    end = _END.pack(b"PK\5\6", 0, 0, *counts, len(directory), len(out), 0)
    return bytes(out + directory + end)


def fields_damaged(archive: bytes, draw: random.Random) -> bytes:
    """Change fields of the headers, of the directory and of its end."""
    data = bytearray(archive)
    for _ in range(draw.choice((1, 1, 2, 4))):
        sign, form = draw.choice(((b"PK\3\4", _LOCAL), (b"PK\1\2", _CENTRAL), (b"PK\5\6", _END)))
        places = _found(data, sign)
        if not places:
            continue
        start = draw.choice(places)
        if start + form.size > len(data):
            continue
        fields = list(form.unpack_from(data, start))
        which = draw.randrange(1, len(fields))
        wide = form.format.replace("4s", "")[which] == "L"
        old = fields[which]
        new = draw.choice((*EDGES, old + 1, old - 1, old + 64, 2 * old, len(data)))
        fields[which] = new & (0xFFFFFFFF if wide else 0xFFFF)
        form.pack_into(data, start, *fields)
    how = draw.random()
    if how < 0.05:
        data += draw.choice((b"\0" * 70_000, b"PK\5\6" + bytes(18), archive[-22:]))
    elif how < 0.1:
        data[:0] = draw.choice((b"\0", b"PK\3\4", b"x" * 64))
    elif how < 0.15:
        data[-22:-22] = _zip64(draw, len(data))
    return bytes(data)


def _found(data: bytearray, sign: bytes) -> list[int]:
    places, at = [], data.find(sign)
    while at >= 0:
        places.append(at)
        at = data.find(sign, at + 1)
    return places


def _zip64(draw: random.Random, size: int) -> bytes:
    """Return a record and a locator of ZIP64, whose numbers are 64 bits wide."""
    number = [draw.choice((0, 1, size, size - 22, 2**32, 2**63, 2**64 - 1)) for _ in range(4)]
    record = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, *number)
    return record + b"PK\6\7" + struct.pack("<LQL", 0, draw.choice((size - 22, 0, 2**40)), 1)
