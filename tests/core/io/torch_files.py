"""Writes PyTorch checkpoints without PyTorch, well-formed ones and hostile ones, for the tests.

`assembled` turns a Python value into pickle opcodes of protocol 2, as torch.save does, with `Name`,
`Call`, `Persistent` and `Raw` standing for what plain values cannot say.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "Call",
    "Name",
    "Persistent",
    "Raw",
    "assembled",
    "legacy_checkpoint",
    "program",
    "storage",
    "tensor",
    "zip_checkpoint",
]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class Name:
    """A global that the pickle names."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """REDUCE: `function` called with `arguments`."""

    function: object
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class Persistent:
    """A persistent id."""

    key: object


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    code: bytes = field(repr=False)


def assembled(value: object) -> bytes:
    """Return opcodes that leave `value` on the stack."""
    match value:
        case Raw(code):
            return code
        case Name(module, name):
            return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
        case Call(function, arguments):
            return assembled(function) + assembled(arguments) + b"R"
        case Persistent(key):
            return assembled(key) + b"Q"
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if 0 <= value < 256:
            return b"K" + bytes([value])
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            return b"X" + struct.pack("<I", len(raw)) + raw
        case OrderedDict():
            items = b"".join(assembled(part) for pair in value.items() for part in pair)
            return assembled(Call(Name("collections", "OrderedDict"))) + b"(" + items + b"u"
        case dict():
            return (
                b"}(" + b"".join(assembled(part) for pair in value.items() for part in pair) + b"u"
            )
        case list():
            return b"](" + b"".join(map(assembled, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(assembled, value)) + b"t"
    raise TypeError(f"no opcodes for {value!r}")


def program(value: object) -> bytes:
    """Return a whole pickle of protocol 2 whose value is `value`."""
    return b"\x80\x02" + assembled(value) + b"."


def storage(key: str, kind: str, count: object, *, module: str = "torch") -> Persistent:
    """Refer to a storage as the zip format does."""
    return Persistent(("storage", Name(module, kind), key, "cpu", count))


def tensor(
    of: object,
    size: object,
    stride: object = None,
    offset: object = 0,
    *,
    requires_grad: object = False,
    hooks: object = None,
) -> Call:
    """Rebuild a tensor; strides default to the contiguous ones."""
    if stride is None:
        assert isinstance(size, tuple)
        steps, step = [], 1
        for length in reversed(size):
            steps.append(step)
            step *= max(length, 1)
        stride = tuple(reversed(steps))
    hooks = OrderedDict() if hooks is None else hooks
    return Call(
        Name("torch._utils", "_rebuild_tensor_v2"),
        (of, offset, size, stride, requires_grad, hooks),
    )


def zip_checkpoint(
    value: object,
    storages: Mapping[str, bytes] | None = None,
    *,
    root: str = "archive",
    version: str | None = "3\n",
    byteorder: str | None = "little",
    compression: int = zipfile.ZIP_STORED,
    extra: Iterable[tuple[str | zipfile.ZipInfo, bytes]] = (),
    align: int = 64,
) -> bytes:
    """Return the bytes of a zip checkpoint of `value` (a pickle as bytes is taken as it is)."""
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = [
        (f"{root}/data.pkl", value if isinstance(value, bytes) else program(value))
    ]
    if byteorder is not None:
        members.append((f"{root}/byteorder", byteorder.encode()))
    members += [(f"{root}/data/{key}", data) for key, data in (storages or {}).items()]
    if version is not None:
        members.append((f"{root}/version", version.encode()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in [*members, *extra]:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            if not isinstance(name, zipfile.ZipInfo):
                info.compress_type = compression
            # PyTorch pads each local header so that the data begin on a multiple of 64.
            start = out.tell() + 30 + len(info.filename.encode())
            info.extra = b"FB" + struct.pack("<H", (pad := -(start + 4) % align)) + b"Z" * pad
            archive.writestr(info, data)
    return out.getvalue()


def legacy_checkpoint(
    value: object,
    storages: Mapping[str, tuple[int, bytes]] | None = None,
    *,
    magic: int = LEGACY_MAGIC,
    version: int = 1001,
) -> bytes:
    """Return the bytes of a legacy checkpoint; storages are key -> (count, bytes)."""
    storages = storages or {}
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [pickle.dumps(part, protocol=2) for part in (magic, version, facts)]
    parts.append(value if isinstance(value, bytes) else program(value))
    parts.append(pickle.dumps(list(storages), protocol=2))
    parts += [struct.pack("<q", count) + data for count, data in storages.values()]
    return b"".join(parts)
