"""tar archives with sums that fit, and with headers that do not."""

from __future__ import annotations

import random

BLOCK = 512
_NAMES = (
    b"../x",
    b"/x",
    b"a\\b",
    b"storages",
    b"pickle",
    b"./tensors",
    b"x" * 100,
    b"\xff\xfe",
    b"",
)
_SIZES = (b"00000000000\0", b"77777777777\0", b"\x80" + b"\xff" * 11,
b"\x80" + b"\0" * 7 + b"\1\0\0\0",
          b"-0000000001\0", b"           \0", b"9999999999\0\0", b"\0" * 12,
          b"00000002000\0")  # fmt: skip


def tar(members: dict[str, bytes], draw: random.Random | None = None) -> bytes:
    """Return an archive; with `draw`, some of its headers say something else."""
    names = list(members)
    if draw is not None and draw.random() < 0.2:
        draw.shuffle(names)
    out = bytearray()
    for name in names:
        out += _member(name.encode(), members[name], b"0", draw)
        if draw is not None and draw.random() < 0.15:
            out += _note(draw)
        if draw is not None and draw.random() < 0.08:
            out += _member(name.encode(), members[name], draw.choice((b"0", b"2", b"1")), None)
    if draw is not None and draw.random() < 0.03:
        out += _member(b"more", b"", b"0", None) * draw.choice((3, 70))
    out += bytes(2 * BLOCK)
    if draw is not None and draw.random() < 0.1:
        del out[draw.randrange(len(out)) :]
    return bytes(out)


def _member(name: bytes, content: bytes, kind: bytes, draw: random.Random | None) -> bytes:
    size = b"%011o\0" % len(content)
    link = b""
    magic = b"ustar\0" + b"00"
    prefix = b""
    if draw is not None and draw.random() < 0.25:
        how = draw.randrange(7)
        if how == 0:
            name = draw.choice(_NAMES)
        elif how == 1:
            size = draw.choice(_SIZES)
        elif how == 2:
            kind = draw.choice(
                (b"1", b"2", b"3", b"5", b"6", b"7", b"x", b"g", b"L", b"K", b"\0", b"Z")
            )
        elif how == 3:
            link = b"../../etc/passwd"
        elif how == 4:
            magic = draw.choice((b"ustar  \0", b"\0" * 8, b"star\0\0\0\0"))
        elif how == 5:
            prefix = draw.choice((b"../..", b"/", b"a/b", b"x" * 155))
        else:
            content = content[:-1]
    head = bytearray(BLOCK)
    head[0 : len(name)] = name[:100]
    head[100:108] = b"0000644\0"
    head[124:136] = size
    head[136:148] = b"00000000000\0"
    head[156:157] = kind
    head[157 : 157 + len(link)] = link
    head[257:265] = magic
    head[345 : 345 + len(prefix)] = prefix
    del head[BLOCK:]
    head[148:156] = b"        "
    total = sum(head)
    if draw is not None and draw.random() < 0.05:
        total += draw.choice((1, -1, 8))
    head[148:156] = b"%06o\0 " % total
    return bytes(head) + content + bytes(-len(content) % BLOCK)


def _note(draw: random.Random) -> bytes:
    text = draw.choice(
        (
            b"30 mtime=1700000000.000000001\n",
            b"12 path=../x\n",
            b"14 size=99999\n",
            b"999999999 path=x\n",
            b"0 path=x\n",
            b"path",
            b"\xff 1=\n",
            b"12 path=storages\n" * 50,
            b"9" * 600,
        )
    )
    return _member(b"./PaxHeaders/x", text, draw.choice((b"x", b"x", b"g", b"L")), None)
