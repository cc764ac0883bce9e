"""Files of tensors that are on a GPU, and of tensors that are to be put on one."""

from __future__ import annotations

import io
from typing import Any

import pytest

import weft
from weft import nn

pytestmark = pytest.mark.usefixtures("fake_gpus")

SAVES = pytest.mark.parametrize("save", [weft.save, weft.io.save_pytorch])


def written(save: Any, value: object) -> io.BytesIO:
    file = io.BytesIO()
    save(value, file)
    file.seek(0)
    return file


@SAVES
def test_a_tensor_goes_back_to_the_device_it_was_saved_from(save):
    value = {"here": weft.arange(3.0), "there": weft.arange(4.0, device="cuda:0").reshape(2, 2)}
    loaded = weft.load(written(save, value))
    assert {name: str(x.device) for name, x in loaded.items()} == {
        "here": "cpu", "there": "cuda:0"
    }  # fmt: skip
    assert loaded["there"].tolist() == [[0, 1], [2, 3]]


@SAVES
def test_map_location_moves_between_devices(save):
    file = written(save, {"x": weft.arange(3.0, device="cuda:0"), "y": weft.ones(1)})
    for place, expected in (
        ("cpu", ["cpu", "cpu"]),
        ("cuda:1", ["cuda:1", "cuda:1"]),
        ({"cuda:0": "cuda:1"}, ["cuda:1", "cpu"]),
        (lambda storage, at: storage.to("cuda:1") if at == "cpu" else storage, ["cpu", "cuda:1"]),
    ):
        file.seek(0)
        loaded = weft.load(file, place)
        assert [str(x.device) for x in loaded.values()] == expected
        assert loaded["x"].tolist() == [0, 1, 2]


@SAVES
def test_tied_parameters_on_a_gpu_stay_tied(save):
    weight = nn.Parameter(weft.arange(6.0, device="cuda:0").reshape(2, 3))
    loaded = weft.load(written(save, {"w": weight, "again": weight, "data": weight.detach()}))
    assert loaded["w"] is loaded["again"]
    assert isinstance(loaded["w"], nn.Parameter)
    assert str(loaded["w"].device) == "cuda:0"
    loaded["data"].zero_()
    assert loaded["w"].tolist() == [[0, 0, 0], [0, 0, 0]]
