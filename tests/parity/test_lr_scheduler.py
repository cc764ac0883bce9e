"""Schedules beside PyTorch's: rates and momenta, state, warnings, and averages of weights."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import tensor_of

STEPS = 45
#: Each makes a scheduler from a library's module of them and an optimizer of two groups.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95 if e % 2 else 1.02),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=6),
    "linear": lambda s, o: s.LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=11),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=20, power=1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=8, eta_min=0.01),
    "cosine whole": lambda s, o: s.CosineAnnealingLR(o, T_max=50),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.001),
    "restarts alike": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=5),
    "triangular": lambda s, o: s.CyclicLR(o, 0.01, 0.2, step_size_up=5, cycle_momentum=False),
    "triangular2": lambda s, o: s.CyclicLR(
        o, [0.01, 0.02], [0.2, 0.3], step_size_up=4, step_size_down=7, mode="triangular2"
    ),
    "exp_range": lambda s, o: s.CyclicLR(
        o, 0.01, 0.2, step_size_up=6, mode="exp_range", gamma=0.97, base_momentum=0.5
    ),
    "scaled": lambda s, o: s.CyclicLR(
        o, 0.01, 0.2, step_size_up=6, scale_fn=lambda x: 1 / x, scale_mode="cycle"
    ),
    "one cycle": lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=50),
    "one cycle of three": lambda s, o: s.OneCycleLR(
        o, max_lr=[0.5, 0.1], epochs=5, steps_per_epoch=10, three_phase=True, pct_start=0.25
    ),
    "one cycle, linear": lambda s, o: s.OneCycleLR(
        o, max_lr=0.5, total_steps=50, anneal_strategy="linear", cycle_momentum=False
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.9)],
        milestones=[5, 25],
    ),
    "chained": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9), s.StepLR(o, 6)]
    ),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [
            s.SequentialLR(o, [s.ConstantLR(o, 0.5), s.ExponentialLR(o, 0.95)], milestones=[3]),
            s.StepLR(o, 4),
        ],
        milestones=[15],
    ),
    "swa": lambda s, o: _swa(s).SWALR(o, swa_lr=0.05, anneal_epochs=7),
    "swa, linear": lambda s, o: _swa(s).SWALR(
        o, swa_lr=[0.05, 0.3], anneal_epochs=5, anneal_strategy="linear"
    ),
    "swa at once": lambda s, o: _swa(s).SWALR(o, swa_lr=0.05, anneal_epochs=0),
}
CLOSED = ["step", "milestones", "constant", "linear", "exponential", "polynomial", "cosine"]


def _swa(schedulers: Any) -> Any:
    return (weft if schedulers.__name__.startswith("weft") else torch).optim.swa_utils


def optimizer_of(library: Any, name: str, rate: Any = float) -> Any:
    params = [library.ones(2), library.ones(3)]
    settings = {"momentum": 0.85} if name == "SGD" else {}
    groups = [{"params": [params[0]]}, {"params": [params[1]], "lr": rate(0.02)}]
    return getattr(library.optim, name)(groups, lr=rate(0.1), **settings)


def scheduler_of(library: Any, case: str, optimizer: Any) -> Any:
    with warnings.catch_warnings():
        # a SequentialLR in another one steps as it is made, in torch too
        warnings.filterwarnings("ignore", r".*before .?optimizer\.step|.*optimizer\.step\(\)")
        return CASES[case](library.optim.lr_scheduler, optimizer)


def rows(optimizer: Any) -> list[tuple[float, ...]]:
    return [
        (float(g["lr"]), float(g.get("momentum", 0)), *map(float, g.get("betas", ())))
        for g in optimizer.param_groups
    ]


def sequence(library: Any, case: str, name: str, rate: Any = float) -> list[Any]:
    optimizer = optimizer_of(library, name, rate)
    scheduler = scheduler_of(library, case, optimizer)
    found = [rows(optimizer)]
    for _ in range(STEPS):
        optimizer.step()
        scheduler.step()
        found.append(rows(optimizer))
        assert [float(x) for x in scheduler.get_last_lr()] == [r[0] for r in found[-1]]
    return found


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
@pytest.mark.parametrize("case", CASES)
def test_rates_and_momenta_are_torchs(case, name):
    np.testing.assert_allclose(
        sequence(weft, case, name), sequence(torch, case, name), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("swa")])
def test_rates_that_are_tensors_are_written_to(case):
    def tensor(library):
        return lambda x: library.tensor(x, dtype=library.float64)

    ours = sequence(weft, case, "AdamW", tensor(weft))
    np.testing.assert_allclose(ours, sequence(torch, case, "AdamW", tensor(torch)), rtol=1e-12)


@pytest.mark.parametrize("case", CLOSED)
def test_the_closed_form_is_torchs(case):
    found = []
    for library in (weft, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = CASES[case](library.optim.lr_scheduler, optimizer)
        optimizer.step()
        rates = []
        for epoch in (3, 11, 7, 0):
            with pytest.warns(UserWarning):
                scheduler.step(epoch)
            rates.append(rows(optimizer))
        found.append(rates)
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_restarts_go_to_fractions_of_epochs():
    found = []
    for library in (weft, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = CASES["restarts"](library.optim.lr_scheduler, optimizer)
        rates = []
        for epoch in (0.5, 3.25, 4.0, 17.5, 2.0):
            scheduler.step(epoch)
            rates.append(rows(optimizer))
        scheduler.step()
        found.append([*rates, rows(optimizer)])
    np.testing.assert_allclose(*found, rtol=1e-12)


PLATEAUS = [
    {"patience": 2},
    {"mode": "max", "factor": 0.5, "patience": 1, "cooldown": 2},
    {"threshold": 0.05, "threshold_mode": "abs", "patience": 1, "min_lr": [0.03, 0.001]},
    {"mode": "max", "threshold_mode": "abs", "patience": 0, "min_lr": 0.002, "eps": 1e-3},
]


@pytest.mark.parametrize("settings", PLATEAUS)
def test_plateaus_are_torchs(settings):
    metrics = 1 + np.cos(np.arange(40) * 0.3) * 0.9 ** np.arange(40)
    found = []
    for library in (weft, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        rates = []
        for i, metric in enumerate(metrics):
            scheduler.step(library.tensor(metric, dtype=library.float64))
            rates.append(rows(optimizer))
            if i == 20:  # goes on from a checkpoint
                saved = copy.deepcopy(scheduler.state_dict())
                scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
                scheduler.load_state_dict(saved)
        found.append((rates, sorted(scheduler.state_dict())))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert found[0][1] == found[1][1]


def state_of(case: str, library: Any, steps: int) -> tuple[Any, Any]:
    optimizer = optimizer_of(library, "SGD")
    scheduler = scheduler_of(library, case, optimizer)
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    return optimizer, scheduler


@pytest.mark.parametrize("case", CASES)
def test_state_has_torchs_names_and_goes_both_ways(case):
    sides = [state_of(case, library, 9) for library in (weft, torch)]
    (_, ours), (_, theirs) = sides
    mine, other = ours.state_dict(), theirs.state_dict()
    assert sorted(mine) == sorted(other)
    for k in ("last_epoch", "_step_count", "base_lrs"):
        if k in mine:
            assert mine[k] == pytest.approx(other[k])
    for source, library in ((theirs, weft), (ours, torch)):
        optimizer, scheduler = state_of(case, library, 0)
        groups = (sides[1] if library is weft else sides[0])[0].state_dict()["param_groups"]
        optimizer.load_state_dict({"state": {}, "param_groups": groups})
        scheduler.load_state_dict(copy.deepcopy(source.state_dict()))
        expected = state_of(case, library, 9 + 12)[0]
        for _ in range(12):
            optimizer.step()
            scheduler.step()
        np.testing.assert_allclose(rows(optimizer), rows(expected), rtol=1e-12)


def names() -> list[str]:
    return [*torch.optim.lr_scheduler.__all__, "SWALR"]


@pytest.mark.parametrize("name", names())
def test_arguments_and_their_defaults_are_torchs(name):
    def shown(library: Any) -> list[tuple[str, Any]]:
        place = library.optim.swa_utils if name == "SWALR" else library.optim.lr_scheduler
        signature = inspect.signature(getattr(place, name).__init__)
        return [(p.name, p.default) for p in signature.parameters.values()]

    assert shown(weft) == shown(torch)


def test_warnings_come_where_torchs_do():
    for library in (weft, torch):
        optimizer = optimizer_of(library, "SGD")
        scheduler = library.optim.lr_scheduler.StepLR(optimizer, 2)
        with pytest.warns(UserWarning, match=r"before .?optimizer.step"):
            scheduler.step()
        with pytest.warns(UserWarning, match="get_last_lr"):
            scheduler.get_lr()
        optimizer = optimizer_of(library, "SGD")
        scheduler = library.optim.lr_scheduler.StepLR(optimizer, 2)
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()


# --- averages of weights ------------------------------------------------------------------------


def averaged(library: Any, way: str, dtype: str, use_buffers: bool) -> list[np.ndarray]:
    utils = library.optim.swa_utils
    made = {
        "swa": {},
        "swa by one": {"avg_fn": utils.get_swa_avg_fn()},
        "swa by many": {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
        "ema": {"avg_fn": utils.get_ema_avg_fn(0.9)},
        "ema by many": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9)},
        "ema of half": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.25)},
    }[way]
    nn = library.nn
    model = nn.Sequential(nn.Linear(4, 30), nn.BatchNorm1d(30), nn.Linear(30, 300))
    model.to(getattr(library, dtype))
    average = utils.AveragedModel(model, use_buffers=use_buffers, **made)
    rng = np.random.default_rng(0)
    for _ in range(6):
        with library.no_grad():
            for x in [*model.parameters(), *model.buffers()]:
                if x.is_floating_point():
                    x.copy_(library.tensor(rng.standard_normal(tuple(x.shape))))
                else:
                    x.fill_(int(rng.integers(100)))
        average.update_parameters(model)
    assert average.n_averaged.item() == 6
    state = average.state_dict()
    assert next(iter(state)) == "n_averaged"
    return [x.numpy() for x in state.values()]


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "way", ["swa", "swa by one", "swa by many", "ema", "ema by many", "ema of half"]
)
def test_averages_are_torchs(way, dtype, use_buffers):
    if way == "swa by many" and use_buffers:
        use_buffers = False  # whole numbers among them are an error of torch's
    ours = averaged(weft, way, dtype, use_buffers)
    theirs = averaged(torch, way, dtype, use_buffers)
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)


def test_update_bn_is_torchs():
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((8, 3)).astype(np.float32) * 3 + 1 for _ in range(4)]
    found = []
    first = None
    for library in (weft, torch):
        model = library.nn.Sequential(library.nn.Linear(3, 5), library.nn.BatchNorm1d(5))
        model.eval()
        if first is None:
            first = model
        else:
            state = {k: tensor_of(v.numpy()) for k, v in first.state_dict().items()}
            model.load_state_dict({**state, "1.num_batches_tracked": torch.tensor(0)})
        loader = [(library.tensor(b), 0) for b in batches]
        library.optim.swa_utils.update_bn(loader, model)
        assert not model.training
        assert model[1].momentum == 0.1
        found.append([model[1].running_mean.numpy(), model[1].running_var.numpy()])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)
    assert math.isfinite(float(found[0][1].sum()))
