"""weft.io.open_saved: parts of a file by name, by prefix and by place."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest

import weft
from tests.core.io.trees import assert_same


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved.weft"


@pytest.fixture
def value(path: Path) -> dict[str, object]:
    x = weft.arange(6.0).reshape(2, 3)
    value = {
        "model": OrderedDict({"a.weight": x, "a.bias": weft.ones(2), "b": {"tied": x}}),
        "optimizer": {"state": {0: {"m": weft.zeros(3), "step": 4}}, "groups": [({"lr": 0.1},)]},
        "epoch": 3,
        "many": b"z" * 3000,
        "double": weft.zeros(2, dtype=weft.complex128),
        "views": [x.reshape(-1)[1:4], weft.ones(4).expand(2, 4)],
        "tensor": {"tensor": weft.ones(1)},
    }
    weft.save(value, path)
    return value


def test_an_outline_has_dtypes_and_shapes_for_tensors(path, value):
    with weft.io.open_saved(path) as file:
        outline = file.outline()
        assert repr(outline["model"]["a.weight"]) == "float32[2, 3]"
        assert repr(outline["model"]["b"]) == "{'tied': float32[2, 3]}"
        assert type(outline["model"]) is OrderedDict
        assert repr(outline["double"]) == "complex128[2]"
        assert repr(outline["views"]) == "[float32[3], float32[2, 4]]"
        assert outline["optimizer"]["groups"] == [({"lr": 0.1},)]
        assert repr(file.outline("optimizer", "state", 0)) == "{'m': float32[3], 'step': 4}"


def test_a_part_is_loaded_by_its_keys(path, value):
    with weft.io.open_saved(path) as file:
        assert_same(file.load(), value)
        assert_same(file.load("model"), value["model"])
        assert file.load("optimizer", "groups", 0, 0, "lr") == 0.1
        assert file.load("optimizer", "groups", -1) == ({"lr": 0.1},)
        assert file.load("optimizer", "state", 0, "step") == 4
        assert file.load("many") == b"z" * 3000
        assert file.load("model", "a.weight") is file.load("model", "b", "tied")


def test_tensors_are_loaded_by_name_and_prefix(path, value):
    with weft.io.open_saved(path) as file:
        assert file.names() == list(file)
        assert len(file) == 7
        found = file.tensors(["optimizer.state.0.m", "model.a.bias"])
        assert list(found) == ["optimizer.state.0.m", "model.a.bias"]
        found = file.tensors(prefix="model.", strip=True)
        assert {name: x.tolist() for name, x in found.items()} == {
            "a.weight": [[0, 1, 2], [3, 4, 5]],
            "a.bias": [1, 1],
        }
        assert list(file.tensors(prefix="views.")) == ["views.0", "views.1"]
        assert file.tensors(prefix="tensor.")["tensor.tensor"].tolist() == [1]


def test_only_what_is_asked_for_is_read(path, value):
    data = bytearray(path.read_bytes())
    with weft.io.open_saved(path) as file:
        info = file._tensors.info("optimizer.state.0.m")
        start = file._tensors._header.data_start + info.start
    data[start] ^= 1
    path.write_bytes(data)
    with weft.io.open_saved(path) as file:
        assert_same(file.load("model"), value["model"])
        assert file.load("epoch") == 3
        with pytest.raises(weft.io.FormatError, match=r"optimizer\.state\.0\.m.*checksum"):
            file.load("optimizer")


def test_what_is_absent_is_told_with_what_is_there(path, value):
    with weft.io.open_saved(path) as file:
        with pytest.raises(weft.io.MissingTensorError, match=r"nearest name is 'model\.a\.bias'"):
            file.tensors(["model.a.bia"])
        with pytest.raises(weft.io.MissingTensorError, match="begins with 'encoder'"):
            file.tensors(prefix="encoder")
        with pytest.raises(weft.io.MissingTensorError, match=r"\['optimizer'\] has no part 'stat'"):
            file.load("optimizer", "stat")
        with pytest.raises(KeyError, match="no part False"):
            file.load("optimizer", "state", False)
        with pytest.raises(KeyError):
            file.load("epoch", "x")
        with pytest.raises(KeyError):
            file.load("optimizer", "groups", 1)


def test_what_was_loaded_outlives_the_handle(path, value):
    with weft.io.open_saved(path) as file:
        x = file.load("model", "a.weight")
        assert "7 tensors" in repr(file)
    assert "closed" in repr(file)
    path.unlink()
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(weft.io.WeightsError, match="closed"):
        file.load()
