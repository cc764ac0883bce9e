"""``torch.save`` and ``torch.load`` under the alias, with PyTorch's arguments."""

from __future__ import annotations

import inspect
import io
import zipfile
from pathlib import Path

import pytest

import weft
from weft.compat.torch import alias


def test_a_training_script_saves_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with alias():
        import torch

        net = torch.nn.Linear(3, 2)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        net(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path)
        found = torch.load(path, map_location="cpu", weights_only=False)
        other = torch.nn.Linear(3, 2)
        other.load_state_dict(found["net"])
        assert torch.equal(other.weight, net.weight)
        optimizer.load_state_dict(found["optimizer"])
        assert found["epoch"] == 3
    assert zipfile.is_zipfile(path)


def test_file_objects_are_written_and_read() -> None:
    with alias():
        import torch

        file = io.BytesIO()
        torch.save(torch.arange(3), file, pickle_protocol=4)
        torch.save([1], file2 := io.BytesIO(), _use_new_zipfile_serialization=False)
        for one in (file, file2):
            one.seek(0)
        assert torch.load(file, torch.device("cpu")).tolist() == [0, 1, 2]
        assert torch.serialization.load(file2) == [1]


def test_map_location_is_a_device_a_dict_or_a_function(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with alias():
        import torch

        torch.save({"x": torch.ones(2)}, path)
        for place in ("meta", torch.device("meta"), {"cpu": "meta"}, lambda s, at: s.to("meta")):
            assert torch.load(path, place)["x"].device.type == "meta"
        assert torch.load(path, lambda storage, at: storage)["x"].tolist() == [1, 1]
        assert torch.load(path, mmap=True)["x"].tolist() == [1, 1]
        with path.open("rb") as file, pytest.raises(ValueError, match="mmap=True needs a path"):
            torch.load(file, mmap=True)


def test_files_of_weft_and_safetensors_are_read_too(tmp_path: Path) -> None:
    weft.save({"x": weft.ones(2)}, tmp_path / "x.weft")
    weft.io.save_safetensors({"x": weft.ones(2)}, tmp_path / "x.safetensors")
    with alias():
        import torch

        for name in ("x.weft", "x.safetensors"):
            assert torch.load(tmp_path / name)["x"].tolist() == [1, 1]


def test_a_module_is_refused_with_what_to_save(tmp_path: Path) -> None:
    with alias():
        import torch

        with pytest.raises(weft.io.WeightsError, match=r"state_dict\(\)"):
            torch.save(torch.nn.Linear(1, 1), tmp_path / "net.pt")
        with pytest.raises(weft.io.WeightsError, match=r"vars\(x\)"):
            import argparse

            torch.save({"args": argparse.Namespace(lr=1)}, tmp_path / "net.pt")


def test_the_arguments_are_pytorchs() -> None:
    with alias():
        import torch

        load, save = inspect.signature(torch.load), inspect.signature(torch.save)
    assert list(load.parameters) == [
        "f", "map_location", "pickle_module", "weights_only", "mmap", "pickle_load_args"
    ]  # fmt: skip
    assert list(save.parameters) == [
        "obj", "f", "pickle_module", "pickle_protocol", "_use_new_zipfile_serialization",
        "_disable_byteorder_record",
    ]  # fmt: skip
    assert save.parameters["pickle_protocol"].default == 2
