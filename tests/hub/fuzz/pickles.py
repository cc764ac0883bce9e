"""Damage to pickles: other values in the tree that is pickled, and other opcodes in the program."""

from __future__ import annotations

import pickletools
import random
import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from tests.core.io.torch_files import Call, Name, Persistent, Raw, assembled, storage, tensor
from tests.hub.fuzz.damage import EDGES

FLOATS = struct.pack("<6f", *range(6))
OF = storage("0", "FloatStorage", 6)
BYTES = {"0": FLOATS, "1": b"\0\1\1\0"}
VALUE: dict[str, Any] = OrderedDict(
    {
        "weight": tensor(OF, (2, 3)),
        "bias": tensor(OF, (3,), (2,), 1),
        "flags": tensor(storage("1", "BoolStorage", 4), (4,)),
        "parameter": Call(
            Name("torch._utils", "_rebuild_parameter"), (tensor(OF, (6,)), True, OrderedDict())
        ),
        "third": Call(
            Name("torch._utils", "_rebuild_tensor_v3"),
            (OF, 0, (6,), (1,), False, OrderedDict(), Name("torch", "float32"), None),
        ),
        "size": Call(Name("torch", "Size"), ((2, 3),)),
        "device": Call(Name("torch", "device"), ("cuda", 0)),
        "bytes": Call(Name("_codecs", "encode"), ("\x00\xff", "latin1")),
        "array": Call(Name("builtins", "bytearray"), ("\x00\xff", "latin-1")),
        "set": Call(Name("builtins", "set"), ([1, "two"],)),
        "counter": Call(Name("collections", "Counter"), ({1: 2},)),
        "complex": Call(Name("builtins", "complex"), (1.0, 2.0)),
        "steps": {0: [1, 2.5, None, True], 1: (300, -70_000, 2**40)},
    }
)
NAMES = (
    *(("torch._utils", f"_rebuild_{what}") for what in (
        "tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor",
        "sparse_tensor", "wrapper_subclass", "device_tensor_from_numpy", "meta_tensor_no_storage",
    )),
    ("collections", "OrderedDict"), ("collections", "Counter"), ("collections", "defaultdict"),
    ("builtins", "set"), ("builtins", "bytearray"), ("builtins", "complex"), ("builtins", "eval"),
    ("__builtin__", "set"), ("builtins", "getattr"), ("builtins", "print"), ("os", "system"),
    ("_codecs", "encode"), ("torch", "Size"), ("torch", "device"), ("torch", "float16"),
    ("torch", "quint8"), ("torch", "float4_e2m1fn"), ("torch", "complex32"), ("torch", "nothing"),
    ("torch", "FloatStorage"), ("torch", "BoolStorage"), ("torch.cuda", "LongStorage"),
    ("torch.storage", "UntypedStorage"), ("torch.storage", "_load_from_bytes"),
    ("numpy.core.multiarray", "_reconstruct"), ("numpy", "dtype"), ("weft", "Tensor"),
    ("__torch__", "Net"), ("__torch__.torch", "Net\x1b[31m"), ("torch.jit._pickle",
    "build_intlist"),
    ("torch.jit._pickle", "restore_type_tag"), ("", ""), ("a" * 300, "b" * 200), ("é", "\u202e"),
)  # fmt: skip


def odd(draw: random.Random) -> Any:
    """Return a value that hardly any place expects."""
    kind = draw.randrange(12)
    if kind < 4:
        return draw.choice(_PLAIN)
    if kind == 4:
        return Name(*draw.choice(NAMES))
    if kind == 5:
        arguments = tuple(draw.choice(_PLAIN) for _ in range(draw.randrange(4)))
        return Call(Name(*draw.choice(NAMES)), arguments)
    if kind == 6:
        return draw.choice((VALUE["weight"], VALUE["parameter"], VALUE["flags"], OF))
    if kind == 7:
        return Raw(doubling(draw.choice((3, 10, 40, 60)), draw))
    if kind == 8:
        return Raw(deep(draw.choice((10, 150, 199, 201, 950, 3000)), draw))
    if kind == 9:
        return Raw(draw.choice(_ITSELF))
    if kind == 10:
        return Persistent(draw.choice(_KEYS))
    return draw.choice(list(VALUE.values()))


_PLAIN: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 6, 7, *EDGES, 2**70, -(2**63), 2**1016, 0.0, 1.5, float("nan"),
    float("inf"), "", "0", "1", "cpu", "cuda:0", "latin1", "latin-1", "utf-8", "\ud7ff", "é" * 50,
    "x" * 3000, "\x1b[31m\n", (), (0,), (6,), (2, 3), (1,) * 64, (1,) * 65, (0,) * 33, (2**62, 2),
    (2**31, 2**31, 2), (-1,), (True,), ("a",), [], [0], [[]], [(1, 2)], {}, {0: 0}, {"a": 1},
    OrderedDict(), Raw(b"C\x02\x00\xff"), Raw(b"\x8f"), Raw(b"\x96" + bytes(8)),
)  # fmt: skip
_KEYS: tuple[Any, ...] = (
    (), ("storage",), ("module", 1), "0", 0, ("storage", Name("torch", "FloatStorage"), "0",
    "cpu", 6),
    ("storage", Name("torch", "FloatStorage"), "0", "cpu", 6, ("v", 2, 4)),
    ("storage", Name("torch", "FloatStorage"), "0", "cpu", 6, ("v", 4, 4)),
    ("storage", Name("torch", "DoubleStorage"), "0", "cpu", 3),
    ("storage", Name("torch", "FloatStorage"), "../0", "cpu", 6),
    ("storage", Name("torch.storage", "UntypedStorage"), "0", "cpu", 24),
    (VALUE["flags"], 1, 2, 3, 4), ("storage", "FloatStorage", "0", "cpu", 6),
)  # fmt: skip
_ITSELF = (
    b"]q\x20h\x20a",
    b"}q\x20X\x01\0\0\0ah\x20s",
    b"(]q\x20h\x20ae",
    b"]q\x20(h\x20tq\x21a",
    b"]q\x20h\x20\x85a",
)


def doubling(times: int, draw: random.Random) -> bytes:
    """Return opcodes of a list that holds one list twice, which holds one twice, and so on."""
    kind = draw.choice((b"l", b"t", b"d"))
    made = b"]q\x30" if draw.random() < 0.5 else b"X\x08\0\0\0AAAAAAAAq\x30"
    for k in range(times):
        one = bytes([0x30 + k])
        if kind == b"t":
            made += b"h" + one + b"h" + one + b"\x86"
        elif kind == b"d":
            made = made + b"}(K\0h" + one + b"K\1h" + one + b"u"
        else:
            made += b"](h" + one + b"h" + one + b"e"
        made += b"q" + bytes([0x31 + k])
    # Below it stand all the smaller ones: a tuple of them is taken, and only the last is kept.
    return b"(" + made + b"1h" + bytes([0x30 + times])


def deep(times: int, draw: random.Random) -> bytes:
    """Return opcodes of containers inside one another."""
    kind = draw.randrange(3)
    if kind == 0:
        return b"]" * times + b"a" * (times - 1)
    if kind == 1:
        return b")" + b"\x85" * times
    return b"}" + b"K\0}" * (times - 1) + b"s" * (times - 1)


def replaced(value: Any, draw: random.Random) -> Any:
    """Return a tree with something else at one random place."""
    if draw.random() < 0.12:
        return odd(draw)
    match value:
        case Call(function, arguments):
            if draw.random() < 0.15:
                return Call(replaced(function, draw), arguments)
            return Call(function, _one_replaced(arguments, draw))
        case Persistent(key):
            return Persistent(replaced(key, draw))
        case OrderedDict() | dict():
            return _pairs_replaced(value, draw)
        case list():
            return list(_one_replaced(tuple(value), draw))
        case tuple():
            return _one_replaced(value, draw)
        case int() if type(value) is int and draw.random() < 0.6:
            return value + draw.choice((-8, -1, 1, 2, 8, 2**31, 2**62, -value))
    return odd(draw)


def _one_replaced(values: tuple[Any, ...], draw: random.Random) -> tuple[Any, ...]:
    if not values:
        return (odd(draw),)
    place = draw.randrange(len(values))
    how = draw.randrange(8)
    new = (replaced(values[place], draw),)
    if how == 0:
        new = ()
    elif how == 1:
        new = (values[place], *new)
    return values[:place] + new + values[place + 1 :]


def _pairs_replaced(value: Any, draw: random.Random) -> Any:
    if not value:
        return Raw(b"}" + assembled(draw.choice(_PLAIN)) + assembled(odd(draw)) + b"s")
    pairs = list(value.items())
    place = draw.randrange(len(pairs))
    if draw.random() < 0.1:  # a key that is none
        key, item = assembled(odd(draw)), assembled(pairs[place][1])
        return Raw(assembled(value) + key + item + b"s")
    pairs[place] = (pairs[place][0], replaced(pairs[place][1], draw))
    return type(value)(pairs)


def operations(program: bytes) -> list[bytes]:
    """Return the opcodes of a pickle, each with its argument."""
    starts = [place for _, _, place in pickletools.genops(program) if place is not None]
    return [program[a:b] for a, b in zip(starts, [*starts[1:], len(program)], strict=True)]


def reordered(sound: Sequence[bytes], draw: random.Random) -> bytes:
    """Return a program with opcodes put in, repeated, taken out, moved or with other arguments."""
    found = list(sound)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        place = draw.randrange(len(found))
        how = draw.randrange(8)
        if how == 0:
            del found[place]
        elif how == 1:
            found.insert(place, found[place])
        elif how == 2:
            found.insert(place, draw.choice(found))
        elif how == 3:
            start = draw.randrange(len(found))
            part = found[start : start + draw.randrange(1, 12)]
            found[place:place] = part * draw.choice((1, 1, 3, 200))
        elif how == 4:
            other = draw.randrange(len(found))
            found[place], found[other] = found[other], found[place]
        elif how == 5:
            found[place] = _argument(found[place], draw)
        else:
            found.insert(place, operation(draw))
        if not found:
            return b"."
    return b"".join(found)


def _argument(one: bytes, draw: random.Random) -> bytes:
    """Return an opcode with another argument."""
    if len(one) < 2:
        return operation(draw)
    if one[:1] == b"c":
        module, name = draw.choice(NAMES)
        return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    width = draw.choice((1, 1, 4))
    number = draw.choice(EDGES) & (2 ** (8 * width) - 1)
    return one[:1] + number.to_bytes(width, "little") + one[1 + width :]


def operation(draw: random.Random) -> bytes:
    """Return any opcode with an argument that fits, or does not."""
    kind = draw.randrange(10)
    if kind < 4:
        return bytes([draw.choice(_BARE)])
    if kind == 4:
        return draw.choice((b"h", b"q", b"K", b"\x80")) + bytes([draw.randrange(256)])
    if kind == 5:
        return draw.choice((b"j", b"r", b"J")) + struct.pack("<I", draw.choice(EDGES) & 0xFFFFFFFF)
    if kind == 6:
        size = draw.choice((0, 1, 5, 2**31, 2**32 - 1))
        return draw.choice((b"X", b"T", b"B", b"\x8b")) + struct.pack("<I", size) + b"abcde"
    if kind == 7:
        size = draw.choice((0, 5, 2**40, 2**63, 2**64 - 1))
        return (
            draw.choice((b"\x8d", b"\x8e", b"\x96", b"\x95")) + struct.pack("<Q", size) + b"abcde"
        )
    if kind == 8:
        return assembled(odd(draw))
    return draw.choice(_TEXTUAL)


_BARE = b".(01N\x88\x89)t\x85\x86\x87]ae}su\x8f\x90\x94\x93Rb\x81Q\x91\x92\x97\x982dlo\xff\x00"
_TEXTUAL = (
    b"I1\n", b"L" + b"9" * 5000 + b"L\n", b"F1.5\n", b"S'a'\n", b"Vabc\n", b"g0\n", b"p0\n",
    b"P0\n",
    b"ios\nsystem\n", b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x82\x01",
    b"\x8a\xff" + b"\x01" * 255,
    b"\x8a\x80" + b"\x01" * 128, b"\x8b\xff\xff\xff\xff", b"G" + b"\xff" * 8, b"\x8c\x02\xff\xfe",
    b"c" + b"a" * 600 + b"\nb\n", b"c\n\n", b"(" * 5000, b"]" * 5000, b")\x81", b"\x80\x00",
    b"\x80\x06",
)  # fmt: skip
TOKENS = (*_TEXTUAL, *(bytes([one]) for one in _BARE), b"h\x00", b"q\x00", b"K\x01")
