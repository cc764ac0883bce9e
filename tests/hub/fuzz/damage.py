"""Damage to bytes and to numbers that any format can suffer."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

# Numbers at which lengths, offsets and signs go wrong.
EDGES = (
    0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31,
    2**32 - 1, 2**32, 2**40, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
_FORMS = {1: "<B", 2: "<H", 4: "<L", 8: "<Q"}


def edge(draw: random.Random, width: int, *, near: int | None = None) -> bytes:
    """Return `width` bytes of a number at an edge, or one next to `near`."""
    if near is not None and draw.random() < 0.5:
        number = near + draw.choice((-9, -8, -1, 1, 2, 8, 64, 512, -near, near))
    else:
        number = draw.choice(EDGES)
    return struct.pack(_FORMS[width], number & (2 ** (8 * width) - 1))


def damaged(
    sound: bytes, draw: random.Random, tokens: Sequence[bytes] = (), others: Sequence[bytes] = ()
) -> bytes:
    """Return `sound` with one or a few kinds of damage.

    Args:
        sound: what is damaged.
        draw: where chance comes from.
        tokens: pieces of the format, put in anywhere.
        others: sound files of the format, to splice with.
    """
    data = bytearray(sound)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        _DAMAGES[draw.randrange(len(_DAMAGES))](data, draw, tokens, others)
        if not data:
            break
    return bytes(data)


def _flip(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _byte(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    data[draw.randrange(len(data))] = draw.randrange(256)


def _cut(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    del data[draw.randrange(len(data)) :]


def _drop(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    place = draw.randrange(len(data))
    del data[place : place + draw.choice((1, 1, 4, 8, draw.randrange(1, 200)))]


def _put(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    place = draw.randrange(len(data))
    data[place:place] = draw.randbytes(draw.randrange(1, 17))


def _number(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    width = draw.choice((1, 2, 4, 8))
    place = draw.randrange(len(data))
    near = int.from_bytes(data[place : place + width], "little")
    data[place : place + width] = edge(draw, width, near=near)


def _repeat(data: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    place, start = draw.randrange(len(data)), draw.randrange(len(data))
    data[place:place] = data[start : start + draw.randrange(1, 300)] * draw.choice((1, 1, 2, 50))


def _token(
    data: bytearray, draw: random.Random, tokens: Sequence[bytes], others: Sequence[bytes]
) -> None:
    if not tokens:
        return _put(data, draw)
    place = draw.randrange(len(data))
    new = draw.choice(tokens) * draw.choice((1, 1, 1, 2, 300))
    data[place : place + draw.choice((0, len(new)))] = new
    return None


def _splice(
    data: bytearray, draw: random.Random, tokens: Sequence[bytes], others: Sequence[bytes]
) -> None:
    if not others:
        return _repeat(data, draw)
    other = draw.choice(others)
    place = draw.randrange(len(data))
    at = place if draw.random() < 0.5 else draw.randrange(len(other))
    data[place:] = other[at:]
    return None


_DAMAGES = (_flip, _flip, _byte, _cut, _drop, _put, _number, _number, _repeat, _token, _splice)
