"""The bytes of a pickle as opcodes with arguments: decoding alone, no meaning.

Of pickle's 68 opcodes, these 47 are what protocols 2 to 5 write for tensors and plain containers.
An opcode outside the table is named in the refusal. Every argument is a slice of a buffer whose
size is known, so no length in the file can make this module allocate more than the file has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

from .errors import FormatError, UnsafeCheckpointError, shown

__all__ = ["MAX_INTEGER_BYTES", "MAX_OPCODES", "Opcode", "opcodes"]

# One tensor takes about 35 opcodes, so these are 140,000 tensors; at about a microsecond each.
MAX_OPCODES = 5_000_000
# PyTorch writes 64-bit numbers and, once, an 80-bit magic one. Arithmetic and printing of a number
# as long as the file would take time that grows with the square of its length.
MAX_INTEGER_BYTES = 128


#: One decoded opcode: its name, its argument, and where it starts in its pickle. A plain tuple: a
#: large checkpoint has a million of them.
Opcode: TypeAlias = tuple[str, object, int]

# byte -> (pickletools' name, kind of argument)
_TABLE: dict[int, tuple[str, str]] = {
    0x80: ("PROTO", "u1"),
    ord("."): ("STOP", ""),
    ord("("): ("MARK", ""),
    ord("0"): ("POP", ""),
    ord("1"): ("POP_MARK", ""),
    ord("N"): ("NONE", ""),
    0x88: ("NEWTRUE", ""),
    0x89: ("NEWFALSE", ""),
    ord("J"): ("BININT", "i4"),
    ord("K"): ("BININT1", "u1"),
    ord("M"): ("BININT2", "u2"),
    0x8A: ("LONG1", "long1"),
    0x8B: ("LONG4", "long4"),
    ord("G"): ("BINFLOAT", "f8"),
    ord("T"): ("BINSTRING", "text4"),  # str of Python 2
    ord("U"): ("SHORT_BINSTRING", "text1"),
    ord("X"): ("BINUNICODE", "text4"),
    0x8C: ("SHORT_BINUNICODE", "text1"),
    0x8D: ("BINUNICODE8", "text8"),
    ord("B"): ("BINBYTES", "bytes4"),
    ord("C"): ("SHORT_BINBYTES", "bytes1"),
    0x8E: ("BINBYTES8", "bytes8"),
    0x96: ("BYTEARRAY8", "bytes8"),
    ord(")"): ("EMPTY_TUPLE", ""),
    ord("t"): ("TUPLE", ""),
    0x85: ("TUPLE1", ""),
    0x86: ("TUPLE2", ""),
    0x87: ("TUPLE3", ""),
    ord("]"): ("EMPTY_LIST", ""),
    ord("a"): ("APPEND", ""),
    ord("e"): ("APPENDS", ""),
    ord("}"): ("EMPTY_DICT", ""),
    ord("s"): ("SETITEM", ""),
    ord("u"): ("SETITEMS", ""),
    0x8F: ("EMPTY_SET", ""),
    0x90: ("ADDITEMS", ""),
    ord("h"): ("BINGET", "u1"),
    ord("j"): ("LONG_BINGET", "u4"),
    ord("q"): ("BINPUT", "u1"),
    ord("r"): ("LONG_BINPUT", "u4"),
    0x94: ("MEMOIZE", ""),
    0x95: ("FRAME", "u8"),
    ord("c"): ("GLOBAL", "global"),
    0x93: ("STACK_GLOBAL", ""),
    ord("R"): ("REDUCE", ""),
    ord("b"): ("BUILD", ""),
    0x81: ("NEWOBJ", ""),  # for the module classes of TorchScript; the machine refuses any other
    ord("Q"): ("BINPERSID", ""),
}

# Opcodes that make objects of a class, or come from outside of the pickle. They are never needed.
_DANGEROUS: dict[int, str] = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x92: "NEWOBJ_EX",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    ord("P"): "PERSID",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}
# What only the text protocols 0 and 1 write, and what no pickler writes for plain data.
_OTHER: dict[int, str] = {
    ord("I"): "INT",
    ord("L"): "LONG",
    ord("F"): "FLOAT",
    ord("S"): "STRING",
    ord("V"): "UNICODE",
    ord("d"): "DICT",
    ord("l"): "LIST",
    ord("g"): "GET",
    ord("p"): "PUT",
    ord("2"): "DUP",
    0x91: "FROZENSET",
}

_NUMBERS = {
    "u1": struct.Struct("<B"),
    "u2": struct.Struct("<H"),
    "u4": struct.Struct("<I"),
    "u8": struct.Struct("<Q"),
    "i4": struct.Struct("<i"),
    "f8": struct.Struct(">d"),
}
# The same by position, with what the loop needs of the argument's kind: its fixed size, or None.
_BY_BYTE: list[tuple[str, str, int | None] | None] = [None] * 256
for _byte, (_name, _kind) in _TABLE.items():
    _size = 0 if not _kind else _NUMBERS[_kind].size if _kind in _NUMBERS else None
    _BY_BYTE[_byte] = _name, _kind, _size


def opcodes(data: memoryview, origin: str) -> Iterator[Opcode]:
    """Yield the opcodes of the pickle at the beginning of `data`, up to and with STOP.

    Raises:
        FormatError: the data ends before STOP, an argument is malformed, or an opcode is unknown.
        UnsafeCheckpointError: an opcode that makes objects of classes, or more than MAX_OPCODES.
    """
    position, end = 0, len(data)
    for _ in range(MAX_OPCODES):
        if position >= end:
            raise FormatError(
                f"{origin}: the pickle ends after {end} bytes without its STOP opcode; "
                "the file is cut short"
            )
        known = _BY_BYTE[data[position]]
        if known is None:
            raise _unknown(data, position, origin)
        name, kind, size = known
        start = position + 1
        if size == 0:
            yield name, None, position
            if name == "STOP":
                return
            position = start
        elif size is not None and start + size <= end:
            argument = data[start] if size == 1 else _NUMBERS[kind].unpack_from(data, start)[0]
            yield name, argument, position
            position = start + size
        else:
            try:
                argument, after = _argument(data, start, kind)
            except _Malformed as malformed:
                raise FormatError(f"{origin}, byte {position}: {name} {malformed}") from None
            yield name, argument, position
            position = after
    raise UnsafeCheckpointError(
        f"{origin}: the pickle has more than {MAX_OPCODES} opcodes, enough for 140,000 tensors; "
        "nothing was executed"
    )


class _Malformed(Exception):
    """Carries what is wrong with an argument up to where its place is known."""


def _argument(data: memoryview, start: int, kind: str) -> tuple[object, int]:
    """Decode the argument at `start`; return it and the position after it."""
    if kind == "global":
        module, after = _line(data, start)
        name, after = _line(data, after)
        return (module, name), after
    if kind in _NUMBERS:
        _taken(data, start, _NUMBERS[kind].size)  # raises: the loop takes those that are there
    width = int(kind[-1])
    size = int.from_bytes(_taken(data, start, width), "little")
    start += width
    if kind.startswith("long") and size > MAX_INTEGER_BYTES:
        raise _Malformed(f"holds an integer of {size} bytes; at most {MAX_INTEGER_BYTES} are read")
    raw = _taken(data, start, size)
    if kind.startswith("text"):
        return _text(raw), start + size
    if kind.startswith("long"):
        return int.from_bytes(raw, "little", signed=True), start + size
    return bytes(raw), start + size


def _taken(data: memoryview, start: int, size: int) -> memoryview:
    left = max(0, len(data) - start)
    if size > left:
        raise _Malformed(
            f"needs {size} bytes, but {left} are left; the file is cut short or damaged"
        )
    return data[start : start + size]


def _line(data: memoryview, start: int) -> tuple[str, int]:
    """Read a name up to its newline; module and class names are short."""
    raw = bytes(data[start : start + 512])
    end = raw.find(b"\n")
    if end < 0:
        raise _Malformed(f"has no name of at most 511 bytes, but {shown(raw, 60)}")
    return _text(raw[:end]), start + end + 1


def _text(raw: bytes | memoryview) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise _Malformed(
            f"holds text that is not UTF-8: {shown(bytes(raw), 60)}; a checkpoint saved by Python "
            "2 with such text must be saved again by PyTorch"
        ) from None


def _unknown(data: memoryview, position: int, origin: str) -> FormatError | UnsafeCheckpointError:
    byte = data[position]
    where = f"{origin}, byte {position}"
    if byte in _DANGEROUS:
        return UnsafeCheckpointError(
            f"{where}: the checkpoint {_wanted(data, position)}uses the opcode "
            f"{_DANGEROUS[byte]}, which makes objects of classes or takes them from outside; only "
            "tensors and plain containers are built; nothing was executed"
        )
    if byte in _OTHER:
        return FormatError(
            f"{where}: the opcode {_OTHER[byte]} is not one that torch.save writes for tensors and "
            "plain containers under pickle protocols 2 to 5; save again with torch.save's defaults"
        )
    return FormatError(f"{where}: {byte:#04x} is no pickle opcode; the file is damaged")


def _wanted(data: memoryview, position: int) -> str:
    """Return "wants a.b and " for an opcode that carries a name, for the message."""
    if data[position] != ord("i"):
        return ""
    try:
        module, after = _line(data, position + 1)
        name, _ = _line(data, after)
    except _Malformed:
        return ""
    return f"wants {shown(f'{module}.{name}')} and "
