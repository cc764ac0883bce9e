"""safetensors files: what is saved comes back, and the format's own package agrees both ways."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import weft

# Every dtype of weft that the format can hold, by the format's code.
CODES = {
    "BOOL": weft.bool,
    "U8": weft.uint8,
    "I8": weft.int8,
    "I16": weft.int16,
    "U16": weft.uint16,
    "F16": weft.float16,
    "BF16": weft.bfloat16,
    "I32": weft.int32,
    "U32": weft.uint32,
    "F32": weft.float32,
    "C64": weft.complex64,
    "F64": weft.float64,
    "I64": weft.int64,
    "U64": weft.uint64,
}
SHAPES = [(), (0,), (1,), (7,), (2, 0, 3), (3, 4), (2, 3, 4)]


def values(dtype: weft.dtype, shape: tuple[int, ...]) -> weft.Tensor:
    """Return a tensor of distinct small values."""
    count = int(np.prod(shape))
    array = np.arange(count) % 2 if dtype is weft.bool else np.arange(count) % 100
    return weft.from_numpy(array.reshape(shape).astype(dtype.numpy))


def raw(tensor: weft.Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


def written_by_the_package(tensors: dict[str, weft.Tensor], metadata=None) -> bytes:
    """Return what the safetensors package writes for the same tensors."""
    arrays = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in tensors.items()}
    return safetensors.serialize(
        {
            name: safetensors.TensorSpec(
                dtype=tensors[name].dtype.name,
                shape=list(tensors[name].shape),
                data_ptr=array.ctypes.data,
                data_len=array.nbytes,
            )
            for name, array in arrays.items()
        },
        metadata,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("code", CODES)
def test_each_dtype_and_shape_comes_back_as_saved(path, code, shape):
    saved = values(CODES[code], shape)
    weft.io.save_safetensors({"x": saved}, path)
    (loaded,) = weft.io.load_safetensors(path).values()
    assert loaded.dtype is saved.dtype
    assert loaded.shape == saved.shape
    assert raw(loaded) == raw(saved)


@pytest.mark.parametrize("code", CODES)
def test_the_package_reads_what_we_write(path, code):
    tensors = {f"x{i}": values(CODES[code], shape) for i, shape in enumerate(SHAPES)}
    weft.io.save_safetensors(tensors, path)
    theirs = dict(safetensors.deserialize(path.read_bytes()))
    assert theirs.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert theirs[name]["dtype"] == code
        assert tuple(theirs[name]["shape"]) == tensor.shape
        assert bytes(theirs[name]["data"]) == raw(tensor)


@pytest.mark.parametrize("code", CODES)
def test_we_read_what_the_package_writes(path, code):
    tensors = {f"x{i}": values(CODES[code], shape) for i, shape in enumerate(SHAPES)}
    path.write_bytes(written_by_the_package(tensors, {"made": "by them"}))
    with weft.io.open_safetensors(path) as file:
        assert file.metadata == {"made": "by them"}
        assert set(file) == set(tensors)
        for name, tensor in tensors.items():
            assert file[name].dtype is tensor.dtype
            assert file[name].shape == tensor.shape
            assert raw(file[name]) == raw(tensor)


def test_our_files_equal_the_packages_byte_for_byte(path):
    tensors = {
        f"{code}.{i}": values(dtype, shape)
        for i, shape in enumerate(SHAPES)
        for code, dtype in CODES.items()
    }
    weft.io.save_safetensors(tensors, path, {"note": "one key, as theirs are in random order"})
    expected = written_by_the_package(tensors, {"note": "one key, as theirs are in random order"})
    assert path.read_bytes() == expected


def test_numpys_side_of_the_package_agrees_on_values(path):
    rng = np.random.default_rng(0)
    array = rng.standard_normal((5, 6)).astype(np.float32)
    safetensors.numpy.save_file({"w": array}, path)
    assert np.array_equal(weft.io.load_safetensors(path)["w"].numpy(), array)
    weft.io.save_safetensors({"w": weft.from_numpy(array.T)}, path)
    assert np.array_equal(safetensors.numpy.load_file(path)["w"], array.T)


def test_the_order_of_tensors_and_notes_does_not_change_the_file(path, tmp_path):
    tensors = {"b": weft.ones(2), "a": weft.zeros(3), "c": weft.ones(1, dtype=weft.int64)}
    notes = {"z": "1", "a": "2"}
    weft.io.save_safetensors(tensors, path, notes)
    other = tmp_path / "other.safetensors"
    reordered = dict(reversed(tensors.items()))
    weft.io.save_safetensors(reordered, other, dict(reversed(notes.items())))
    assert path.read_bytes() == other.read_bytes()


def test_every_tensor_begins_on_a_multiple_of_its_item_size(path):
    tensors = {code: values(dtype, (3,)) for code, dtype in CODES.items()}
    weft.io.save_safetensors(tensors, path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    assert length % 8 == 0
    with weft.io.open_safetensors(path) as file:
        for name in file:
            assert file.info(name).start % file[name].dtype.itemsize == 0


def test_metadata_in_any_script_comes_back(path):
    notes = {"naïve": '日本語 \u2028 " \\ \n \x00', "": ""}
    weft.io.save_safetensors({}, path, notes)
    assert weft.io.open_safetensors(path).metadata == notes


def test_a_view_is_saved_as_the_values_it_shows(path):
    base = weft.arange(12).reshape(3, 4)
    weft.io.save_safetensors({"t": base.t(), "part": base[1:, ::2], "row": base[0]}, path)
    loaded = weft.io.load_safetensors(path)
    assert loaded["t"].tolist() == base.t().tolist()
    assert loaded["part"].tolist() == [[4, 6], [8, 10]]
    assert loaded["row"].tolist() == [0, 1, 2, 3]


def test_a_tensor_that_requires_a_gradient_is_saved_and_comes_back_without(path):
    weft.io.save_safetensors({"w": weft.ones(2).requires_grad_(True)}, path)
    loaded = weft.io.load_safetensors(path)["w"]
    assert loaded.tolist() == [1.0, 1.0]
    assert not loaded.requires_grad


def test_writing_to_a_loaded_tensor_leaves_the_file_alone(path):
    weft.io.save_safetensors({"w": weft.zeros(1000)}, path)
    before = path.read_bytes()
    loaded = weft.io.load_safetensors(path)["w"]
    loaded.fill_(7.0)
    assert loaded.tolist() == [7.0] * 1000
    del loaded
    gc.collect()
    assert path.read_bytes() == before


def test_tensors_of_one_open_file_share_its_memory(path):
    weft.io.save_safetensors({"w": weft.zeros(4)}, path)
    file = weft.io.open_safetensors(path)
    file["w"].fill_(3.0)
    assert file.get_slice("w")[1:3].tolist() == [3.0, 3.0]


def test_tensors_outlive_the_handle_that_made_them(path):
    weft.io.save_safetensors({"w": weft.arange(5)}, path)
    with weft.io.open_safetensors(path) as file:
        loaded = file["w"]
    del file
    gc.collect()
    assert loaded.tolist() == [0, 1, 2, 3, 4]


def test_a_closed_file_says_so(path):
    weft.io.save_safetensors({"w": weft.arange(5)}, path)
    file = weft.io.open_safetensors(path)
    file.close()
    with pytest.raises(weft.io.WeightsError, match="is closed; open it again to read 'w'"):
        file["w"]


def test_mapped_and_read_files_give_the_same(path):
    weft.io.save_safetensors({"w": weft.arange(5)}, path)
    mapped = weft.io.load_safetensors(path)
    read = weft.io.load_safetensors(path, mmap=False)
    assert mapped["w"].tolist() == read["w"].tolist()


def test_opening_reads_no_data(tmp_path):
    """A sparse file of 64 GiB opens, and a slice at its end is read, in a bounded process."""
    path = tmp_path / "huge.safetensors"
    size = 64 << 30
    entry = {"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    header = json.dumps(entry).encode()
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
        file.seek(-1, os.SEEK_END)
        file.write(b"\x2a")
    with weft.io.open_safetensors(path) as opened:
        assert opened.get_slice("x")[-3:].tolist() == [0, 0, 42]


def test_data_that_is_not_aligned_is_read_all_the_same(path):
    header = b'{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
    header += b'"d":{"dtype":"F64","shape":[2],"data_offsets":[1,17]}}'
    data = b"\x05" + np.array([1.5, -2.0]).tobytes()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    loaded = weft.io.load_safetensors(path)
    assert loaded["d"].tolist() == [1.5, -2.0]
    assert loaded["d"].data_ptr() % 8 == 0


def test_slices_show_the_part_asked_for(path):
    saved = weft.arange(24).reshape(4, 6)
    weft.io.save_safetensors({"w": saved}, path)
    with weft.io.open_safetensors(path) as file:
        part = file.get_slice("w")
        assert part.shape == (4, 6)
        assert part.dtype == "int64"
        assert part[1:3, ::2].tolist() == saved[1:3, ::2].tolist()
        assert part[-1].tolist() == saved[-1].tolist()
        assert part[..., 0].tolist() == saved[..., 0].tolist()


def test_a_misspelt_name_is_answered_with_the_nearest(path):
    weft.io.save_safetensors({"conv1.weight": weft.ones(1), "conv1.bias": weft.ones(1)}, path)
    with weft.io.open_safetensors(path) as file:
        with pytest.raises(weft.io.MissingTensorError, match=r"nearest name is 'conv1\.weight'"):
            file["conv1.wieght"]
        with pytest.raises(KeyError):
            file.get_slice("conv1.wieght")
        assert file.get("conv1.wieght") is None
        assert "conv1.weight" in file


def test_a_bool_that_is_neither_0_nor_1_is_refused(path):
    header = b'{"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\1\2")
    with pytest.raises(weft.io.FormatError, match=r"tensor 'm' is bool .* holds 2"):
        weft.io.load_safetensors(path)


@pytest.mark.parametrize(
    ("code", "name", "size"),
    [("F6_E2M3", "float6_e2m3fn", 6), ("F4", "float4_e2m1fn", 4)],
)
def test_a_dtype_that_weft_lacks_is_refused_by_tensor_and_the_rest_is_read(path, code, name, size):
    header = f'{{"q":{{"dtype":"{code}","shape":[8],"data_offsets":[0,{size}]}},'
    header += f'"w":{{"dtype":"U8","shape":[2],"data_offsets":[{size},{size + 2}]}}}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(size + 2))
    with weft.io.open_safetensors(path) as file:
        assert file["w"].tolist() == [0, 0]
        assert file.info("q").dtype == name
        with pytest.raises(weft.io.FormatError, match=f"tensor 'q' has dtype {name}"):
            file["q"]
    with pytest.raises(weft.io.FormatError, match="tensor 'q'"):
        weft.io.load_safetensors(path)


@pytest.mark.parametrize(
    "dtype", ["e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu"], ids=lambda d: f"float8_{d}"
)
def test_8_bit_floats_are_read_as_they_were_written(path, dtype):
    own = getattr(weft, f"float8_{dtype}")
    x = weft.tensor([1.0, 2.0, 0.25, 16.0], dtype=own)
    weft.io.save_safetensors({"x": x}, path)
    read = weft.io.load_safetensors(path)["x"]
    assert read.dtype is own
    assert read.tolist() == [1.0, 2.0, 0.25, 16.0]


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"a": [1.0]}, r"tensors\['a'\] must be a weft.Tensor, but is list"),
        ({1: weft.ones(1)}, "a tensor's name is a str"),
        ({"__metadata__": weft.ones(1)}, "not '__metadata__'"),
        ({"\ud800": weft.ones(1)}, "UTF-8 can hold"),
        ({"z": weft.zeros(1, dtype=weft.complex128)}, "'z' has dtype complex128"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_a_byte_is_written(path, tensors, why):
    with pytest.raises(weft.io.WeightsError, match=why):
        weft.io.save_safetensors(tensors, path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("notes", [{"epoch": 3}, {3: "epoch"}, {"\ud800": "x"}])
def test_metadata_other_than_text_is_refused(path, notes):
    with pytest.raises(weft.io.WeightsError, match="metadata maps str to str"):
        weft.io.save_safetensors({}, path, notes)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    weft.io.save_safetensors({"w": weft.ones(3)}, path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        weft.io.save_safetensors({"w": weft.zeros(3)}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_file_may_be_replaced_while_its_tensors_live(path):
    weft.io.save_safetensors({"w": weft.ones(3)}, path)
    old = weft.io.load_safetensors(path)
    weft.io.save_safetensors({"w": old["w"] + 1}, path)
    assert old["w"].tolist() == [1.0] * 3
    assert weft.io.load_safetensors(path)["w"].tolist() == [2.0] * 3


def test_a_process_killed_while_saving_leaves_the_old_file(path):
    weft.io.save_safetensors({"w": weft.ones(3)}, path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    script = (
        "import os, sys, weft\n"
        "os.replace = lambda *a: os._exit(9)  # killed after the last byte, before the rename\n"
        "weft.io.save_safetensors({'w': weft.zeros(3)}, sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == 9
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_saved_file_has_the_permissions_that_the_umask_leaves(path):
    old = os.umask(0o027)
    try:
        weft.io.save_safetensors({}, path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes, which Windows lacks")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(weft.io.FormatError, match="not a regular file"):
        weft.io.load_safetensors(pipe)


def test_file_objects_are_written_and_read():
    file = io.BytesIO()
    weft.io.save_safetensors({"x": weft.arange(3.0), "y": weft.ones(2)}, file, {"a": "b"})
    assert safetensors.numpy.load(file.getvalue())["x"].tolist() == [0, 1, 2]
    file.seek(0)
    assert weft.io.load_safetensors(file)["y"].tolist() == [1, 1]
    file.seek(0)
    with weft.io.open_safetensors(file) as opened:
        assert opened.metadata == {"a": "b"}
        assert opened.get_slice("x")[1:].tolist() == [1, 2]
