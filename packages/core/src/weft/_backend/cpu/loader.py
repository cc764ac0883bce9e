"""An object file's code put into executable memory, without LLVM: how a cached kernel starts.

It takes x86-64 ELF as the compiler writes it: position-independent sections whose references to
each other are relative. Memory is written first and made executable after, never both.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from collections.abc import Mapping
from typing import Any

_ALLOCATED = 2
_NOBITS = 8
_RELOCATIONS = 4
_SYMBOLS = 2
#: What code may call by name, which LLVM itself puts in.
_KNOWN = ("memset", "memcpy", "memmove", "fmaf", "fma", "fmodf", "fmod")
_STUB = b"\xff\x25\x00\x00\x00\x00"  # jmp to the address that follows

# of mmap and mprotect, as Linux has them
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 0x02, 0x20
_FAILED = ctypes.c_void_p(-1).value


class Unloadable(RuntimeError):
    """An object file holds what this loader does not place."""


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def place(image: bytes, wanted: str, functions: Mapping[str, int] | None = None) -> int:
    """Place an object file's code in memory, with LLVM's help where ours does not suffice.

    Args:
        image: the object file.
        wanted: the function whose address to return.
        functions: the addresses of what it calls that is not its own.
    """
    try:
        return load(image, wanted, functions)
    except Unloadable:  # another system or processor: LLVM has a loader for each
        from weft._backend.cpu import compiler

        return compiler.load(image, wanted, functions)


def load(image: bytes, wanted: str, functions: Mapping[str, int] | None = None) -> int:
    """Place an object file's code in memory and return a function's address.

    Args:
        image: the object file.
        wanted: the function.
        functions: the addresses of what it calls that is neither its own nor the C library's.

    Raises:
        Unloadable: it is no ELF object of this processor, or needs more than this loader gives.
    """
    if image[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", image, 18)[0] != 62:
        raise Unloadable("no x86-64 ELF object")
    (table,) = struct.unpack_from("<Q", image, 40)
    _, count, _ = struct.unpack_from("<HHH", image, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, table + 64 * i) for i in range(count)]
    places: dict[int, int] = {}
    size = 0
    for i, (_, _, flags, _, _, length, _, _, alignment, _) in enumerate(sections):
        if flags & _ALLOCATED and length:
            align = max(alignment, 16)
            size = (size + align - 1) // align * align
            places[i] = size
            size += length
    stubs = size = (size + 15) // 16 * 16
    functions = functions or {}
    size += 16 * (len(_KNOWN) + len(functions))
    memory = bytearray(size)
    base = _reserved(size)
    for i, place in places.items():
        _, kind, _, _, offset, length, *_ = sections[i]
        if kind != _NOBITS:
            memory[place : place + length] = image[offset : offset + length]
    symbols = _symbols(image, sections)
    given: dict[str, int] = {}
    for _, kind, _, _, offset, length, link, info, _, _ in sections:
        if kind != _RELOCATIONS or info not in places:
            continue
        names = symbols[link]
        for at in range(offset, offset + length, 24):
            where, what, addend = struct.unpack_from("<QQq", image, at)
            name, section, value = names[what >> 32]
            if section in places:
                target = places[section] + value
            else:
                target = _stub(memory, given, name, stubs, functions)
            _relocate(memory, base, places[info] + where, what & 0xFFFFFFFF, target + addend)
    entry = next(
        places[section] + value
        for names in symbols.values()
        for name, section, value in names
        if name == wanted and section in places
    )
    _executable(base, memory)
    return base + entry


def _reserved(size: int) -> int:
    """Return the address of fresh memory; it stays for the process's life."""
    if sys.platform != "linux":
        raise Unloadable("memory is asked for as Linux has it")
    ask = _libc().mmap
    ask.restype = ctypes.c_void_p
    ask.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    base: int = ask(None, size, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1, 0)
    if base == _FAILED:
        raise Unloadable(f"no memory for {size} bytes of code (errno {ctypes.get_errno()})")
    return base


def _executable(base: int, code: bytearray) -> None:
    """Write code to memory that was asked for, and let it be executed from then on."""
    ctypes.memmove(base, bytes(code), len(code))
    if _libc().mprotect(ctypes.c_void_p(base), ctypes.c_size_t(len(code)), _READ | _EXECUTE):
        raise Unloadable(f"memory cannot be made executable (errno {ctypes.get_errno()})")


def _symbols(image: bytes, sections: list[Any]) -> dict[int, list[tuple[str, int, int]]]:
    found = {}
    for i, (_, kind, _, _, offset, length, link, _, _, _) in enumerate(sections):
        if kind == _SYMBOLS:
            names = sections[link][4]
            rows = []
            for at in range(offset, offset + length, 24):
                name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", image, at)
                end = image.index(b"\0", names + name)
                rows.append((image[names + name : end].decode(), section, value))
            found[i] = rows
    return found


def _stub(
    memory: Any, given: dict[str, int], name: str, stubs: int, functions: Mapping[str, int]
) -> int:
    """Return the place of a jump to a function that is not the code's own."""
    if name not in given:
        if name in functions:
            address: int | None = functions[name]
        elif name in _KNOWN:
            address = ctypes.cast(getattr(_libc(), name), ctypes.c_void_p).value
        else:
            raise Unloadable(f"code that calls {name}")
        place = stubs + 16 * len(given)
        memory[place : place + 14] = _STUB + struct.pack("<Q", address)
        given[name] = place
    return given[name]


def _relocate(memory: Any, base: int, place: int, kind: int, target: int) -> None:
    if kind == 1:  # R_X86_64_64
        memory[place : place + 8] = struct.pack("<Q", base + target)
    elif kind in (2, 4):  # R_X86_64_PC32, R_X86_64_PLT32
        memory[place : place + 4] = struct.pack("<i", target - place)
    elif kind == 24:  # R_X86_64_PC64
        memory[place : place + 8] = struct.pack("<q", target - place)
    else:
        raise Unloadable(f"a relocation of kind {kind}")
