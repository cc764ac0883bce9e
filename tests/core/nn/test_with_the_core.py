"""Modules under what the core offers: function transforms, the meta device, half precision."""

from __future__ import annotations

import pytest

import weft
from weft import nn


@pytest.fixture(autouse=True)
def seed() -> None:
    weft.manual_seed(5)


def image_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU6(inplace=True), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(2, 3),
    ).eval()  # fmt: skip


def close(one: weft.Tensor, two: weft.Tensor) -> bool:
    return bool((one - two).detach().abs().max().item() < 1e-5)


def test_vmap_maps_a_whole_network() -> None:
    net, x = image_net(), weft.randn(4, 1, 1, 6, 6)
    assert close(weft.func.vmap(net)(x), weft.stack([net(one) for one in x]))


def test_vmap_maps_a_recurrent_layer() -> None:
    layer, x = nn.LSTM(3, 2, 2, batch_first=True, bidirectional=True), weft.randn(5, 2, 4, 3)
    mapped = weft.func.vmap(lambda one: layer(one)[0])(x)
    assert close(mapped, weft.stack([layer(one)[0] for one in x]))


def test_grad_and_jvp_agree_through_a_network() -> None:
    net, x, t = image_net().double(), *weft.randn(2, 1, 1, 6, 6, dtype=weft.float64)
    gradient = weft.func.grad(lambda a: net(a).sum())(x)
    _, slope = weft.func.jvp(net, (x,), (t,))
    assert (gradient * t).sum().item() == pytest.approx(slope.sum().item(), rel=1e-10)


def test_a_layer_on_the_meta_device_has_shapes_and_takes_weights_by_assignment() -> None:
    layer = nn.Linear(2, 3, device="meta")
    assert str(layer.weight.device) == "meta"
    assert layer(weft.empty(4, 2, device="meta")).shape == (4, 3)
    source = nn.Linear(2, 3)
    layer.load_state_dict(source.state_dict(), assign=True)
    x = weft.randn(4, 2)
    assert layer(x).tolist() == source(x).tolist()
    assert layer.weight.requires_grad


@pytest.mark.parametrize("dtype", [weft.float16, weft.bfloat16])
def test_networks_run_and_differentiate_in_half_precision(dtype: weft.dtype) -> None:
    net = image_net().to(dtype)
    y = net(weft.randn(2, 1, 6, 6).to(dtype))
    assert y.dtype is dtype
    y.sum().backward()
    assert all(p.grad is not None and p.grad.dtype is dtype for p in net.parameters())


def test_no_grad_records_nothing_through_a_network() -> None:
    with weft.no_grad():
        assert not image_net()(weft.randn(1, 1, 6, 6)).requires_grad


def test_training_reduces_the_loss() -> None:
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    x = weft.randn(64, 2)
    target = (x[:, 0] * x[:, 1] > 0).to(weft.int64)
    loss_of = nn.CrossEntropyLoss()
    first = loss_of(net(x), target).item()
    for _ in range(150):
        net.zero_grad()
        loss = loss_of(net(x), target)
        loss.backward()
        with weft.no_grad():
            for parameter in net.parameters():
                parameter.copy_(parameter - parameter.grad)
    assert loss.item() < 0.3 * first
