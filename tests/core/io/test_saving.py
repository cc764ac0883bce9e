"""weft.save and weft.load: what is saved comes back, equal in every bit."""

from __future__ import annotations

import argparse
import io
from collections import Counter, OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import weft
from tests.core.io.trees import assert_same, rewrite
from weft import nn
from weft._core.dtypes import ALL, FLOAT8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved.weft"


@pytest.fixture(params=["mapped", "read", "unverified", "file object", "stream"])
def back(request: pytest.FixtureRequest, path: Path) -> Any:
    """Return a function that saves a value and loads it again."""

    def save_and_load(value: object) -> Any:
        if request.param == "stream":
            stream = Stream()
            weft.save(value, stream)
            return weft.load(Stream(stream.written))
        if request.param == "file object":
            file = io.BytesIO()
            weft.save(value, file)
            file.seek(0)
            return weft.load(file)
        weft.save(value, path)
        return weft.load(path, mmap=request.param != "read", verify=request.param != "unverified")

    return save_and_load


class Stream:
    """A file that can neither seek nor tell, as a pipe."""

    def __init__(self, content: bytes = b"") -> None:
        self._left = content
        self.written = b""

    def read(self, size: int = -1) -> bytes:
        size = len(self._left) if size < 0 else min(size, 1000)
        part, self._left = self._left[:size], self._left[size:]
        return part

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(data)


def values(dtype: weft.dtype, shape: tuple[int, ...]) -> weft.Tensor:
    count = int(np.prod(shape))
    array = np.arange(count) % 2 if dtype is weft.bool else np.arange(count) % 7
    return weft.from_numpy(array.reshape(shape).astype(dtype.numpy))


PLAIN = {
    "none": None,
    "flags": [True, False],
    "ints": (0, -1, 2**63 - 1, 2**64, -(2**200)),
    "floats": [0.0, -0.0, 0.1, 1e-320, float("inf"), -float("inf"), float("nan")],
    "text": 'naïve 日本語 \ud800 \0 "quoted"',
    "bytes": b"\x00\xff",
    "many bytes": bytes(range(256)) * 20,
    "bytearray": bytearray(b"abc"),
    "complex": complex(-0.0, float("inf")),
    "empty": [[], (), {}, set(), "", b""],
    "nested": [{"a": [({},)]}, OrderedDict(b=1, a=2), Counter("abba")],
    "sets": [{1, "x", None, 2.5}, frozenset({b"y"})],
    "size": weft.Size((2, 0, 3)),
    "dtypes": [weft.bfloat16, weft.bool, weft.float8_e4m3fn],
    "devices": [weft.device("cpu"), weft.device("cuda", 1)],
    3: "int key",
    2.5: "float key",
    None: "no key",
    True: "a true key",
    b"k": "bytes key",
}


def test_plain_values_come_back(back):
    assert_same(back(PLAIN), PLAIN)


@pytest.mark.parametrize("value", [None, 3, "text", [1], weft.Size((2,)), b"x" * 5000], ids=repr)
def test_anything_may_be_the_whole_object(back, value):
    assert_same(back(value), value)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (3, 4)], ids=str)
@pytest.mark.parametrize("dtype", [*ALL, *FLOAT8], ids=str)
def test_each_dtype_and_shape_comes_back(path, dtype, shape):
    saved = [values(dtype, shape), {"x": values(dtype, shape)}]
    weft.save(saved, path)
    assert_same(weft.load(path), saved)


def test_dims_keep_their_order_in_memory(back):
    x = weft.arange(120.0).reshape(2, 3, 4, 5)
    saved = {
        "transposed": weft.arange(6.0).reshape(2, 3).t(),
        "permuted": weft.arange(24.0).reshape(2, 3, 4).permute(1, 2, 0),
        "channels last": x.contiguous(memory_format=weft.channels_last),
        "complex": weft.arange(6.0).reshape(2, 3).to(weft.complex128).t(),
    }
    assert_same(back(saved), saved)


def test_an_expanded_tensor_is_written_once(path):
    row = weft.arange(1000.0)
    saved = row.expand(50, 1000)
    weft.save({"x": saved}, path)
    assert path.stat().st_size < 6000
    loaded = weft.load(path)["x"]
    assert loaded.stride() == (0, 1)
    assert_same(loaded, saved)


def test_a_part_is_written_without_the_rest(path):
    table = weft.zeros(10_000, 100)
    weft.save([table[7], table[10, ::2]], path)
    assert path.stat().st_size < 2000
    row, _ = weft.load(path)
    assert row.shape == (100,)


def test_one_tensor_at_two_places_is_one_tensor_again(back):
    shared = weft.rand(2, 3)
    parameter = nn.Parameter(weft.rand(4))
    loaded = back({"a": shared, "b": [shared, (parameter,)], "c": parameter})
    assert loaded["a"] is loaded["b"][0]
    assert loaded["c"] is loaded["b"][1][0]
    assert isinstance(loaded["c"], nn.Parameter)


def test_views_share_memory_again_and_are_told_apart(back):
    base = weft.arange(24.0).reshape(4, 6)
    saved = {
        "row": base[2],
        "base": base,
        "columns": base[:, ::2],
        "same": base.view(4, 6),
        "flat": base.reshape(-1)[3:9],
        "turned": base.t(),
    }
    loaded = back(saved)
    assert_same(loaded, saved)
    loaded["base"].fill_(7.0)
    for name, tensor in loaded.items():
        assert tensor.unique().tolist() == [7.0], name
    assert len({id(tensor) for tensor in loaded.values()}) == len(saved)


def test_views_without_their_base_share_memory_again(back):
    base = weft.arange(20, dtype=weft.complex128)
    saved = [base[2:10], base[5:15:2]]
    loaded = back(saved)
    assert_same(loaded, saved)
    loaded[0][3] = 99.0
    assert loaded[1][0].item() == 99.0


def test_memory_that_no_tensor_shows_is_not_written(path):
    base = weft.full((9,), 7.0)
    weft.save([base[::4], base[:5:4]], path)
    (memory,) = (x for x in weft.io.load_safetensors(path).values() if x.numel() == 9)
    assert memory.tolist() == [7.0, 0, 0, 0, 7.0, 0, 0, 0, 7.0]


def test_tied_weights_stay_tied_by_way_of_a_state_dict(path):
    embedding, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embedding.weight
    model = nn.ModuleDict({"embedding": embedding, "head": head})
    weft.save(model.state_dict(), path)
    loaded = weft.load(path)
    assert_same(loaded, model.state_dict())
    assert loaded._metadata == model.state_dict()._metadata
    loaded["head.weight"].fill_(3.0)
    assert loaded["embedding.weight"].mean().item() == 3.0
    assert path.stat().st_size < 1200


def test_parameters_buffers_and_their_attributes_come_back(back):
    parameter = nn.Parameter(weft.rand(2, 3))
    parameter.no_weight_decay = True
    frozen = nn.Parameter(weft.arange(3), requires_grad=False)
    saved = {
        "parameter": parameter,
        "frozen": frozen,
        "buffer": nn.Buffer(weft.rand(2), persistent=False),
        "leaf": weft.rand(2, requires_grad=True),
        "computed": (weft.rand(2, requires_grad=True) * 2),
        "array": np.arange(6, dtype=np.uint32).reshape(2, 3),
        "meta": weft.empty(2, 3, device="meta", dtype=weft.bfloat16),
    }
    loaded = back(saved)
    assert_same(loaded, saved)
    assert loaded["parameter"].is_leaf
    assert loaded["computed"].is_leaf
    loaded["parameter"].sum().backward()
    assert loaded["parameter"].grad is not None


def test_numpy_and_python_generators_come_back(back):
    generator = np.random.RandomState(3)
    loaded = back(generator.get_state())
    again = np.random.RandomState(0)
    again.set_state(loaded)
    assert again.rand() == generator.rand()


def test_names_that_collide_are_told_apart(back):
    saved = {
        "a.b": weft.zeros(1),
        "a": {"b": weft.ones(1)},
        "": weft.full((1,), 2.0),
        "__metadata__": weft.full((1,), 3.0),
        "\ud800": weft.full((1,), 4.0),
        0: weft.full((1,), 5.0),
        "0": weft.full((1,), 6.0),
    }
    assert_same(back(saved), saved)


def test_dicts_that_look_like_the_files_own_words_come_back(back):
    saved = {"tensor": "x", "dict": {"tensor": [{"tuple": 1}]}, "in": {"float": "nan"}, "bytes": 1}
    assert_same(back(saved), saved)


def test_a_model_and_its_optimizer_go_on_as_if_never_saved(back):
    def trained(model: nn.Module, optimizer: Any, schedule: Any, steps: int) -> list[bytes]:
        for step in range(steps):
            optimizer.zero_grad()
            model(weft.full((3, 4), float(step))).square().mean().backward()
            optimizer.step()
            schedule.step()
        return [p.detach().numpy().tobytes() for p in model.parameters()]

    def fresh() -> tuple[nn.Module, Any, Any]:
        model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))
        optimizer = weft.optim.AdamW(model.parameters(), lr=0.1, amsgrad=True)
        return model, optimizer, weft.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5, 5])

    weft.manual_seed(0)
    first = fresh()
    trained(*first, 4)
    state = back([part.state_dict() for part in first])
    second = fresh()
    for part, own in zip(second, state, strict=True):
        part.load_state_dict(own)
    assert trained(*second, 4) == trained(*first, 4)


def test_the_same_object_gives_the_same_bytes(tmp_path):
    value = {"x": weft.arange(3.0), "set": {"one", "two", "three", 4}, "views": [weft.ones(3)[1:]]}
    weft.save(value, tmp_path / "a")
    weft.save(value, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_safetensors_package_reads_the_tensors_by_name(path):
    x = weft.arange(6.0).reshape(2, 3)
    weft.save({"model": {"w": x, "turned": x.t().contiguous().t()}, "list": [1, x.int()]}, path)
    theirs = safetensors.numpy.load_file(path)
    assert sorted(theirs) == ["list.1", "model.turned", "model.w"]
    assert theirs["model.w"].tolist() == theirs["model.turned"].tolist() == x.tolist()
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata()["format"] == "pt"


def test_other_programs_files_are_read_as_a_dict(path):
    safetensors.numpy.save_file({"w": np.arange(3.0), "v": np.ones(2)}, path, {"by": "them"})
    loaded = weft.load(path)
    assert {name: x.tolist() for name, x in loaded.items()} == {"w": [0, 1, 2], "v": [1, 1]}
    with weft.io.open_saved(path) as file:
        assert file.metadata == {"by": "them"}


def test_notes_come_back_beside_the_object(path):
    weft.save([1], path, metadata={"run": "7"})
    with weft.io.open_saved(path) as file:
        assert file.metadata == {"run": "7"}
    with pytest.raises(weft.io.WeightsError, match=r"weft\.mine"):
        weft.save([1], path, metadata={"weft.mine": "7"})


def test_loaded_tensors_may_be_written_and_the_file_never_changes(path):
    weft.save({"x": weft.zeros(3)}, path)
    before = path.read_bytes()
    weft.load(path)["x"].fill_(1.0)
    assert path.read_bytes() == before
    assert weft.load(path)["x"].tolist() == [0, 0, 0]


class Holder:
    pass


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (nn.Linear(1, 1), r"state_dict\(\)"),
        (Point(1, 2), r"tuple\(x\)"),
        (argparse.Namespace(lr=1), r"vars\(x\)"),
        (np.float32(1), r"x\.item\(\)"),
        (lambda: 1, "function"),
        (weft.Generator(), "Generator"),
        (np.array(["text"]), "NumPy array"),
        ({(1, 2): 3}, "a key is text"),
    ],
    ids=["module", "namedtuple", "namespace", "scalar", "function", "generator", "array", "key"],
)
@pytest.mark.parametrize("save", [weft.save, weft.io.save_pytorch], ids=["weft", "pytorch"])
def test_what_cannot_be_kept_is_refused_with_its_place(path, save, value, said):
    if save is weft.io.save_pytorch and isinstance(value, np.ndarray):
        said = "NumPy|numpy"
    with pytest.raises(weft.io.WeightsError, match=said) as caught:
        save({"config": [0, value]}, path)
    assert "'config.1'" in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("save", [weft.save, weft.io.save_pytorch], ids=["weft", "pytorch"])
def test_what_holds_itself_or_is_too_deep_is_refused(path, save):
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(weft.io.WeightsError, match="holds itself"):
        save(loop, path)
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    with pytest.raises(weft.io.WeightsError, match="deep"):
        save(deep, path)


@pytest.mark.parametrize("save", [weft.save, weft.io.save_pytorch], ids=["weft", "pytorch"])
def test_as_deep_as_is_written_is_read(path, save):
    deep: list[Any] = []
    for _ in range(98):
        deep = [deep]
    save(deep, path)
    assert weft.load(path) == deep


def test_a_header_that_no_reader_would_take_is_not_written(path):
    with pytest.raises(weft.io.WeightsError, match="long lists of numbers"):
        weft.save(list(range(4_100_000)), path)
    assert not path.exists()


def test_map_location_puts_tensors_where_it_says(path):
    x = weft.arange(4.0)
    weft.save({"x": x, "view": x[1:], "p": nn.Parameter(weft.ones(2))}, path)
    for place in ("meta", weft.device("meta"), {"cpu": "meta"}, lambda t, at: t.to("meta")):
        loaded = weft.load(path, place)
        assert [t.device.type for t in loaded.values()] == ["meta"] * 3
        assert tuple(loaded["view"].shape) == (3,)
    asked: list[str] = []
    loaded = weft.load(path, lambda tensor, saved_from: asked.append(saved_from))
    assert asked == ["cpu", "cpu"]  # once for the memory that two tensors share
    assert loaded["x"].tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="map_location"):
        weft.load(path, 3.5)
    with pytest.raises(TypeError, match="it returned 7"):
        weft.load(path, lambda tensor, saved_from: 7)


def test_a_tensor_from_a_device_that_is_absent_says_so(path):
    weft.save({"x": weft.zeros(2)}, path)
    rewrite(path, lambda node: node["dict"]["x"].update(device="cuda:63"))
    with pytest.raises(weft.io.WeightsError, match="map_location='cpu'") as caught:
        weft.load(path)
    assert str(path) in str(caught.value)
    assert "cuda:63" in str(caught.value)
    assert weft.load(path, "cpu")["x"].tolist() == [0, 0]
    assert weft.load(path, {"cuda:63": "cpu"})["x"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n["dict"]["x"].update({"in": "x", "offset": 3, "size": [3], "stride": [1]}),
        lambda n: n["dict"]["x"].update({"in": "x", "offset": -1, "size": [1], "stride": [1]}),
        lambda n: n["dict"]["x"].update({"in": "x", "offset": 0, "size": [2**61], "stride": [0]}),
        lambda n: n["dict"]["x"].update({"in": "x", "offset": 0, "size": [2**40], "stride": [0]}),
        lambda n: n["dict"]["x"].update({"in": "x", "offset": 0, "size": [2], "stride": [1, 1]}),
        lambda n: n["dict"]["x"].update({"in": "x", "size": [True], "stride": ["1"]}),
        lambda n: n["dict"]["x"].update({"in": "absent"}),
        lambda n: n["dict"]["x"].update({"in": ["x"]}),
        lambda n: n["dict"]["x"].update({"tensor": "absent"}),
        lambda n: n["dict"]["x"].update({"tensor": 3}),
        lambda n: n["dict"]["x"].update({"order": [0, 0]}),
        lambda n: n["dict"]["x"].update({"dtype": "complex128"}),
        lambda n: n["dict"]["x"].update({"dtype": "float99"}),
        lambda n: n["dict"]["x"].update({"kind": "module"}),
        lambda n: n["dict"]["x"].update({"requires_grad": "yes"}),
        lambda n: n["dict"]["x"].update({"attributes": 3, "kind": "parameter"}),
        lambda n: n["dict"]["x"].update({"device": 3}),
        lambda n: n["dict"].update({"y": {}}),
        lambda n: n["dict"].update({"y": {"call": "os.system"}}),
        lambda n: n["dict"].update({"y": {"tuple": {}}}),
        lambda n: n["dict"].update({"y": {"dict": [[1]]}}),
        lambda n: n["dict"].update({"y": {"dict": [[[1], 2]]}}),
        lambda n: n["dict"].update({"y": {"set": [[1]]}}),
        lambda n: n["dict"].update({"y": {"bytes": "no base64"}}),
        lambda n: n["dict"].update({"y": {"bytes": {"tensor": "absent"}}}),
        lambda n: n["dict"].update({"y": {"bytes": 3}}),
        lambda n: n["dict"].update({"y": {"int": "0xzz"}}),
        lambda n: n["dict"].update({"y": {"int": "f" * 10**6}}),
        lambda n: n["dict"].update({"y": {"int": 3}}),
        lambda n: n["dict"].update({"y": {"float": "3"}}),
        lambda n: n["dict"].update({"y": {"float": []}}),
        lambda n: n["dict"].update({"y": {"complex": [1.0]}}),
        lambda n: n["dict"].update({"y": {"size": [-1]}}),
        lambda n: n["dict"].update({"y": {"dtype": "__class__"}}),
        lambda n: n["dict"].update({"y": {"device": "abacus"}}),
        lambda n: n["dict"].update({"y": {"meta": "float32", "size": [2**40, 2**40]}}),
        lambda n: n["dict"].update({"y": {"counter": 3}}),
        lambda n: n["dict"].update({"y": {"ordered_dict": {}, "metadata": 3}}),
    ],
)
def test_a_header_that_lies_is_refused_with_the_path(path, change):
    weft.save({"x": weft.arange(4.0)}, path)
    rewrite(path, change)
    with pytest.raises(weft.io.WeightsError) as caught:
        weft.load(path)
    assert str(path) in str(caught.value)


def test_a_structure_nested_without_end_is_refused(path):
    weft.save({"x": 1}, path)
    deep: Any = 0
    for _ in range(400):
        deep = [deep]
    rewrite(path, lambda node: node["dict"].update(y=deep))
    with pytest.raises(weft.io.FormatError, match="deep"):
        weft.load(path)


def test_a_file_open_as_text_and_what_is_no_file_are_told(tmp_path):
    name = tmp_path / "text"
    name.write_text("x")
    with name.open() as file, pytest.raises(TypeError, match="'rb'"):
        weft.load(file)
    with name.open("w") as file, pytest.raises(TypeError, match="'wb'"):
        weft.save([], file)
    with pytest.raises(TypeError, match="a path, or a file object"):
        weft.load(3)
    with pytest.raises(TypeError, match="a path, or a file object"):
        weft.save([], None)
    with pytest.raises(FileNotFoundError):
        weft.load(tmp_path / "absent")
    with pytest.raises(weft.io.FormatError, match="seek"):
        weft.load(io.BytesIO())


def test_a_file_object_is_read_from_where_it_stands():
    file = io.BytesIO()
    file.write(b"12345")
    weft.save([1, weft.ones(2)], file)
    file.seek(5)
    assert weft.load(file)[0] == 1
