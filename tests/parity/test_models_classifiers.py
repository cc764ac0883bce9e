"""The classifiers against PyTorch: same weights, same photo or noise, same scores and gradients.

The oracles are written here from torch.nn, and read the published files with torch.load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import weft
from weft_hub import Hub
from weft_vision import models

pytestmark = pytest.mark.network

LOGITS = 1e-3  # what the project promises; float32 sums of a thousand terms in another order
GRADIENTS = 1e-10  # in float64: in float32 a ReLU6 that falls on the other side of a kink decides


class TorchInvertedResidual(nn.Module):
    """MobileNetV2's block."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(torch_stage(inputs, hidden, 1, 1, 1))
        layers.append(torch_stage(hidden, hidden, 3, stride, hidden))
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.skip else self.conv(x)


def torch_stage(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Module:
    """Convolution, normalisation, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class TorchMobileNetV2(nn.Module):
    """MobileNetV2 of width one."""

    def __init__(self, rows: list[tuple[int, int, int, int]], classes: int = 1000) -> None:
        super().__init__()
        channels, layers = 32, [torch_stage(3, 32, 3, 2, 1)]
        for expansion, outputs, repeats, stride in rows:
            for i in range(repeats):
                block = TorchInvertedResidual(channels, outputs, stride if i == 0 else 1, expansion)
                layers.append(block)
                channels = outputs
        layers.append(torch_stage(channels, 1280, 1, 1, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


MOBILENET_ROWS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
LITE_ROWS = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def torch_efficientnet_lite0(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """EfficientNet-Lite0 as a function of its state, in evaluation mode."""

    def conv(name: str, x: torch.Tensor, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        kernel = weight.shape[-1]
        need = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        pad = (need[1] // 2, need[1] - need[1] // 2, need[0] // 2, need[0] - need[0] // 2)
        return F.conv2d(F.pad(x, pad), weight, stride=stride, groups=groups)

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        names = ("running_mean", "running_var", "weight", "bias")
        mean, var, weight, bias = (state[f"{name}.{part}"] for part in names)
        return F.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = F.relu6(norm("_bn0", conv("_conv_stem", x, 2)))
    block = 0
    for repeats, _, first_stride, expansion, outputs in LITE_ROWS:
        for i in range(repeats):
            p, y, stride = f"_blocks.{block}.", x, first_stride if i == 0 else 1
            if expansion > 1:
                y = F.relu6(norm(p + "_bn0", conv(p + "_expand_conv", y)))
            y = F.relu6(norm(p + "_bn1", conv(p + "_depthwise_conv", y, stride, y.shape[1])))
            y = norm(p + "_bn2", conv(p + "_project_conv", y))
            x = x + y if stride == 1 and x.shape[1] == outputs else y
            block += 1
    x = F.relu6(norm("_bn1", conv("_conv_head", x)))
    return F.linear(x.mean((2, 3)), state["_fc.weight"], state["_fc.bias"])


@pytest.fixture(scope="module")
def published(request: pytest.FixtureRequest) -> Callable[[str], tuple[Any, dict]]:
    """The hub's model and, read by torch.load, the state dict of the file it came from."""
    cache = request.config.cache
    assert cache is not None
    hub = Hub(cache=cache.mkdir("weft-hub"))

    def get(name: str) -> tuple[Any, dict]:
        model = hub.load(name, progress=False)
        (path,) = hub.download(name, progress=False).files.values()
        return model, torch.load(path, weights_only=True)

    return get


def torch_oracle(name: str, state: dict) -> Callable[[torch.Tensor], torch.Tensor]:
    """The PyTorch forward of a published model."""
    if name == "vision/efficientnet-lite0":
        return lambda x: torch_efficientnet_lite0(state, x)
    model = TorchMobileNetV2(MOBILENET_ROWS).eval()
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("name", ["vision/mobilenet-v2", "vision/efficientnet-lite0"])
def test_the_logits_of_photos_and_noise_are_pytorchs(name, published, media):
    model, state = published(name)
    oracle = torch_oracle(name, state)
    photos = [model.preprocess(media / f).numpy() for f in ("chelsea.png", "coffee.jpg")]
    noise = np.random.default_rng(0).standard_normal((1, 3, 96, 75)).astype(np.float32)
    for x in (np.stack(photos), noise):
        with weft.no_grad(), torch.no_grad():
            ours = model(weft.from_numpy(x)).numpy()
            theirs = oracle(torch.from_numpy(x)).numpy()
        assert np.abs(theirs).max() > 1
        np.testing.assert_allclose(ours, theirs, atol=LOGITS, rtol=0)


@pytest.mark.parametrize("name", ["vision/mobilenet-v2", "vision/efficientnet-lite0"])
def test_every_tensor_of_the_file_was_read_as_torch_reads_it(name, published):
    model, state = published(name)
    ours = model.state_dict()
    assert list(ours) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(ours[key].numpy(), value.numpy(), err_msg=key)


@pytest.mark.parametrize("training", [True, False])
def test_loss_gradients_and_statistics_of_a_step_are_pytorchs(training):
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 40, 1, 2)]
    weft.manual_seed(0)
    ours = models.MobileNetV2(num_classes=5, inverted_residual_setting=rows, dropout=0.0)
    ours.to(weft.float64)
    theirs = TorchMobileNetV2(rows, classes=5).double()
    start = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(start)
    ours.train(training)
    theirs.train(training)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 3, 48, 48))
    classes = rng.integers(0, 5, 4)
    our_loss = weft.nn.functional.cross_entropy(ours(weft.from_numpy(x)), weft.tensor(classes))
    our_loss.backward()
    their_loss = F.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(classes))
    their_loss.backward()
    assert our_loss.item() == pytest.approx(their_loss.item(), rel=1e-12)
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        gradient = expected[name].grad.numpy()
        np.testing.assert_allclose(
            parameter.grad.numpy(), gradient, atol=GRADIENTS, rtol=1e-7, err_msg=name
        )
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(
            ours.state_dict()[name].detach().numpy(), value.numpy(), atol=1e-12, err_msg=name
        )
