"""Weights in files beside the model: read from its folder, and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import weft
from weft.onnx import OnnxError

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def write(folder: Path, location: str, **entries: str) -> Path:
    """Write a model that adds a weight which lies at `location`."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=W.shape)
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=value)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, W.shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, W.shape)
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    folder.mkdir(exist_ok=True)
    path = folder / "model.onnx"
    onnx_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    path.write_bytes(onnx_model.SerializeToString())
    return path


def weight_of(path: Path, **more: object) -> list[list[float]]:
    model = weft.onnx.load(path, **more)  # type: ignore[arg-type]  # external_data
    return model.get_parameter("w").tolist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "sub").mkdir()
    for name in ("w.bin", "sub/w.bin"):
        (made / name).write_bytes(b"head" + W.tobytes())
    (tmp_path / "secret").write_bytes(b"head" + W.tobytes())
    return made


@pytest.mark.parametrize("location", ["w.bin", "sub/w.bin"])
def test_data_beside_the_model_are_read(folder: Path, location: str) -> None:
    path = write(folder, location, offset="4", length="24")
    assert weight_of(path) == W.tolist()
    assert weight_of(write(folder, location, offset="4")) == W.tolist()


def test_the_package_onnx_writes_what_is_read(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(write(folder, "w.bin", offset="4"))
    path = tmp_path / "written.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="all.bin", size_threshold=0)
    assert weight_of(path) == W.tolist()


@pytest.mark.parametrize(
    "location",
    ["../secret", "sub/../../secret", "/etc/passwd", "", ".", "sub//w.bin", "..\\secret",
     "C:\\secret", "file:///etc/passwd", "w.bin\0"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(folder: Path, location: str) -> None:
    with pytest.raises(OnnxError, match="tensor 'w': data lies in files beside the model, but"):
        weight_of(write(folder, location, offset="4"))


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize("name", ["link", "folder/secret"])
def test_a_link_that_leads_out_is_not_followed(folder: Path, name: str) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "folder").symlink_to(folder.parent)
    with pytest.raises(OnnxError, match="is a link that leads elsewhere"):
        weight_of(write(folder, name, offset="4"))


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(OnnxError, match="must be a plain file"):
        weight_of(write(folder, "pipe"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "5"}, "needs 24 bytes at offset 5 .* but 23 are there"),
        ({"offset": "-4"}, "its data is 24 bytes at offset -4"),
        ({"length": "4"}, "needs 24 bytes, but its data is 4 bytes"),
        ({"offset": "x"}, "offset and length must be integers"),
        ({"offset": str(2**70)}, f"its data is 24 bytes at offset {2**70}"),
        ({"offset": str(2**60)}, "but 0 are there|cannot be read"),
    ],
)
def test_places_that_do_not_fit_are_refused(
    folder: Path, entries: dict[str, str], message: str
) -> None:
    with pytest.raises(OnnxError, match=message):
        weight_of(write(folder, "w.bin", **entries))


def test_an_absent_file_is_told(folder: Path) -> None:
    with pytest.raises(OnnxError, match=r"tensor 'w' lies in .*, which cannot be read: No such"):
        weight_of(write(folder, "other.bin"))


def test_given_files_are_the_only_ones(folder: Path, tmp_path: Path) -> None:
    path = write(folder, "w.bin", offset="4")
    assert weight_of(path, external_data={"w.bin": tmp_path / "secret"}) == W.tolist()
    with pytest.raises(OnnxError, match=r"'w.bin', which is none of those given \(none\)"):
        weight_of(path, external_data={})


def test_an_open_file_has_no_folder(folder: Path) -> None:
    path = write(folder, "w.bin")
    with path.open("rb") as file, pytest.raises(OnnxError, match="give the model by its path"):
        weft.onnx.load(file)
