"""Damaged files by the thousand: each load ends in a value or in a typed error, and soon.

The cases come from a fixed seed. The slow test runs more of them in a process whose memory is
bounded, so that a reader that believes a length in the file dies there.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft
from tests.core.io.torch_files import (
    Call,
    Name,
    Raw,
    assembled,
    legacy_checkpoint,
    program,
    storage,
    tensor,
    zip_checkpoint,
)
from weft.io._pickle_opcodes import _TABLE

FLOATS = struct.pack("<6f", *range(6))
OF = storage("0", "FloatStorage", 6)
VALUE = OrderedDict(
    {
        "weight": tensor(OF, (2, 3)),
        "bias": tensor(OF, (3,), (2,), 1),
        "flags": tensor(storage("1", "BoolStorage", 4), (4,)),
        "parameter": Call(
            Name("torch._utils", "_rebuild_parameter"), (tensor(OF, (6,)), True, OrderedDict())
        ),
        "size": Call(Name("torch", "Size"), ((2, 3),)),
        "bytes": Call(Name("_codecs", "encode"), ("\x00\xff", "latin1")),
        "set": Call(Name("builtins", "set"), ([1, "two"],)),
        "steps": {0: [1, 2.5, None, True], 1: (300, -70_000, 2**40)},
    }
)
BYTES = {"0": FLOATS, "1": b"\0\1\1\0"}
COUNTED = {"0": (6, FLOATS), "1": (4, b"\0\1\1\0")}
# Numbers at which lengths, offsets and signs go wrong.
EDGES = [
    0,
    1,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
]
OPCODES = bytes(_TABLE)


def safetensors_file() -> bytes:
    entries = (
        b'{"__metadata__":{"format":"pt"},'
        b'"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},'
        b'"b":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},'
        b'"c":{"dtype":"BOOL","shape":[4],"data_offsets":[40,44]}}'
    )
    entries += b" " * (-len(entries) % 8)
    return struct.pack("<Q", len(entries)) + entries + bytes(16) + FLOATS + b"\0\1\1\0"


def whole(kind: str) -> bytes:
    """Return a sound file of one kind."""
    if kind == "safetensors":
        return safetensors_file()
    if kind == "legacy":
        return legacy_checkpoint(VALUE, COUNTED)
    if kind == "deflated":
        return zip_checkpoint(VALUE, BYTES, compression=zipfile.ZIP_DEFLATED)
    if kind == "torchscript":
        made = assembled(Name("__torch__", "Net")) + b")\x81" + assembled(dict(VALUE)) + b"b"
        extra = [("archive/constants.pkl", b"\x80\x02).")]
        return zip_checkpoint(Raw(made), BYTES, extra=extra)
    return zip_checkpoint(VALUE, BYTES)


def damaged(sound: bytes, rng: random.Random) -> bytes:
    """Return `sound` with one to four kinds of damage."""
    data = bytearray(sound)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(max(1, len(data)))
        kind = rng.randrange(8)
        if kind == 0:
            data[place : place + 1] = bytes([data[place] ^ (1 << rng.randrange(8))])
        elif kind == 1:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            del data[place : place + rng.randrange(1, 9)]
        elif kind == 4:
            data[place:place] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 5:
            width, form = rng.choice(((1, "<B"), (2, "<H"), (4, "<L"), (8, "<Q")))
            number = rng.choice(EDGES) & (2 ** (8 * width) - 1)
            data[place : place + width] = struct.pack(form, number)
        elif kind == 6:
            start = rng.randrange(max(1, len(data)))
            data[place:place] = data[start : start + rng.randrange(1, 65)]
        else:
            data[place:place] = bytes(rng.choice(OPCODES) for _ in range(rng.randrange(1, 6)))
        if not data:
            break
    return bytes(data)


def cases(kind: str, count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` damaged files of one kind."""
    rng = random.Random(f"{kind} {seed}")
    base = program(VALUE) if kind == "pickle" else whole(kind)
    for _ in range(count):
        if kind == "pickle":  # damage that the archive's checksum does not stop
            yield zip_checkpoint(damaged(base, rng), BYTES, align=1)
        else:
            yield damaged(base, rng)


def outcome(kind: str, path: Path) -> bool:
    """Load a file and use every tensor in it; say whether it loaded."""
    try:
        if kind == "safetensors":
            loaded: object = weft.io.load_safetensors(path)
        elif kind == "torchscript":
            loaded = weft.io.load_torchscript(path)
        else:
            loaded = weft.io.load_pytorch(path)
    except weft.io.WeightsError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 1500
        return False
    pending = [loaded]
    while pending:
        value = pending.pop()
        if isinstance(value, weft.Tensor):
            if value.numel() < 1 << 20:
                value.tolist()
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
    return True


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


KINDS = ["safetensors", "zip", "deflated", "pickle", "legacy", "torchscript"]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_give_values_or_typed_errors(kind, tmp_path):
    path = tmp_path / "damaged"
    loaded = 0
    for content in cases(kind, 3000, seed=1):
        loaded += outcome(kind, _written(path, content))
    # Both happen: some damage hits values or padding and is no error, most is one.
    assert 0 < loaded < 2600


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pickle"])
def test_every_third_byte_with_a_flipped_bit_gives_a_value_or_a_typed_error(kind, tmp_path):
    path = tmp_path / "flipped"
    sound = whole(kind)
    assert outcome(kind, _written(path, sound))
    for place in range(0, len(sound), 3):
        flipped = bytearray(sound)
        flipped[place] ^= 1 << (place % 8)
        outcome(kind, _written(path, bytes(flipped)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_more_stay_within_bounded_memory(kind, tmp_path):
    pytest.importorskip("resource", reason="setrlimit, which bounds the memory, is of Unix")
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.io.test_fuzz", kind, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("done")


def main(kind: str, folder: str) -> None:
    """Run the many cases in this process, with four gigabytes of address space at most."""
    import faulthandler
    import resource

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    path = Path(folder) / "damaged"
    for content in cases(kind, 20_000, seed=2):
        _written(path, content)
        faulthandler.dump_traceback_later(60, exit=True)  # a hang, also on a busy machine
        outcome(kind, path)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
