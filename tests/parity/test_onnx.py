"""ONNX files of others: networks that PyTorch exports, and published ones, beside onnxruntime."""

from __future__ import annotations

import contextlib
import io
import warnings
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import weft

onnxruntime.set_default_logger_severity(3)
torch.manual_seed(0)


class Of(nn.Module):
    """A function of some modules and the inputs."""

    def __init__(self, function: Any, *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.held = nn.ModuleList(modules)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(self.held, *inputs)


def r(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


def shapes_and_indices(held: Any, x: torch.Tensor, i: torch.Tensor) -> Any:
    return (
        x.gather(1, i), x.scatter(1, i, x), x[i[0] % 2], x[:, [0, 2]], F.pad(x, (1, 2), value=3.0),
        x.unfold(1, 2, 1), x.masked_fill(x > 0, -1.0), torch.stack([x, x], 1).flatten(1),
        x.repeat(2, 1), x.topk(2)[0], x.cumsum(1), x.roll(1, 1), x.std(1), torch.logsumexp(x, 1),
    )  # fmt: skip


ENCODER = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
NETWORKS: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]] = {
    "layers": (
        nn.Sequential(
            nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4), nn.Softmax(-1)
        ),
        (r(3, 8),),
    ),
    "images": (
        nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(4, affine=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
        ),
        (r(2, 3, 33, 31),),
    ),
    "sizes": (
        nn.Sequential(
            nn.GroupNorm(2, 4), nn.Hardswish(), nn.PReLU(4), nn.PixelShuffle(2),
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.Upsample(size=(9, 7), mode="nearest"),
            nn.Upsample(scale_factor=1.5, mode="bicubic", align_corners=True),
            nn.AvgPool2d(3, 2, 1),
            nn.ReflectionPad2d(1), nn.ReplicationPad2d((1, 2, 0, 1)),
        ),
        (r(2, 4, 5, 6),),
    ),
    "lstm": (
        Of(lambda held, x: held[0](x)[0], nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True)),
        (r(2, 5, 8),),
    ),
    "gru": (Of(lambda held, x: held[0](x), nn.GRU(8, 16, 2)), (r(5, 2, 8),)),
    "rnn": (Of(lambda held, x: held[0](x), nn.RNN(8, 16, bidirectional=True)), (r(5, 2, 8),)),
    "transformer": (nn.TransformerEncoder(ENCODER, 2, enable_nested_tensor=False), (r(2, 6, 16),)),
    "attention": (
        Of(lambda held, q: F.scaled_dot_product_attention(q, q, q, is_causal=True)),
        (r(2, 2, 5, 8),),
    ),
    "embedding": (
        Of(lambda held, i: held[0](i).mean(1)[:, 1:-1:2], nn.Embedding(10, 6)),
        (torch.randint(0, 10, (2, 4)),),
    ),
    "grid": (
        Of(lambda held, x, g: F.grid_sample(x, g, align_corners=False)),
        (r(1, 2, 5, 5), torch.rand(1, 3, 3, 2) * 2 - 1),
    ),
    "indices": (Of(shapes_and_indices), (r(2, 3), torch.tensor([[0, 1, 2], [2, 1, 0]]))),
}  # fmt: skip


def exported(name: str, *, opset: int, open_batch: bool) -> bytes:
    network, inputs = NETWORKS[name]
    names = [f"x{k}" for k in range(len(inputs))]
    file = io.BytesIO()
    quiet = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(quiet):
        warnings.simplefilter("ignore")  # it says that it is the older exporter
        torch.onnx.export(
            network.eval(), inputs, file, dynamo=False, opset_version=opset, input_names=names,
            dynamic_axes={one: {0: "batch"} for one in names} if open_batch else None,
        )  # fmt: skip
    return file.getvalue()


def compare(data: bytes | str, feeds: dict[str, np.ndarray], tolerance: float) -> Any:
    """Run a file in weft and in onnxruntime, compare, and return weft's module."""
    wanted = onnxruntime.InferenceSession(data).run(None, feeds)
    model = weft.onnx.load(io.BytesIO(data) if isinstance(data, bytes) else data)
    with weft.no_grad():
        got = model(**{name: weft.from_numpy(x) for name, x in feeds.items()})
    for y, want in zip(got if isinstance(got, tuple) else (got,), wanted, strict=True):
        y = y.detach().numpy()
        assert (y.dtype, y.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(y, want, rtol=tolerance, atol=tolerance)
    return model


@pytest.mark.parametrize("open_batch", [False, True], ids=["fixed", "open"])
@pytest.mark.parametrize("opset", [16, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_pytorch_exports_runs_as_in_onnxruntime(
    name: str, opset: int, open_batch: bool
) -> None:
    _, inputs = NETWORKS[name]
    data = exported(name, opset=opset, open_batch=open_batch)
    compare(data, {f"x{k}": x.numpy() for k, x in enumerate(inputs)}, 2e-5)


def test_gradients_are_pytorchs() -> None:
    network, (x,) = NETWORKS["layers"]
    model = weft.onnx.load(io.BytesIO(exported("layers", opset=17, open_batch=False)))
    model(weft.from_numpy(x.numpy())).square().sum().backward()
    network.zero_grad()
    network(x).square().sum().backward()
    for name, parameter in network.named_parameters():
        np.testing.assert_allclose(
            model.get_parameter(name).grad.numpy(), parameter.grad.numpy(), rtol=1e-4, atol=1e-6
        )


VAD = [
    "silero_vad.onnx", "silero_vad_16k_op15.onnx", "silero_vad_16k_sequence.onnx",
    "silero_vad_half.onnx", "silero_vad_op18_ifless.onnx", "silero_vad_openvino_16k.onnx",
]  # fmt: skip


@pytest.mark.parametrize("name", VAD)
def test_published_detectors_of_speech_run_as_in_onnxruntime(name: str) -> None:
    """Six exports of one network: branches on the rate, on shapes, an LSTM or its parts."""
    path = str(resources.files("silero_vad") / "data" / name)
    rng = np.random.default_rng(0)
    feeds = {}
    for one in onnxruntime.InferenceSession(path).get_inputs():
        if one.name == "sr":
            feeds[one.name] = np.array(16_000, np.int64)
        elif one.name == "input":
            feeds[one.name] = rng.standard_normal((1, 576)).astype(np.float32) * 0.3
        else:
            shape = [size if isinstance(size, int) else 1 for size in one.shape]
            feeds[one.name] = rng.standard_normal(shape).astype(np.float32) * 0.1
    model = compare(path, feeds, 1e-5)
    if len(feeds) == 3 and "sr" in feeds:  # which rate it is decides as it runs
        assert any(node.op == "if" for node in model.graph.nodes) or "16k" in name


def test_published_networks_of_pictures_run_as_in_onnxruntime() -> None:
    """SqueezeNet with the weights that onnx's own tests give it, all of them equal."""
    path = str(resources.files("onnx") / "backend/test/data/light/light_squeezenet.onnx")
    picture = np.random.default_rng(0).random((1, 3, 224, 224), np.float32)
    compare(path, {"data_0": picture}, 1e-5)
