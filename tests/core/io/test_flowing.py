"""Files that flow to the disk as they are written: what they hold, and how much they keep back."""

from __future__ import annotations

import os
import random

import pytest

from weft.io import _flowing
from weft.io._flowing import FlowingFile


@pytest.fixture
def small_parts(monkeypatch):
    """Have parts be small; return what the system was told: the file's size each time."""
    monkeypatch.setattr(_flowing, "_PART", 1 << 14)
    told = []

    def begin(descriptor, start, length, flags):
        assert (start, length, flags) == (0, 0, 2)
        told.append(os.fstat(descriptor).st_size)
        return -1  # whatever it answers

    monkeypatch.setattr(_flowing, "_begin", lambda: begin)
    return told


def written(path, parts):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    with FlowingFile(descriptor) as file:
        for part in parts:
            assert file.write(part) == len(part)
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_every_byte_is_written_once_and_in_order(tmp_path, small_parts, seed):
    draw = random.Random(seed)
    sizes = [draw.choice((0, 1, 63, 8191, 8192, 16384, 16385, 40_000, 100_000)) for _ in range(40)]
    parts = [draw.randbytes(size) for size in sizes]
    assert written(tmp_path / "x", parts) == b"".join(parts)


def test_the_system_is_told_after_each_part_and_never_of_a_part_of_one(tmp_path, small_parts):
    written(tmp_path / "x", [b"head", bytes(100_000), b"tail" * 10])
    assert small_parts == [n << 14 for n in range(1, 7)]


def test_what_is_small_is_kept_until_more_comes(tmp_path, small_parts):
    written(tmp_path / "x", [bytes(1000)] * 10)
    assert small_parts == []


def test_a_system_that_cannot_be_told_writes_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(_flowing, "_PART", 1 << 14)
    monkeypatch.setattr(_flowing, "_begin", lambda: None)
    assert written(tmp_path / "x", [b"a", bytes(50_000)]) == b"a" + bytes(50_000)


def test_only_linux_is_told(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert _flowing._begin.__wrapped__() is None
