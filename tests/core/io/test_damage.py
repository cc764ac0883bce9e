"""Files cut short, with flipped bits, or of a newer version: one typed error with the path."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import weft
from tests.core.io.trees import assert_same, rewrite


def value() -> dict[str, object]:
    x = weft.arange(60.0).reshape(5, 12)
    return {
        "model": {"w": x, "row": x[2], "flags": weft.ones(9, dtype=weft.bool)},
        "optimizer": {"state": {0: {"step": weft.tensor(3.0), "m": x[:2, :3] + 0.5}}},
        "schedule": [1, 2.5, "text", None, b"bytes" * 300],
    }


@pytest.fixture(scope="module")
def saved() -> dict[str, bytes]:
    """Return a sound file of each format that we write."""
    found = {}
    for name, save in (("weft", weft.save), ("pytorch", weft.io.save_pytorch)):
        file = io.BytesIO()
        save(value(), file)
        found[name] = file.getvalue()
    return found


def load_weft(path: Path) -> object:
    return weft.load(path)


def load_pytorch(path: Path) -> object:
    return weft.io.load_pytorch(path, check_crc=True)


LOADS: dict[str, Callable[[Path], object]] = {"weft": load_weft, "pytorch": load_pytorch}


@pytest.mark.parametrize("kind", LOADS)
def test_a_file_cut_anywhere_is_refused_with_its_path(saved, tmp_path, kind):
    path = tmp_path / "cut"
    sound = saved[kind]
    for part in range(50):
        path.write_bytes(sound[: len(sound) * part // 50])
        with pytest.raises(weft.io.FormatError) as caught:
            LOADS[kind](path)
        assert str(path) in str(caught.value), part
    path.write_bytes(sound[:-1])
    with pytest.raises(weft.io.FormatError):
        LOADS[kind](path)
    path.write_bytes(sound)
    LOADS[kind](path)


@pytest.mark.parametrize("kind", LOADS)
def test_a_flipped_bit_is_found_wherever_it_is(saved, tmp_path, kind):
    """Each bit of a weft file is under a checksum; of a zip archive, all that means something."""
    path = tmp_path / "flipped"
    sound = saved[kind]
    rng = random.Random(7)
    for _ in range(400):
        place, bit = rng.randrange(len(sound)), rng.randrange(8)
        data = bytearray(sound)
        data[place] ^= 1 << bit
        path.write_bytes(data)
        try:
            loaded = LOADS[kind](path)
        except weft.io.WeightsError as error:
            assert str(path) in str(error), (place, bit)
        else:
            assert kind == "pytorch", (place, bit)  # padding, times, notes for other programs
            assert_same(loaded, value(), strides=False)


def test_every_bit_of_a_small_header_is_under_the_checksum(tmp_path):
    file = io.BytesIO()
    weft.save({"a": weft.ones(1), "b": [1, "x"]}, file)
    sound = file.getvalue()
    path = tmp_path / "flipped"
    for place in range(len(sound)):
        data = bytearray(sound)
        data[place] ^= 1 << (place % 8)
        path.write_bytes(data)
        with pytest.raises(weft.io.WeightsError, match="flipped"):
            weft.load(path)


def test_without_verifying_damaged_values_are_not_noticed(saved, tmp_path):
    path = tmp_path / "damaged"
    data = bytearray(saved["weft"])
    data[-1] ^= 64
    path.write_bytes(data)
    with pytest.raises(weft.io.FormatError, match="do not match their checksum"):
        weft.load(path)
    try:
        weft.load(path, verify=False)
    except weft.io.FormatError as error:  # the last tensor is of booleans, which only 0 and 1 are
        assert "bool" in str(error)


def test_an_undamaged_part_of_a_damaged_file_can_be_saved(saved, tmp_path):
    path = tmp_path / "damaged"
    data = bytearray(saved["weft"])
    data[-1] ^= 64
    path.write_bytes(data)
    with weft.io.open_saved(path) as file:
        assert file.load("model", "w").shape == (5, 12)
        with pytest.raises(weft.io.FormatError, match="damaged"):
            file.load()


def test_a_newer_version_is_one_clear_error(tmp_path, monkeypatch):
    path = tmp_path / "newer"
    monkeypatch.setattr("weft.io._saved_format.VERSION", 2)
    weft.save({"w": weft.ones(2)}, path)
    monkeypatch.undo()
    with pytest.raises(weft.io.FormatError, match=r"version 2 .*1 is the newest.*update weft") as e:
        weft.load(path)
    assert str(path) in str(e.value)
    assert weft.io.load_safetensors(path)["w"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("start", "said"),
    [(b"\x1f\x8b", "gzip"), (b"GGUF", "GGUF"), (b"<!DOCTYPE html>", "web page")],
)
def test_files_of_other_kinds_are_told_by_name(tmp_path, start, said):
    path = tmp_path / "other"
    path.write_bytes(start + bytes(100))
    with pytest.raises(weft.io.FormatError, match=said):
        weft.load(path)


TAGS = (
    "dict", "ordered_dict", "counter", "tuple", "set", "frozenset", "float", "int", "complex",
    "bytes", "bytearray", "size", "dtype", "device", "meta", "tensor", "in", "other",
)  # fmt: skip
LEAVES = (
    None, True, False, 0, 1, -1, 3, 2**62, 1.5, 1e308, "", "x", "row", "w", "float32", "complex128",
    "nan", "cpu", "cuda:9", "abacus", "parameter", "array", "0x1f", "AAAA", [], {}, [1, 2], ["w"],
)  # fmt: skip
DETAILS = (
    "in", "offset", "size", "stride", "order", "dtype", "device", "kind", "requires_grad",
    "attributes", "metadata",
)  # fmt: skip


def random_node(rng: random.Random, depth: int) -> object:
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(LEAVES)
    if kind < 0.5:
        return [random_node(rng, depth - 1) for _ in range(rng.randrange(4))]
    node: dict[str, object] = {rng.choice(TAGS): random_node(rng, depth - 1)}
    if rng.random() < 0.4:
        node = {"tensor": rng.choice(("w", "row", "view", "x", 3))}
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        node[rng.choice(DETAILS)] = random_node(rng, depth - 1)
    return node


def test_any_structure_gives_a_value_or_a_typed_error(tmp_path):
    path = tmp_path / "hostile"
    rng = random.Random(11)
    weft.save({"w": weft.arange(6.0).reshape(2, 3), "row": weft.ones(4, dtype=weft.int8)}, path)
    sound = path.read_bytes()
    values = 0
    for _ in range(600):
        path.write_bytes(sound)
        rewrite(path, lambda structure: structure["dict"].update(new=random_node(rng, 3)))
        try:
            weft.load(path, rng.choice((None, "cpu")))
        except weft.io.WeightsError as error:
            assert str(path) in str(error)
        else:
            values += 1
        with weft.io.open_saved(path) as file:
            try:
                file.outline()
                file.tensors()
            except weft.io.WeightsError as error:
                assert str(path) in str(error)
    assert 60 < values < 540
