"""Checkpoints in several files: written with a bound, read whole or in part, never mixed up."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import safetensors

import weft
from tests.core.io.trees import assert_same
from weft import io


def state() -> dict[str, weft.Tensor]:
    return {f"layer.{k}.weight": weft.full((50,), float(k)) for k in range(10)} | {
        "head": weft.arange(300.0)
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a checkpoint in four files."""
    io.save_sharded(state(), tmp_path / "model", max_shard_size=1000, metadata={"by": "test"})
    return tmp_path / "model"


INDEX = "model.safetensors.index.json"


def test_shards_and_index_are_laid_out_as_others_lay_them_out(folder):
    index = json.loads((folder / INDEX).read_text())
    assert index["metadata"] == {"by": "test", "total_size": 10 * 200 + 1200}
    files = sorted(set(index["weight_map"].values()))
    assert files == [f"model-0000{k}-of-00003.safetensors" for k in (1, 2, 3)]
    assert sorted(os.listdir(folder)) == sorted([*files, INDEX])
    for file in files:
        with safetensors.safe_open(folder / file, "numpy") as theirs:
            names = set(theirs.keys())
            assert names == {n for n, f in index["weight_map"].items() if f == file}
            assert theirs.metadata() == {"by": "test", "format": "pt"}
    assert (folder / files[0]).stat().st_size < 1000 + 2000


def test_all_of_it_comes_back(folder):
    for path in (folder, folder / INDEX, str(folder)):
        loaded = io.load_sharded(path)
        assert set(loaded) == set(state())
        assert_same({name: loaded[name] for name in state()}, state())
    assert_same(dict(sorted(weft.load(folder).items())), dict(sorted(state().items())))
    assert weft.load(folder / INDEX, "meta")["head"].device.type == "meta"


def test_a_part_opens_only_the_files_it_is_in(folder):
    index = json.loads((folder / INDEX).read_text())["weight_map"]
    for file in set(index.values()) - {index["head"]}:
        (folder / file).unlink()
    assert io.load_sharded(folder, ["head"])["head"].shape == (300,)
    assert list(io.load_sharded(folder, prefix="head")) == ["head"]
    with pytest.raises(FileNotFoundError):
        io.load_sharded(folder)
    with pytest.raises(io.MissingTensorError, match="nearest name is 'head'"):
        io.load_sharded(folder, ["heads"])
    with pytest.raises(io.MissingTensorError, match="begins with 'body'"):
        io.load_sharded(folder, prefix="body")


@pytest.mark.parametrize("size", ["5GB", 10**9, "1.5 MiB", "2KB"])
def test_sizes_are_numbers_or_text(tmp_path, size):
    io.save_sharded({"x": weft.ones(3)}, tmp_path, max_shard_size=size)
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert io.load_sharded(tmp_path)["x"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("size", ["5 apples", "GB", "-1", 0, "0.1", "1e9", 2.5j])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(io.WeightsError, match="max_shard_size"):
        io.save_sharded(state(), tmp_path, max_shard_size=size)


def test_a_newer_save_takes_the_olders_place(folder):
    for size in (900, 10_000, 500, 500):
        newer = {name: x + size for name, x in state().items()}
        io.save_sharded(newer, folder, max_shard_size=size)
        loaded = io.load_sharded(folder)
        assert_same({name: loaded[name] for name in newer}, newer)
        index = folder / INDEX
        if index.exists():
            named = {*json.loads(index.read_text())["weight_map"].values(), INDEX}
        else:
            named = {"model.safetensors"}
        assert set(os.listdir(folder)) == named, size


def test_a_save_that_fails_at_any_file_leaves_the_older_checkpoint(folder, monkeypatch):
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    replace = os.replace
    for fail_at in range(1, 6):
        done = 0

        def failing(one: object, other: object, fail_at: int = fail_at) -> None:
            nonlocal done
            done += 1
            if done == fail_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(one, other)  # type: ignore[arg-type]  # as they came

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing)
            newer = {name: x + 1 for name, x in state().items()}
            try:
                io.save_sharded(newer, folder, max_shard_size=1000)
            except OSError:
                pass
            else:
                break
        after = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
        assert after == before, fail_at
    assert fail_at == 5  # three shards and an index


def index_of(folder: Path, document: object) -> Path:
    path = folder / INDEX
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize(
    "file",
    [
        "../other.safetensors",
        "/etc/passwd",
        "a\\b",
        "..",
        "",
        "C:x",
        "sub/x.safetensors",
        3,
        "a\0b",
    ],
)
def test_an_index_that_leads_outside_is_refused(folder, file):
    path = index_of(folder, {"weight_map": {"head": file}})
    with pytest.raises(io.UnsafeCheckpointError, match="no plain file name") as caught:
        io.load_sharded(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "document",
    ["{", "[]", "3", '{"weight_map": []}', '{"weight_map": {}}', "[" * 100_000, "\ufeff{}", " "],
)
def test_an_index_that_is_none_is_refused(folder, document):
    path = index_of(folder, document)
    with pytest.raises(io.FormatError) as caught:
        io.load_sharded(folder)
    assert str(path) in str(caught.value)


def test_an_index_that_lies_about_its_files_is_refused(folder):
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"]["ghost"] = index["weight_map"]["head"]
    index_of(folder, index)
    with pytest.raises(io.MissingTensorError, match="no tensor named 'ghost'") as caught:
        io.load_sharded(folder)
    assert index["weight_map"]["head"] in str(caught.value)


def test_a_shard_cut_short_is_told_by_its_name(folder):
    shard = folder / "model-00002-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(io.FormatError, match="model-00002-of-00003"):
        io.load_sharded(folder)


def test_shards_of_pytorchs_format_are_read(tmp_path):
    io.save_pytorch({"a": weft.ones(2)}, tmp_path / "pytorch_model-00001-of-00002.bin")
    io.save_pytorch({"b": weft.zeros(2), "c": weft.zeros(1)}, tmp_path / "two.bin")
    places = {"a": "pytorch_model-00001-of-00002.bin", "b": "two.bin"}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    loaded = io.load_sharded(tmp_path)
    assert {name: x.tolist() for name, x in loaded.items()} == {"a": [1, 1], "b": [0, 0]}
    assert io.load_sharded(tmp_path, ["b"])["b"].tolist() == [0, 0]


def test_a_folder_without_a_checkpoint_says_what_it_looked_for(tmp_path):
    with pytest.raises(io.FormatError, match=r"\.index\.json"):
        weft.load(tmp_path)
    (tmp_path / "a.safetensors.index.json").write_text("{}")
    (tmp_path / "b.safetensors.index.json").write_text("{}")
    with pytest.raises(io.FormatError, match="name one of them"):
        weft.load(tmp_path)
