"""MobileNetV2, EfficientNet-Lite0 and the table of models, without pretrained weights."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import weft
from weft import nn
from weft_vision import models
from weft_vision.models import _table
from weft_vision.models._channels import make_divisible
from weft_vision.models._same_padding import Conv2dSame
from weft_vision.models._table import OWN


def parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(p.numel() for p in model.parameters())


def test_channels_are_rounded_to_the_nearest_multiple():
    assert make_divisible(32 * 0.75, 8) == 24
    assert make_divisible(20, 8) == 24  # half goes up
    assert make_divisible(19, 8) == 24  # 16 would be more than a tenth below
    assert make_divisible(3, 8) == 8


def test_mobilenet_v2_has_the_parameters_of_the_published_network():
    model = models.mobilenet_v2()
    assert parameters(model) == 3_504_872
    state = model.state_dict()
    assert tuple(state["features.0.0.weight"].shape) == (32, 3, 3, 3)
    assert tuple(state["features.1.conv.1.weight"].shape) == (16, 32, 1, 1)
    assert tuple(state["features.17.conv.2.weight"].shape) == (320, 960, 1, 1)
    assert tuple(state["features.18.0.weight"].shape) == (1280, 320, 1, 1)
    assert tuple(state["classifier.1.weight"].shape) == (1000, 1280)
    assert "features.18.1.num_batches_tracked" in state
    assert len(state) == 314


@pytest.mark.parametrize(("width", "count"), [(0.5, 1_968_680), (1.4, 6_108_776)])
def test_a_width_multiplier_gives_the_published_counts(width, count):
    assert parameters(models.mobilenet_v2(width_mult=width)) == count


def test_efficientnet_lite0_has_the_parameters_of_the_published_network():
    model = models.efficientnet_lite0()
    assert parameters(model) == 4_652_008
    state = model.state_dict()
    assert tuple(state["_conv_stem.weight"].shape) == (32, 3, 3, 3)
    assert "_blocks.0._expand_conv.weight" not in state
    assert tuple(state["_blocks.15._project_conv.weight"].shape) == (320, 1152, 1, 1)
    assert tuple(state["_fc.bias"].shape) == (1000,)
    assert model._bn0.eps == 1e-3
    assert model._bn0.momentum == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_lite0"])
@pytest.mark.parametrize("size", [64, 75])
def test_any_image_size_gives_a_score_a_class(name, size):
    model = models.get_model(name, num_classes=7)
    assert not model.training
    with weft.no_grad():
        scores = model(weft.randn(2, 3, size, size))
    assert tuple(scores.shape) == (2, 7)
    assert np.isfinite(scores.numpy()).all()


def test_the_first_values_are_torchvisions():
    model = models.mobilenet_v2()
    state = model.state_dict()
    head = state["features.18.0.weight"].numpy()
    assert head.std() == pytest.approx((2 / 1280) ** 0.5, rel=0.02)  # fan-out is 1280
    assert abs(head.mean()) < 1e-3
    assert state["classifier.1.weight"].numpy().std() == pytest.approx(0.01, rel=0.02)
    assert not state["classifier.1.bias"].numpy().any()
    assert (state["features.0.1.weight"].numpy() == 1).all()


def test_two_fresh_models_differ():
    first, second = (models.mobilenet_v2(width_mult=0.25) for _ in range(2))
    assert (first.classifier[1].weight != second.classifier[1].weight).any().item()


def test_a_setting_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="rows"):
        models.mobilenet_v2(inverted_residual_setting=[(1, 16, 1)])


def test_a_block_stride_of_three_is_refused():
    with pytest.raises(ValueError, match="stride must be 1 or 2, got 3"):
        models.InvertedResidual(8, 8, 3, 6)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [7, 8])
def test_same_padding_gives_ceil_of_size_over_stride(kernel, stride, size):
    layer = Conv2dSame(1, 1, kernel, stride, bias=False)
    assert layer(weft.zeros(1, 1, size, size)).shape[-1] == -(-size // stride)


def test_same_padding_puts_the_odd_pixel_behind():
    layer = Conv2dSame(1, 1, 3, 2, bias=False)
    with weft.no_grad():
        layer.weight.copy_(weft.arange(9, dtype=weft.float32).reshape(1, 1, 3, 3))
        impulse = weft.zeros(1, 1, 4, 4)
        impulse[0, 0, 0, 0] = 1
        # No pixel is padded before, so the first output sees the corner with the first weight.
        assert layer(impulse)[0, 0].tolist() == [[0, 0], [0, 0]]
        impulse = weft.zeros(1, 1, 4, 4)
        impulse[0, 0, 3, 3] = 1
        assert layer(impulse)[0, 0].tolist() == [[0, 0], [0, 4]]


def test_a_dropped_branch_leaves_the_input():
    model = models.EfficientNetLite(num_classes=2, drop_connect_rate=1 - 1e-9)
    block = model._blocks[-2]  # a block with a skip, at a depth where nearly all is dropped
    assert block._skips
    block.train()
    block._drop = 1 - 1e-9
    x = weft.randn(4, 192, 4, 4)
    with weft.no_grad():
        np.testing.assert_array_equal(block(x).numpy(), x.numpy())


def test_models_are_listed_and_made_by_name():
    assert {"mobilenet_v2", "efficientnet_lite0"} <= set(models.list_models())
    model = models.get_model("mobilenet_v2", num_classes=3, width_mult=0.35)
    assert tuple(model.classifier[1].weight.shape) == (3, 1280)


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(ValueError, match="'mobilenet_v3'; did you mean 'mobilenet_v2'"):
        models.get_model("mobilenet_v3")


def test_a_model_of_another_package_is_found_by_its_entry_point(monkeypatch):
    point = EntryPoint("as_it_is", "weft.nn:Identity", "weft.models")

    def points(group: str) -> list[EntryPoint]:
        assert group == "weft.models"
        return [point]

    monkeypatch.setattr(_table, "entry_points", points)
    own = ["cifar_resnet20", "efficientnet_lite0", "mnist_cnn", "mobilenet_v2"]
    assert models.list_models() == ["as_it_is", *own]
    assert isinstance(models.get_model("as_it_is"), nn.Identity)


def test_the_table_and_the_entry_points_say_the_same(repository):
    project = tomllib.loads((repository / "packages/vision/pyproject.toml").read_text())
    points = project["project"]["entry-points"]["weft.models"]
    assert points == {name: f"weft_vision.models:{f.__name__}" for name, f in OWN.items()}


@pytest.mark.parametrize("make", [models.mobilenet_v2, models.efficientnet_lite0])
def test_a_fused_copy_gives_the_same_scores(make):
    weft.manual_seed(0)
    model = make(num_classes=10)
    for module in model.modules():
        if isinstance(module, weft.nn.BatchNorm2d):
            with weft.no_grad():
                module.running_mean.copy_(weft.randn(module.num_features) * 0.1)
                module.running_var.copy_(weft.rand(module.num_features) + 0.5)
    fused = weft.nn.utils.fusion.fuse_for_inference(model)
    x = weft.randn(2, 3, 96, 96)
    with weft.no_grad():
        wanted, got = model(x), fused(x)
    assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()
