"""PyTorch checkpoints that are well-formed: what they say is what comes back."""

from __future__ import annotations

import gc
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import weft
from tests.core.io.torch_files import (
    Call,
    Name,
    Persistent,
    Raw,
    assembled,
    legacy_checkpoint,
    storage,
    tensor,
    zip_checkpoint,
)

FLOATS = struct.pack("<6f", *range(6))
KINDS = {
    "DoubleStorage": weft.float64,
    "FloatStorage": weft.float32,
    "HalfStorage": weft.float16,
    "BFloat16Storage": weft.bfloat16,
    "LongStorage": weft.int64,
    "IntStorage": weft.int32,
    "ShortStorage": weft.int16,
    "CharStorage": weft.int8,
    "ByteStorage": weft.uint8,
    "BoolStorage": weft.bool,
    "ComplexFloatStorage": weft.complex64,
    "ComplexDoubleStorage": weft.complex128,
}


@pytest.fixture(params=["zip", "legacy"])
def load(request, tmp_path: Path):
    """Return a function that loads a value with storages, once written in each format."""

    def run(value: object, storages: dict[str, tuple[int, bytes]] | None = None) -> object:
        path = tmp_path / "checkpoint.pth"
        if request.param == "zip":
            data = {key: data for key, (_, data) in (storages or {}).items()}
            path.write_bytes(zip_checkpoint(value, data))
        else:
            path.write_bytes(legacy_checkpoint(value, storages))
        return weft.io.load_pytorch(path)

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_each_storage_type_is_its_dtype(load, kind):
    dtype = KINDS[kind]
    array = (np.arange(4) % 2 if dtype is weft.bool else np.arange(4)).astype(dtype.numpy)
    loaded = load(tensor(storage("0", kind, 4), (2, 2)), {"0": (4, array.tobytes())})
    assert loaded.dtype is dtype
    assert loaded.shape == (2, 2)
    assert loaded.numpy().tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", [weft.uint16, weft.uint32, weft.uint64])
def test_an_untyped_storage_takes_the_dtype_beside_it(load, dtype):
    untyped = storage("0", "UntypedStorage", 2 * dtype.itemsize, module="torch.storage")
    name = Name("torch._utils", "_rebuild_tensor_v3")
    value = Call(name, (untyped, 0, (2,), (1,), False, OrderedDict(), Name("torch", dtype.name)))
    array = np.array([1, 60_000]).astype(dtype.numpy)
    loaded = load(value, {"0": (array.nbytes, array.tobytes())})
    assert loaded.dtype is dtype
    assert loaded.tolist() == [1, 60_000]


def test_plain_values_come_back_as_they_are(load):
    value = {
        "none": None,
        "flags": [True, False],
        "numbers": (0, 255, 256, -1, 2**31, -(2**63), 10**20, 1.5, float("inf")),
        "text": "naïve 日本語",
        "nested": {"list": [[], [1, [2]]], "tuple": ((), (1,)), 3: "int key", None: "none key"},
        "ordered": OrderedDict(b=1, a=2),
    }
    loaded = load(value)
    assert loaded == value
    assert type(loaded["ordered"]) is OrderedDict
    assert list(loaded["ordered"]) == ["b", "a"]


def test_bytes_sets_and_complex_numbers_come_back(load):
    value = {
        "bytes": Call(Name("_codecs", "encode"), ("\x00\xff", "latin1")),
        "set": Call(Name("__builtin__", "set"), ([1, 2, "x"],)),
        "complex": Call(Name("__builtin__", "complex"), (1.0, -2.0)),
    }
    assert load(value) == {"bytes": b"\x00\xff", "set": {1, 2, "x"}, "complex": 1 - 2j}


def test_dtypes_sizes_and_devices_come_back(load):
    value = {
        "dtype": Name("torch", "bfloat16"),
        "size": Call(Name("torch", "Size"), ((2, 3),)),
        "cpu": Call(Name("torch", "device"), ("cpu",)),
        "cuda": Call(Name("torch", "device"), ("cuda", 1)),
        "mps": Call(Name("torch", "device"), ("mps",)),
    }
    loaded = load(value)
    assert loaded["dtype"] is weft.bfloat16
    assert loaded["size"] == weft.Size((2, 3))
    assert loaded["cpu"] == weft.device("cpu")
    assert loaded["cuda"] == weft.device("cuda", 1)
    assert loaded["mps"] == "mps"


def test_strides_and_offsets_are_respected(load):
    shown = {
        "transposed": tensor(storage("0", "FloatStorage", 6), (3, 2), (1, 3)),
        "shifted": tensor(storage("0", "FloatStorage", 6), (2,), (2,), 1),
        "expanded": tensor(storage("0", "FloatStorage", 6), (2, 2), (0, 1), 4),
    }
    loaded = load(shown, {"0": (6, FLOATS)})
    assert loaded["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert loaded["transposed"].stride() == (1, 3)
    assert loaded["shifted"].tolist() == [1, 3]
    assert loaded["expanded"].tolist() == [[4, 5], [4, 5]]


def test_tensors_of_one_storage_share_memory(load):
    of = storage("0", "FloatStorage", 6)
    loaded = load([tensor(of, (6,)), tensor(of, (2,), offset=4)], {"0": (6, FLOATS)})
    loaded[0].fill_(9.0)
    assert loaded[1].tolist() == [9.0, 9.0]


def test_tensors_of_two_storages_do_not(load):
    value = [tensor(storage(key, "FloatStorage", 6), (6,)) for key in ("0", "1")]
    loaded = load(value, {"0": (6, FLOATS), "1": (6, FLOATS)})
    loaded[0].fill_(9.0)
    assert loaded[1].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_0d_tensor_comes_back(load):
    loaded = load(tensor(storage("0", "FloatStorage", 6), (), (), 5), {"0": (6, FLOATS)})
    assert loaded.shape == ()
    assert loaded.item() == 5.0


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3), (0, 0)])
def test_empty_tensors_come_back_with_their_shape(load, shape):
    loaded = load(tensor(storage("0", "FloatStorage", 0), shape), {"0": (0, b"")})
    assert loaded.shape == shape
    assert loaded.dtype is weft.float32


def test_a_tensor_keeps_the_requires_grad_it_was_saved_with(load):
    of = storage("0", "FloatStorage", 6)
    value = [tensor(of, (2,)), tensor(of, (2,), requires_grad=True)]
    plain, wanting = load(value, {"0": (6, FLOATS)})
    assert not plain.requires_grad
    assert wanting.requires_grad
    assert wanting.is_leaf


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_parameter_is_one_with_its_requires_grad(load, requires_grad):
    inner = tensor(storage("0", "FloatStorage", 6), (2, 3))
    name = Name("torch._utils", "_rebuild_parameter")
    loaded = load(Call(name, (inner, requires_grad, OrderedDict())), {"0": (6, FLOATS)})
    assert type(loaded) is weft.nn.Parameter
    assert loaded.is_leaf
    assert loaded.requires_grad is requires_grad
    assert loaded.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_state_dict_keeps_its_version_notes(load):
    notes = {"_metadata": OrderedDict({"": {"version": 1}})}
    state = OrderedDict(w=tensor(storage("0", "FloatStorage", 6), (6,)))
    loaded = load(Raw(assembled(state) + assembled(notes) + b"b"), {"0": (6, FLOATS)})
    assert type(loaded) is OrderedDict
    assert loaded["w"].tolist() == [0, 1, 2, 3, 4, 5]
    assert loaded._metadata == {"": {"version": 1}}


def test_storages_of_cuda_from_old_files_are_read_on_the_cpu(load):
    of = Persistent(("storage", Name("torch.cuda", "FloatStorage"), "0", "cuda:0", 6))
    loaded = load(tensor(of, (6,)), {"0": (6, FLOATS)})
    assert loaded.tolist() == [0, 1, 2, 3, 4, 5]
    assert loaded.device == weft.device("cpu")


def test_the_first_rebuild_function_is_still_read(load):
    name = Name("torch._utils", "_rebuild_tensor")
    loaded = load(Call(name, (storage("0", "FloatStorage", 6), 1, (2,), (2,))), {"0": (6, FLOATS)})
    assert loaded.tolist() == [1, 3]


def test_a_legacy_view_of_a_storage_begins_at_its_offset(tmp_path):
    view = ("storage", Name("torch", "FloatStorage"), "0", "cpu", 6, ("0.v", 2, 3))
    path = tmp_path / "views.pth"
    value = tensor(Persistent(view), (2,), (1,), 1)
    path.write_bytes(legacy_checkpoint(value, {"0": (6, FLOATS)}))
    assert weft.io.load_pytorch(path).tolist() == [3, 4]


def test_big_endian_storages_are_turned_round(tmp_path):
    path = tmp_path / "big.pth"
    value = {
        "f": tensor(storage("0", "FloatStorage", 2), (2,)),
        "c": tensor(storage("1", "ComplexFloatStorage", 1), (1,)),
        "b": tensor(storage("2", "ByteStorage", 2), (2,)),
    }
    data = {"0": struct.pack(">2f", 1.5, -2), "1": struct.pack(">2f", 3, 4), "2": b"\1\2"}
    path.write_bytes(zip_checkpoint(value, data, byteorder="big"))
    loaded = weft.io.load_pytorch(path)
    assert loaded["f"].tolist() == [1.5, -2.0]
    assert loaded["c"].tolist() == [3 + 4j]
    assert loaded["b"].tolist() == [1, 2]


def test_a_checkpoint_without_byteorder_is_little_endian(tmp_path):
    path = tmp_path / "old.pth"
    value = tensor(storage("0", "FloatStorage", 6), (6,))
    path.write_bytes(zip_checkpoint(value, {"0": FLOATS}, byteorder=None))
    assert weft.io.load_pytorch(path).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_checkpoint_that_was_zipped_anew_is_inflated(tmp_path):
    path = tmp_path / "deflated.pth"
    value = tensor(storage("0", "FloatStorage", 6), (6,))
    path.write_bytes(zip_checkpoint(value, {"0": FLOATS}, compression=zipfile.ZIP_DEFLATED))
    assert weft.io.load_pytorch(path).tolist() == [0, 1, 2, 3, 4, 5]


def test_stored_members_are_mapped_and_writing_leaves_the_file_alone(tmp_path):
    path = tmp_path / "mapped.pth"
    value = tensor(storage("0", "FloatStorage", 6), (6,))
    path.write_bytes(zip_checkpoint(value, {"0": FLOATS}))
    before = path.read_bytes()
    loaded = weft.io.load_pytorch(path)
    assert loaded.data_ptr() % 64 == 0  # PyTorch's padding holds in the map, so nothing was copied
    loaded.fill_(1.0)
    gc.collect()
    assert loaded.tolist() == [1.0] * 6
    assert path.read_bytes() == before


def test_a_member_that_is_not_aligned_is_read_all_the_same(tmp_path):
    path = tmp_path / "odd.pth"
    value = tensor(storage("0", "FloatStorage", 6), (6,))
    for root in ("a", "ab", "abc", "abcd"):
        path.write_bytes(zip_checkpoint(value, {"0": FLOATS}, root=root, align=1))
        assert weft.io.load_pytorch(path).tolist() == [0, 1, 2, 3, 4, 5]


def test_checksums_that_the_writer_left_out_are_no_damage(tmp_path):
    """torch.serialization.set_crc32_options(False) writes zeros."""
    path = tmp_path / "nocrc.pth"
    content = bytearray(zip_checkpoint([1, 2, 3]))
    for signature, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        start = content.find(signature)
        while start >= 0:
            content[start + place : start + place + 4] = bytes(4)
            start = content.find(signature, start + 1)
    path.write_bytes(content)
    assert weft.io.load_pytorch(path, check_crc=True) == [1, 2, 3]


@pytest.mark.parametrize("mmap", [True, False])
def test_mapped_and_read_checkpoints_give_the_same(tmp_path, mmap):
    path = tmp_path / "c.pth"
    value = tensor(storage("0", "FloatStorage", 6), (6,))
    path.write_bytes(zip_checkpoint(value, {"0": FLOATS}))
    assert weft.io.load_pytorch(path, mmap=mmap).tolist() == [0, 1, 2, 3, 4, 5]
