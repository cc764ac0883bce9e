"""Optimizers beside PyTorch's: parameters and state step by step, and checkpoints both ways."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.core.optim.cases import (
    BY_FORMULA,
    CASES,
    EACH,
    EACH_OTHER,
    IDS,
    OTHER_IDS,
    OTHERS,
)
from tests.parity.torch_side import tensor_of, to_torch

SHAPES = [(3, 4), (5,), (), (2, 3, 4), (0,)]
STEPS = 100
WAYS = {"fused": {}, "by formula": BY_FORMULA}


@pytest.fixture(params=["float64", "float32"])
def counters(request):
    """Run with counts of steps of either dtype, which follow the default dtype."""
    before = weft.get_default_dtype(), torch.get_default_dtype()
    weft.set_default_dtype(getattr(weft, request.param))
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    weft.set_default_dtype(before[0])
    torch.set_default_dtype(before[1])


class Pair:
    """The same parameters under the same optimizer in both libraries."""

    def __init__(self, name: str, settings: dict[str, Any], way: dict[str, Any], dtype: str):
        self.rng = np.random.default_rng(0)
        self.dtype = dtype
        start = [self.draw(s) for s in SHAPES]
        self.ours = [weft.tensor(x).requires_grad_() for x in start]
        self.theirs = [torch.tensor(x, requires_grad=True) for x in start]
        settings = {k: v for k, v in settings.items() if k != "foreach"}
        self.optimizer = getattr(weft.optim, name)(self.ours, **settings, **way)
        self.reference = getattr(torch.optim, name)(self.theirs, **settings)

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        x = np.asarray(self.rng.standard_normal(shape))
        if self.dtype.startswith("complex"):
            x = x + 1j * self.rng.standard_normal(shape)
        return x.astype(self.dtype)

    def run(self, steps: int, first: int = 0) -> None:
        for step in range(first, first + steps):
            for i, (p, q) in enumerate(zip(self.ours, self.theirs, strict=True)):
                if i == 1 and step % 3 == 1:  # not reached by this step's backward pass
                    p.grad = q.grad = None
                    continue
                g = self.draw(tuple(p.shape))
                p.grad, q.grad = weft.tensor(g), torch.tensor(g)
            self.optimizer.step()
            self.reference.step()

    def agree(self, tolerance: float) -> None:
        for p, q in zip(self.ours, self.theirs, strict=True):
            close(p, q, tolerance)
            mine, other = self.optimizer.state[p], self.reference.state[q]
            assert list(mine) == list(other)
            for name, value in mine.items():
                close(value, other[name], tolerance)


def close(mine: Any, other: Any, tolerance: float) -> None:
    if isinstance(mine, weft.Tensor):
        assert mine.dtype.name == str(other.dtype).removeprefix("torch.")
        assert tuple(mine.shape) == tuple(other.shape)
        np.testing.assert_allclose(
            mine.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance
        )
    elif isinstance(mine, list):
        assert len(mine) == len(other)
        for x, y in zip(mine, other, strict=True):
            close(x, y, tolerance)
    else:
        assert type(mine) is type(other)
        assert mine == pytest.approx(other, rel=tolerance)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_a_hundred_steps_end_where_torchs_do(name, settings, way, counters):
    pair = Pair(name, settings, WAYS[way], "float64")
    pair.run(STEPS)
    pair.agree(1e-10)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_other_dtypes_follow_torch(name, settings, dtype, way):
    pair = Pair(name, settings, WAYS[way], dtype)
    pair.run(20)
    pair.agree(1e-10 if dtype == "complex128" else 3e-4)


@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_a_checkpoint_of_torchs_goes_on_here(name, settings, tmp_path):
    pair = Pair(name, settings, {}, "float64")
    pair.run(7)
    torch.save(pair.reference.state_dict(), tmp_path / "optimizer.pt")
    fresh = getattr(weft.optim, name)(pair.ours, lr=123.0)
    fresh.load_state_dict(weft.io.load_pytorch(tmp_path / "optimizer.pt"))
    pair.optimizer = fresh
    pair.run(10, first=7)
    pair.agree(1e-10)


@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_a_checkpoint_from_here_goes_on_in_torch(name, settings, wide_counters):
    pair = Pair(name, settings, {}, "float64")
    pair.run(7)
    saved = pair.optimizer.state_dict()
    theirs = pair.reference.state_dict()
    assert {**saved, "state": 0} == {**theirs, "state": 0}  # the groups, with all their settings
    assert list(saved["state"]) == list(theirs["state"])
    fresh = getattr(torch.optim, name)(pair.theirs, lr=123.0)
    fresh.load_state_dict(to_torch(saved))
    pair.reference = fresh
    pair.run(10, first=7)
    pair.agree(1e-10)


@pytest.mark.parametrize("name", [*CASES, *OTHERS, "SparseAdam"])
def test_arguments_and_their_defaults_are_to_torch(name):
    def shown(kind: Any) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(kind.__init__)
        return [(p.name, p.default, p.kind) for p in signature.parameters.values()]

    assert shown(getattr(weft.optim, name)) == shown(getattr(torch.optim, name))


@pytest.mark.parametrize("name", [*CASES, *OTHERS, "SparseAdam"])
def test_reprs_are_to_torch(name):
    ours = getattr(weft.optim, name)([weft.ones(2, 2)], lr=0.1)
    theirs = getattr(torch.optim, name)([torch.ones(2, 2)], lr=0.1)
    assert repr(ours) == repr(theirs)
    ours.add_param_group({"params": [weft.ones(3)], "lr": 0.2})
    theirs.add_param_group({"params": [torch.ones(3)], "lr": 0.2})
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", CASES)
def test_a_run_in_two_groups_is_to_torch(name):
    model = weft.nn.Sequential(weft.nn.Linear(4, 8), weft.nn.Tanh(), weft.nn.Linear(8, 1))
    other = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    other.load_state_dict({k: tensor_of(v.numpy()) for k, v in model.state_dict().items()})
    runs = []
    for library, net in ((weft, model), (torch, other)):
        net.double()
        optimizer = getattr(library.optim, name)(
            [{"params": net[0].parameters(), "lr": 0.02}, {"params": net[2].parameters()}], lr=0.01
        )
        x = np.random.default_rng(3).standard_normal((16, 4))
        x, y = library.tensor(x), library.tensor(np.sin(x.sum(1, keepdims=True)))
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = ((net(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        runs.append(losses)
    np.testing.assert_allclose(*runs, rtol=1e-9)
    assert runs[0][-1] < runs[0][0]


# --- those that do not update each element by itself --------------------------------------------


def minimized(library: Any, name: str, settings: dict[str, Any], dtype: str, steps: int) -> Any:
    """Train matrices on a smooth loss; return them, the losses and the optimizer."""
    rng = np.random.default_rng(0)
    shapes = [(40, 60), (7, 3), (3, 9)]
    shapes += [(200, 150)] if name == "Muon" else [(4,), (2, 3, 4)]
    start = [rng.standard_normal(s).astype(dtype) for s in shapes]
    goals = [library.tensor(rng.standard_normal(s).astype(dtype)) for s in shapes]
    params = [library.tensor(x).requires_grad_() for x in start]
    optimizer = getattr(library.optim, name)(params, **settings)
    sign = -1 if settings.get("maximize") else 1
    losses = []

    def closure() -> Any:
        optimizer.zero_grad()
        parts = [((p - q) ** 2 + (p * q).sin()).sum() for p, q in zip(params, goals, strict=True)]
        loss = sign * sum(parts[1:], parts[0])
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return params, losses, optimizer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings"), EACH_OTHER, ids=OTHER_IDS)
def test_steps_of_whole_tensors_are_to_torch(name, settings, dtype):
    steps = 8 if name == "LBFGS" else 30
    tolerance = {"float64": 1e-8, "float32": 2e-2}[dtype]
    if name == "LBFGS" and dtype == "float32":
        # torch's line search interpolates in float32, by differences of losses near 5000
        steps, settings = 1, {**settings, "max_iter": 2, "line_search_fn": None}
    if name == "Muon":  # products in bfloat16, rounded in another order
        tolerance = 2e-2
    if name == "Adafactor":
        settings = {**settings, "foreach": None}
    params, losses, optimizer = minimized(weft, name, settings, dtype, steps)
    theirs, wanted, reference = minimized(torch, name, settings, dtype, steps)
    assert len(losses) == len(wanted)
    np.testing.assert_allclose(losses, wanted, rtol=tolerance)
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(
            p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance
        )
    mine, other = optimizer.state_dict(), reference.state_dict()
    assert {**mine, "state": 0} == {**other, "state": 0}
    assert list(mine["state"]) == list(other["state"])
    for place, state in mine["state"].items():
        assert list(state) == list(other["state"][place])


@pytest.mark.parametrize(("name", "settings"), EACH_OTHER, ids=OTHER_IDS)
def test_state_of_whole_tensors_goes_both_ways(name, settings, tmp_path):
    params, _, optimizer = minimized(weft, name, settings, "float64", 3)
    theirs, _, reference = minimized(torch, name, settings, "float64", 3)
    torch.save(reference.state_dict(), tmp_path / "optimizer.pt")
    loaded = weft.io.load_pytorch(tmp_path / "optimizer.pt")
    fresh = getattr(weft.optim, name)(params, **settings)
    fresh.load_state_dict(loaded)
    back = getattr(torch.optim, name)(theirs, **settings)
    back.load_state_dict(to_torch(optimizer.state_dict()))

    def step(library: Any, one: Any, parameters: list[Any]) -> None:
        def closure() -> Any:
            for p in parameters:
                p.grad = None
            loss = sum(((p - 1) ** 2).sum() for p in parameters)
            loss.backward()
            return loss

        one.step(closure)

    for _ in range(3):
        step(weft, fresh, params)
        step(torch, back, theirs)
    tolerance = 2e-2 if name == "Muon" else 1e-6
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(
            p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance
        )
