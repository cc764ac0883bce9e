"""Fused steps against formulas: every kernel, dtype and layout, and what kernels leave alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import weft
from tests.core.optim.cases import BY_FORMULA, EACH, IDS, OTHERS
from weft._backend.cpu import switches
from weft._backend.cpu.language import usable
from weft.optim import _fused

TOLERANCES = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}
SHAPES = [(3, 4), (5,), (), (2, 3, 4, 5), (0,), (1000,), (1, 1, 3)]


def made(shapes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    kind = getattr(weft, dtype)
    return [weft.tensor(rng.standard_normal(s)).to(kind).requires_grad_() for s in shapes]


def trained(name, settings, params, steps=5, seed=1, skipped=()):
    """Run steps with random gradients; return the optimizer."""
    rng = np.random.default_rng(seed)
    optimizer = getattr(weft.optim, name)(params, **settings)
    for step in range(steps):
        for i, p in enumerate(params):
            g = weft.tensor(rng.standard_normal(tuple(p.shape))).to(p.dtype)
            p.grad = None if (step, i) in skipped else g
        optimizer.step()
    return optimizer


def wide(x):
    return (x if x.is_complex() else x.to(weft.float64)).detach().numpy()


def agree(first, second, tolerance):
    """Compare parameters and state of two optimizers."""
    for group, other in zip(first.param_groups, second.param_groups, strict=True):
        for p, q in zip(group["params"], other["params"], strict=True):
            pairs = [(p, q)]
            assert list(first.state[p]) == list(second.state[q])
            pairs += [(x, second.state[q][name]) for name, x in first.state[p].items()]
            for x, y in pairs:
                assert x.dtype is y.dtype
                size = float(np.nanmax(np.abs(wide(y)), initial=1.0))  # sums round by the largest
                np.testing.assert_allclose(wide(x), wide(y), rtol=tolerance, atol=tolerance * size)


@pytest.fixture
def kernel_calls(monkeypatch):
    """Count the parameters that kernels update."""
    counts = []
    run = _fused.Plan.run

    def counting(self, *args):
        counts.append(len(self.updated))
        run(self, *args)

    monkeypatch.setattr(_fused.Plan, "run", counting)
    return counts


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_a_fused_step_is_the_formula(name, settings, dtype, kernel_calls):
    if "centered" in settings and dtype in ("float16", "bfloat16"):
        settings = {**settings, "centered": False}  # v - m² falls below 0 by rounding
    skipped = {(1, 0), (2, 0), (0, 3)}  # counts of steps then differ
    if dtype == "float16" and "eps" in getattr(weft.optim, name)([weft.ones(1)]).defaults:
        settings = {**settings, "eps": 1e-2}  # squares vanish in float16, and 1e-8 does
    fused = trained(name, settings, made(SHAPES, dtype), skipped=skipped)
    assert not usable() or max(kernel_calls) >= len(SHAPES) - 1
    plain = trained(name, {**settings, **BY_FORMULA}, made(SHAPES, dtype), skipped=skipped)
    agree(fused, plain, TOLERANCES[dtype])


@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_complex_parameters_are_pairs_of_real_ones(name, settings, kernel_calls):
    def both():
        rng = np.random.default_rng(0)
        return [weft.tensor(rng.standard_normal(5) + 1j * rng.standard_normal(5)).requires_grad_()]

    def run(params, extra):
        rng = np.random.default_rng(1)
        optimizer = getattr(weft.optim, name)(params, **settings, **extra)
        for _ in range(4):
            params[0].grad = weft.tensor(rng.standard_normal(5) + 1j * rng.standard_normal(5))
            optimizer.step()
        return optimizer

    agree(run(both(), {}), run(both(), BY_FORMULA), 1e-12)
    assert not usable() or kernel_calls


@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_many_threads_and_large_tensors_change_nothing(name, settings):
    shapes = [(300, 301), (7,), (70000,)]
    fused = trained(name, settings, made(shapes, "float32"), steps=3)
    plain = trained(name, {**settings, **BY_FORMULA}, made(shapes, "float32"), steps=3)
    agree(fused, plain, 2e-5)


def test_layouts_that_differ_are_brought_together(kernel_calls):
    def params():
        base = made([(2, 3, 4, 5)], "float64")[0].detach()
        nhwc = base.to(memory_format=weft.channels_last).requires_grad_()
        return [nhwc, base.clone().transpose(1, 3).requires_grad_()]

    fused = trained("Adam", {"lr": 0.1}, params())
    plain = trained("Adam", {"lr": 0.1, **BY_FORMULA}, params())
    agree(fused, plain, 1e-12)
    assert not usable() or set(kernel_calls) == {2}
    assert fused.param_groups[0]["params"][0].is_contiguous(memory_format=weft.channels_last)


def test_state_that_is_loaded_takes_on_its_parameters_layout(kernel_calls):
    def parameter(to):
        base = made([(2, 3, 4, 5)], "float64")[0].detach()
        return base.to(memory_format=to).requires_grad_()

    first, second = parameter(weft.contiguous_format), parameter(weft.channels_last)
    start = trained("Adam", {"lr": 0.1}, [first])
    optimizer = weft.optim.Adam([second], lr=0.1)
    optimizer.load_state_dict(copy.deepcopy(start.state_dict()))  # else they share it
    second.data = first.detach().to(memory_format=weft.channels_last)
    kernel_calls.clear()
    for p, one in ((first, start), (second, optimizer)):
        p.grad = weft.ones(2, 3, 4, 5, dtype=weft.float64)
        one.step()
    agree(optimizer, start, 1e-12)
    assert not usable() or kernel_calls == [1, 1]


def test_a_parameter_with_gaps_in_its_memory_goes_by_formula(kernel_calls):
    def params():
        whole = made([(6, 8)], "float64")[0].detach()
        return [whole[:, ::2].requires_grad_(), made([(3,)], "float64")[0]]

    fused = trained("Adam", {"lr": 0.1}, params())
    plain = trained("Adam", {"lr": 0.1, **BY_FORMULA}, params())
    agree(fused, plain, 1e-12)
    assert not usable() or set(kernel_calls) == {1}


def test_parameters_that_share_memory_are_updated_one_after_the_other(kernel_calls):
    whole = weft.ones(6)
    first, second = whole[:4].requires_grad_(), whole[2:].requires_grad_()
    optimizer = weft.optim.SGD([first, second], lr=1.0)
    first.grad, second.grad = weft.ones(4), weft.ones(4)
    optimizer.step()
    assert whole.tolist() == [0.0, 0.0, -1.0, -1.0, 0.0, 0.0]
    assert kernel_calls == []


def test_read_only_memory_is_refused():
    p = weft.ones(1).expand(3).requires_grad_()
    optimizer = weft.optim.SGD([p], lr=1.0)
    p.grad = weft.ones(3)
    with pytest.raises(ValueError, match="read-only"):
        optimizer.step()


@pytest.mark.parametrize("way", [{}, BY_FORMULA], ids=["fused", "by formula"])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_step_is_a_write_that_backward_notices(name, way):
    p = weft.ones(3, requires_grad=True)
    optimizer = getattr(weft.optim, name)([p], lr=0.1, **way)
    for _ in range(2):
        loss = (p * p).sum()
        loss.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError, match="overwritten in place by"):
            loss.backward()


@pytest.mark.parametrize("way", [{}, BY_FORMULA], ids=["fused", "by formula"])
def test_a_step_is_a_write_to_the_state_too(way):
    p = weft.ones(3, requires_grad=True)
    optimizer = weft.optim.Adam([p], lr=0.1, **way)
    p.grad = weft.ones(3)
    optimizer.step()
    mean = optimizer.state[p]["exp_avg"]
    x = weft.ones(3, requires_grad=True)
    y = (x * mean).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="overwritten in place by"):
        y.backward()


def test_arrays_that_were_replaced_are_noticed():
    p = weft.ones(3, requires_grad=True)
    q = weft.ones(3, requires_grad=True)
    optimizers = [weft.optim.Adam([p], lr=0.1), weft.optim.Adam([q], lr=0.1, **BY_FORMULA)]
    for step in range(6):
        for one, optimizer in zip((p, q), optimizers, strict=True):
            one.grad = weft.tensor([1.0, -2.0, 0.5])
            optimizer.step()
            if step == 1:
                one.data = one.detach() * 2
            if step == 2:
                optimizer.state[one]["exp_avg"] = weft.zeros(3)
            if step == 3:
                optimizer.load_state_dict(optimizer.state_dict())
            if step == 4:
                optimizer.param_groups[0]["lr"] = 0.5
    agree(*optimizers, 1e-6)


def test_a_gradient_of_another_shape_is_refused():
    p = weft.ones(6, requires_grad=True)
    optimizer = weft.optim.SGD([p], lr=0.1)
    p.grad = weft.ones(6)
    optimizer.step()
    p.data = weft.ones(60_000)
    with pytest.raises((ValueError, RuntimeError), match=r"shape|broadcast"):
        optimizer.step()


def test_settings_that_change_the_state_are_noticed():
    def run(way):
        p = made([(7,)], "float64")[0]
        optimizer = weft.optim.RMSprop([p], lr=0.1, momentum=0.9, centered=True, **way)
        for momentum in (0.9, 0.9, 0.0, 0.0, 0.9):
            optimizer.param_groups[0]["momentum"] = momentum
            p.grad = weft.ones(7, dtype=weft.float64)
            optimizer.step()
        return optimizer

    agree(run({}), run(BY_FORMULA), 1e-12)


def test_groups_have_their_own_settings():
    def run(way):
        params = made([(3,), (4,), (5,)], "float64")
        groups = [
            {"params": params[:1], "lr": 0.5},
            {"params": params[1:], "weight_decay": 0.1, "amsgrad": True},
        ]
        optimizer = weft.optim.Adam(groups, lr=0.1, **way)
        for i in range(4):
            for p in params:
                p.grad = weft.full_like(p, i - 1.5).detach()
            optimizer.step()
        return optimizer

    agree(run({}), run(BY_FORMULA), 1e-12)


def test_without_code_generation_the_formulas_run(monkeypatch, kernel_calls):
    monkeypatch.setattr(switches, "codegen", False)
    off = trained("AdamW", {"lr": 0.1}, made(SHAPES, "float64"))
    assert kernel_calls == []
    monkeypatch.undo()
    agree(off, trained("AdamW", {"lr": 0.1}, made(SHAPES, "float64")), 1e-12)


def test_nan_and_infinity_go_through_as_the_formulas_have_it():
    def run(way):
        p = weft.tensor([1.0, 2.0, 3.0, 4.0], dtype=weft.float64).requires_grad_()
        optimizer = weft.optim.Adam([p], lr=0.1, amsgrad=True, **way)
        for g in ([np.nan, np.inf, -np.inf, 0.0], [1.0, 1.0, 1.0, 1e300]):
            p.grad = weft.tensor(g, dtype=weft.float64)
            optimizer.step()
        return p.detach().numpy()

    np.testing.assert_allclose(run({}), run(BY_FORMULA))


@pytest.mark.parametrize(("name", "settings"), EACH, ids=IDS)
def test_a_differentiable_step_has_the_gradient_of_its_formula(name, settings):
    optimizer_of = getattr(weft.optim, name)

    def stepped(start, *grads):
        p = start.clone()
        optimizer = optimizer_of([p], differentiable=True, **settings)
        for g in grads:
            p.grad = g
            optimizer.step()
        return p

    rng = np.random.default_rng(0)
    inputs = [weft.tensor(rng.standard_normal(4) + 0.1).requires_grad_() for _ in range(4)]
    assert weft.autograd.gradcheck(stepped, inputs)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_learning_rates_may_be_tensors_and_have_gradients(name):
    settings = {"momentum": 0.9} if name == "SGD" else {}

    def loss(lr, way):
        p = weft.tensor([1.0, 2.0], dtype=weft.float64).requires_grad_()
        x = p.clone() if way else p
        optimizer = getattr(weft.optim, name)([x], lr=lr, **settings, **way)
        for g in ([1.0, -2.0], [0.5, 0.3]):
            x.grad = weft.tensor(g, dtype=weft.float64)
            optimizer.step()
        return (x * x).sum()

    lr = weft.tensor(0.1, dtype=weft.float64)
    assert loss(lr, {}).item() == pytest.approx(loss(0.1, {}).item())
    lr.requires_grad_()
    assert weft.autograd.gradcheck(lambda lr: loss(lr, {"differentiable": True}), [lr])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("settings", OTHERS["Adafactor"])
def test_a_factored_step_is_the_formula(settings, dtype, monkeypatch):
    from weft._backend.cpu.launch import factored

    calls = []
    step = factored.step
    monkeypatch.setattr(factored, "step", lambda *a: calls.append(step(*a)))
    shapes = [(50, 70), (3, 40, 65), (5,), (2, 3), (1, 3000), (3000, 1)]
    if dtype == "float16":
        settings = {**settings, "eps": (1e-2, 1e-3)}  # squares vanish in float16
    fused = trained("Adafactor", settings, made(shapes, dtype))
    assert len(calls) == (4 * 5 if usable() else 0)
    plain = trained("Adafactor", {**settings, **BY_FORMULA}, made(shapes, dtype))
    agree(fused, plain, TOLERANCES[dtype])
