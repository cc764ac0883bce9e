"""Whole training loops beside PyTorch's: accumulated and clipped gradients, scaling, averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft

STEPS = 40
TOLERANCE = 1e-10


def clipped_norm(**settings: Any) -> Callable[[Any, Any], Any]:
    return lambda library, params: library.nn.utils.clip_grad_norm_(params, **settings)


#: What is done to gradients before a step; what it returns is compared too.
CLIPS: dict[str, Callable[[Any, Any], Any]] = {
    "no": lambda library, params: None,
    "norm": clipped_norm(max_norm=0.05),
    "norm 1": clipped_norm(max_norm=0.5, norm_type=1),
    "largest": clipped_norm(max_norm=0.02, norm_type=math.inf),
    "norm above": clipped_norm(max_norm=1e6, error_if_nonfinite=True),
    "value": lambda library, params: library.nn.utils.clip_grad_value_(params, 0.01),
    "parts": lambda library, params: library.nn.utils.clip_grads_with_norm_(
        params, 0.05, library.nn.utils.get_total_norm([p.grad for p in params])
    ),
}


def model_of(library: Any) -> Any:
    nn = library.nn
    # A bias before batch norm has a gradient of rounding alone, which Adam would make large.
    first = nn.Linear(4, 6, bias=False)
    model = nn.Sequential(first, nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2)).double()
    rng = np.random.default_rng(0)
    with library.no_grad():
        for p in model.parameters():
            p.copy_(library.tensor(rng.standard_normal(tuple(p.shape))))
    return model


def batches(library: Any, count: int, size: int = 8) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    pairs = [(rng.standard_normal((size, 4)), rng.standard_normal((size, 2))) for _ in range(count)]
    return [(library.tensor(x), library.tensor(y)) for x, y in pairs]


def flat(tensors: Any) -> np.ndarray:
    return np.concatenate([np.asarray(t.detach().numpy(), float).reshape(-1) for t in tensors])


def trained(library: Any, name: str, parts: int, clip: str, scale: float | None) -> Any:
    """Train with gradients of several batches a step; return parameters, averages and norms."""
    model = model_of(library)
    utils = library.optim.swa_utils
    optimizer = getattr(library.optim, name)(model.parameters(), lr=0.02, weight_decay=0.01)
    scheduler = library.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.05, total_steps=STEPS + 1, cycle_momentum=name != "SGD"
    )
    scaler = library.amp.GradScaler(
        "cpu", init_scale=scale or 1.0, growth_interval=7, enabled=scale is not None
    )
    average = utils.AveragedModel(
        model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.9), use_buffers=False
    )
    rows = []
    params = list(model.parameters())
    data = batches(library, STEPS * parts)
    for step in range(STEPS):
        optimizer.zero_grad()
        for x, y in data[step * parts : (step + 1) * parts]:
            loss = ((model(x) - y) ** 2).mean() / parts
            scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        gradients = flat([p.grad for p in params])
        norm = CLIPS[clip](library, params)
        norms = [] if norm is None else [float(norm)]
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        average.update_parameters(model)
        kept = flat(average.module.parameters())
        rows.append(np.concatenate([flat(params), kept, gradients, norms, [scaler.get_scale()]]))
    return np.stack(rows)


@pytest.mark.parametrize("scale", [None, 1024.0])
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_accumulated_clipped_and_scaled_gradients_train_as_torchs(name, clip, scale):
    ours = trained(weft, name, 3, clip, scale)
    theirs = trained(torch, name, 3, clip, scale)
    assert np.abs(theirs[-1] - theirs[0]).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("library", [weft, torch], ids=["weft", "torch"])
def test_parts_of_a_batch_have_the_gradient_of_the_whole(library):
    nn = library.nn
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    ((x, y),) = batches(library, 1, 12)
    ((model(x) - y) ** 2).mean().backward()
    whole = flat(p.grad for p in model.parameters())
    model.zero_grad()
    for i in range(0, 12, 4):
        (((model(x[i : i + 4]) - y[i : i + 4]) ** 2).mean() / 3).backward()
    np.testing.assert_allclose(flat(p.grad for p in model.parameters()), whole, atol=1e-14)


def averaged(library: Any, way: str) -> Any:
    """Train with a rate that ends fixed; return the average's parameters and its batch norm."""
    utils = library.optim.swa_utils
    settings: dict[str, Any] = {
        "swa": {},
        "ema": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.8)},
        "ema by one": {"avg_fn": utils.get_ema_avg_fn(0.8)},
        "a user's": {"avg_fn": lambda mean, x, count: mean + (x - mean) * 0.3},
    }[way]
    model = model_of(library)
    optimizer = library.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = library.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    fixed = utils.SWALR(optimizer, swa_lr=0.02, anneal_epochs=3)
    average = utils.AveragedModel(model, **settings)
    data = batches(library, 4)
    rows = []
    for epoch in range(12):
        for x, y in data:
            optimizer.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            optimizer.step()
        if epoch >= 5:
            average.update_parameters(model)
            fixed.step()
        else:
            schedule.step()
        rows.append(np.concatenate([flat(average.parameters()), [optimizer.param_groups[0]["lr"]]]))
    utils.update_bn(data, average)
    norm = average.module[1]
    with library.no_grad():
        out = average.eval()(data[0][0])
    statistics = flat([norm.running_mean, norm.running_var, out])
    return np.stack(rows), statistics, int(average.n_averaged), int(norm.num_batches_tracked)


@pytest.mark.parametrize("way", ["swa", "ema", "ema by one", "a user's"])
def test_averages_of_a_run_with_a_fixed_rate_are_torchs(way):
    ours, theirs = averaged(weft, way), averaged(torch, way)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=TOLERANCE, atol=TOLERANCE)
    assert ours[2] == 7
