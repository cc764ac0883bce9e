"""Learning: gradients reach every parameter of a small MobileNetV2, and lower its loss."""

from __future__ import annotations

import pytest

import weft
from weft import nn
from weft_vision import models


def tiny(dtype: weft.dtype = weft.float32) -> nn.Module:
    """A MobileNetV2 of three blocks, without dropout."""
    model = models.MobileNetV2(
        num_classes=3,
        inverted_residual_setting=[(1, 8, 1, 1), (2, 8, 2, 1), (2, 16, 1, 2)],
        width_mult=0.25,
        dropout=0.0,
    )
    return model.to(dtype)


def batch(dtype: weft.dtype = weft.float32) -> tuple[weft.Tensor, weft.Tensor]:
    """Six small images and their classes."""
    return weft.randn(6, 3, 16, 16, dtype=dtype), weft.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_agrees_with_finite_differences(training):
    model = tiny(weft.float64).train(training)
    images, classes = batch(weft.float64)
    if not training:
        model.train()
        model(images)  # running statistics that are not those of a fresh model
        model.eval()

    def loss() -> weft.Tensor:
        return nn.functional.cross_entropy(model(images), classes)

    loss().backward()
    chosen = {
        "features.0.0.weight": 5,
        "features.1.conv.0.0.weight": 3,
        "features.2.conv.0.1.bias": 2,
        "features.3.conv.3.weight": 4,
        "classifier.1.weight": 100,
    }
    named = dict(model.named_parameters())
    for name, place in chosen.items():
        parameter = named[name]
        flat = parameter.data.view(-1)
        centre = flat[place].item()
        # Small, because ReLU6 has kinks and 1e-6 already crosses some; rounding makes 1e-9 here.
        step = 1e-7
        with weft.no_grad():
            flat[place] = centre + step
            above = loss().item()
            flat[place] = centre - step
            below = loss().item()
            flat[place] = centre
        measured = (above - below) / (2 * step)
        assert parameter.grad.reshape(-1)[place].item() == pytest.approx(
            measured, rel=1e-4, abs=1e-8
        ), name


def test_every_parameter_gets_a_gradient():
    model = tiny().train()
    images, classes = batch()
    nn.functional.cross_entropy(model(images), classes).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert weft.isfinite(parameter.grad).all().item(), name
    assert model.classifier[1].weight.grad.abs().sum().item() > 0


def test_the_loss_falls_over_a_few_steps_of_gradient_descent():
    model = tiny().train()
    images, classes = batch()
    losses = []
    for _ in range(12):
        for parameter in model.parameters():
            parameter.grad = None
        loss = nn.functional.cross_entropy(model(images), classes)
        loss.backward()
        losses.append(loss.item())
        with weft.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter - 0.1 * parameter.grad)
    assert losses[-1] < 0.5 * losses[0]
    state = model.state_dict()
    assert state["features.0.1.num_batches_tracked"].item() == 12
    assert state["features.0.1.running_mean"].abs().sum().item() > 0


def test_efficientnet_learns_too():
    model = models.EfficientNetLite(num_classes=2, dropout=0.0, drop_connect_rate=0.0).train()
    images = weft.randn(2, 3, 32, 32)
    nn.functional.cross_entropy(model(images), weft.tensor([0, 1])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert weft.isfinite(parameter.grad).all().item(), name
