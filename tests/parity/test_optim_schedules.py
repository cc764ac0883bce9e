"""Every optimizer under every schedule beside PyTorch's: a model's parameters at each step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft

STEPS = 100
MORE = 20
TOLERANCE = 1e-10

#: Settings by optimizer, with the options that its formula has.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "ASGD": {"lr": 0.05, "t0": 20, "lambd": 1e-3, "weight_decay": 0.01},
    "Adadelta": {"lr": 1.0, "weight_decay": 0.01},
    "Adafactor": {"lr": 0.05, "weight_decay": 0.01},
    "Adagrad": {"lr": 0.05, "lr_decay": 0.01, "initial_accumulator_value": 0.1},
    "Adam": {"lr": 0.01, "amsgrad": True, "weight_decay": 0.01},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1},
    "Adamax": {"lr": 0.01, "maximize": False, "weight_decay": 0.01},
    "LBFGS": {"lr": 0.1, "max_iter": 3, "history_size": 4, "tolerance_change": 0},
    "Muon": {"lr": 0.01, "weight_decay": 0.1},
    "NAdam": {"lr": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.01},
    "RAdam": {"lr": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.01},
    "RMSprop": {"lr": 0.005, "centered": True, "momentum": 0.5, "eps": 1e-4},
    "Rprop": {"lr": 0.01, "step_sizes": (1e-6, 0.05)},
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "SparseAdam": {"lr": 0.02},
}


def warm_up(library: Any, optimizer: Any) -> Any:
    """Return a scheduler of a user's: a subclass with a get_lr of its own."""

    class WarmUp(library.optim.lr_scheduler.LRScheduler):
        def __init__(self, optimizer: Any, length: int, last_epoch: int = -1) -> None:
            self.length = length
            super().__init__(optimizer, last_epoch)

        def get_lr(self) -> list[float]:
            share = min(1.0, (self.last_epoch + 1) / self.length)
            return [base * share for base in self.base_lrs]

    return WarmUp(optimizer, 15)


def cycled(optimizer: Any) -> dict[str, Any]:
    """Return bounds of momentum where there is one, else that none is cycled."""
    if "betas" in optimizer.defaults or "momentum" in optimizer.defaults:
        return {"cycle_momentum": True, "base_momentum": 0.6, "max_momentum": 0.9}
    return {"cycle_momentum": False}


def decays(optimizer: Any) -> list[Callable[[int], float]]:
    """Return a function of the epoch for each group."""
    return [lambda e: 0.98**e, lambda e: 1 / (1 + 0.1 * e)][: len(optimizer.param_groups)]


#: Each makes a scheduler from a library, its module of schedulers and an optimizer.
SCHEDULES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "ChainedScheduler": lambda m, s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 30), s.ExponentialLR(o, 0.98), s.StepLR(o, 25)]
    ),
    "ConstantLR": lambda m, s, o: s.ConstantLR(o, 0.5, total_iters=40),
    "CosineAnnealingLR": lambda m, s, o: s.CosineAnnealingLR(o, 30, eta_min=1e-4),
    "CosineAnnealingWarmRestarts": lambda m, s, o: s.CosineAnnealingWarmRestarts(o, 15, 2),
    "CyclicLR": lambda m, s, o: s.CyclicLR(
        o, 1e-3, 0.02, step_size_up=12, step_size_down=7, mode="triangular2", **cycled(o)
    ),
    "ExponentialLR": lambda m, s, o: s.ExponentialLR(o, 0.97),
    "LambdaLR": lambda m, s, o: s.LambdaLR(o, decays(o)),
    "LinearLR": lambda m, s, o: s.LinearLR(o, 0.2, total_iters=50),
    "MultiStepLR": lambda m, s, o: s.MultiStepLR(o, [20, 60, 60], gamma=0.4),
    "MultiplicativeLR": lambda m, s, o: s.MultiplicativeLR(o, lambda e: 0.98 if e % 2 else 1.01),
    "OneCycleLR": lambda m, s, o: s.OneCycleLR(
        o, 0.02, total_steps=STEPS + MORE, three_phase=True, **cycled(o)
    ),
    "PolynomialLR": lambda m, s, o: s.PolynomialLR(o, 80, power=2.0),
    "ReduceLROnPlateau": lambda m, s, o: s.ReduceLROnPlateau(o, patience=3, cooldown=2, factor=0.7),
    "SWALR": lambda m, s, o: m.optim.swa_utils.SWALR(o, swa_lr=0.003, anneal_epochs=40),
    "SequentialLR": lambda m, s, o: s.SequentialLR(
        o, [s.LinearLR(o, total_iters=10), s.CosineAnnealingLR(o, 60)], [10]
    ),
    "StepLR": lambda m, s, o: s.StepLR(o, 30, gamma=0.3),
    "a user's": lambda m, s, o: warm_up(m, o),
}


def orthogonal(x: Any, coefficients: Any, rounds: int, eps: float) -> Any:
    """Run Muon's iteration in the matrix's own dtype, in either library."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if tall else x


@pytest.fixture(autouse=True)
def exact_muon(monkeypatch):
    """Let both run Muon's iteration in float64; in bfloat16 each rounds in an order of its own.

    tests/parity/test_optim.py compares the iterations themselves.
    """
    monkeypatch.setattr("weft.optim.muon.orthogonalized", orthogonal)
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", orthogonal)


class Run:
    """A table of embeddings and two layers in one of the libraries, being trained."""

    def __init__(self, library: Any, name: str, schedule: str, seed: int = 0) -> None:
        self.library, self.name = library, name
        nn = library.nn
        sparse = {"sparse": True} if name == "SparseAdam" and library is torch else {}
        table = nn.Embedding(9, 3, **sparse)
        head = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        self.model = nn.ModuleList([table, head]).double()
        rng = np.random.default_rng(seed)
        with library.no_grad():
            for p in self.model.parameters():
                p.copy_(library.tensor(rng.standard_normal(tuple(p.shape))))
        self.optimizer = getattr(library.optim, name)(self.groups(), **OPTIMIZERS[name])
        make = SCHEDULES[schedule]
        self.scheduler = make(library, library.optim.lr_scheduler, self.optimizer)
        self.batches = np.random.default_rng(1)
        self.by_metric = schedule == "ReduceLROnPlateau"

    def groups(self) -> Any:
        table, head = self.model
        if self.name == "SparseAdam":
            return list(table.parameters())
        if self.name == "LBFGS":
            return list(self.model.parameters())
        rest = [p for p in head.parameters() if p.ndim == 2 or self.name != "Muon"]
        return [
            {"params": table.parameters()},
            {"params": rest, "lr": 0.5 * OPTIMIZERS[self.name]["lr"]},
        ]

    def step(self) -> None:
        library, (table, head) = self.library, self.model
        decay = 0.0
        if self.name == "LBFGS":  # it is for one loss, and convex; elsewhere rounding is magnified
            self.batches, decay = np.random.default_rng(1), 1.0
        x = library.tensor(self.batches.integers(0, 9, 6))
        y = library.tensor(self.batches.standard_normal((6, 2)))

        def closure() -> Any:
            self.optimizer.zero_grad()
            loss = ((head(table(x)) - y) ** 2).mean()
            if decay:
                loss = loss + sum(decay * (p * p).sum() for p in self.model.parameters())
            loss.backward()
            return loss

        loss = self.optimizer.step(closure)
        self.scheduler.step(*([loss.item()] if self.by_metric else []))

    def run(self, steps: int) -> np.ndarray:
        """Train; return the parameters after each step, (steps, parameters)."""
        rows = []
        for _ in range(steps):
            self.step()
            each = [p.detach().numpy().reshape(-1) for p in self.model.parameters()]
            rows.append(np.concatenate(each))
        return np.stack(rows)

    def state(self) -> dict[str, Any]:
        parts = (self.model, self.optimizer, self.scheduler)
        return {k: p.state_dict() for k, p in zip("mos", parts, strict=True)}

    def load(self, state: dict[str, Any], source: Run) -> Run:
        self.model.load_state_dict(state["m"])
        self.optimizer.load_state_dict(state["o"])
        self.scheduler.load_state_dict(state["s"])
        self.batches = copy.deepcopy(source.batches)
        return self


def agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    gaps = np.abs(ours - theirs).max(1)
    first = int(np.argmax(~(gaps < TOLERANCE)))
    assert (gaps < TOLERANCE).all(), f"step {first}: {gaps[first]:.1e} apart, at most {gaps.max()}"


def test_all_optimizers_and_schedules_are_here():
    kinds = vars(torch.optim).values()
    assert set(OPTIMIZERS) == {
        k.__name__
        for k in kinds
        if isinstance(k, type)
        and issubclass(k, torch.optim.Optimizer)
        and k is not torch.optim.Optimizer
    }
    theirs = {*torch.optim.lr_scheduler.__all__, "SWALR", "a user's"} - {"LRScheduler"}
    assert set(SCHEDULES) == theirs


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_of_a_hundred_steps_is_torchs(name, schedule):
    ours = Run(weft, name, schedule).run(STEPS)
    theirs = Run(torch, name, schedule).run(STEPS)
    assert np.abs(theirs[-1] - theirs[0]).max() > 1e-3  # it trained
    agree(ours, theirs)


#: Each optimizer under one schedule at least, each schedule with one optimizer at least.
PAIRS = [
    *(pair for pair in zip(OPTIMIZERS, SCHEDULES, strict=False)),
    ("AdamW", "StepLR"),
    ("SGD", "a user's"),
    ("AdamW", "OneCycleLR"),
    ("SGD", "CyclicLR"),
]


@pytest.mark.parametrize(("name", "schedule"), PAIRS)
def test_a_run_is_handed_over_in_mid_way_and_goes_on(name, schedule, tmp_path, wide_counters):
    """torch's state goes on in weft, weft's in torch; each then takes the steps of the other."""
    ours, theirs = Run(weft, name, schedule), Run(torch, name, schedule)
    agree(ours.run(15), theirs.run(15))
    torch.save(theirs.state(), tmp_path / "torch.pt")
    here = Run(weft, name, schedule, seed=7)
    here.load(weft.io.load_pytorch(tmp_path / "torch.pt"), theirs)
    weft.io.save_pytorch(ours.state(), tmp_path / "weft.pt")
    there = Run(torch, name, schedule, seed=8)
    there.load(torch.load(tmp_path / "weft.pt", weights_only=True), ours)
    expected = theirs.run(MORE)
    agree(here.run(MORE), expected)
    agree(there.run(MORE), expected)
    agree(ours.run(MORE), expected)
