"""Backward passes by plans give the very bits that the walk gives, and only for the same graphs."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE
from tests.core.drawing import Call, weighted
from weft import nn
from weft._core.errors import GradError
from weft.transforms import lowering, plans


@pytest.fixture(autouse=True)
def nothing_known():
    lowering.forget()
    yield
    lowering.forget()


def hits() -> int:
    return sum(kept.hits for each in plans._plans.values() for kept in each)


def until_planned(run, most=40):
    """Run until a plan did the work; whether one ever did."""
    for _ in range(most):
        before = hits()
        run()
        if hits() > before:
            return True
    return False


def gradients(entry, sample) -> list[np.ndarray | None]:
    call = Call(entry.function, sample, np.float64, entry.key)
    tensors = call.tensors(requires_grad=True)
    weighted(call, tensors).backward()
    return [None if t.grad is None else t.grad.numpy() for t in tensors]


@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_a_plan_gives_the_bits_of_the_walk(entry, sample, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(plans, "started", lambda *_: None)
        for _ in range(3):
            walked = gradients(entry, sample)
    found = []
    until_planned(lambda: found.append(gradients(entry, sample)), most=5)
    for planned in found:
        for a, b in zip(planned, walked, strict=True):
            assert (a is None) is (b is None)
            assert a is None or np.array_equal(a, b, equal_nan=True)


def test_most_graphs_of_one_op_get_a_plan():
    planned = 0
    for parameter in DIFFERENTIABLE[::10]:
        entry, sample = parameter.values
        lowering.forget()
        planned += until_planned(lambda e=entry, s=sample: gradients(e, s), most=5)
    assert planned > len(DIFFERENTIABLE[::10]) * 0.6


def model_and_run(rows=8):
    weft.manual_seed(0)
    layers = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    x, y = weft.randn(rows, 6), weft.arange(rows) % 3

    def run(x=x, y=y):
        nn.functional.cross_entropy(layers(x), y).backward()

    return layers, run


def test_gradients_add_up_over_planned_passes():
    layers, run = model_and_run()
    run()
    once = [p.grad.clone() for p in layers.parameters()]
    assert until_planned(run)
    for p in layers.parameters():
        p.grad.zero_()
    for _ in range(4):
        run()
    for p, g in zip(layers.parameters(), once, strict=True):
        assert np.allclose(p.grad.numpy(), 4 * g.numpy(), rtol=1e-6)
    layers.zero_grad(set_to_none=True)
    run()
    for p, g in zip(layers.parameters(), once, strict=True):
        assert np.array_equal(p.grad.numpy(), g.numpy())


def test_another_shape_is_walked():
    layers, run = model_and_run()
    assert until_planned(run)
    before = hits()
    layers.zero_grad(set_to_none=True)
    run(weft.ones(2, 6), weft.tensor([0, 1]))
    assert hits() == before
    assert layers[0].weight.grad.shape == (5, 6)


def test_the_same_ops_in_another_shape_of_graph_are_walked():
    def run(shared):
        a = weft.tensor([2.0], requires_grad=True)
        b = weft.tensor([3.0], requires_grad=True)
        left, right = a.exp(), b.exp()
        ((left * left) if shared else (left * right)).sum().backward()
        return a.grad, b.grad

    assert until_planned(lambda: run(False))
    a, b = run(True)
    assert a.item() == pytest.approx(2 * np.exp(4), rel=1e-6)
    assert b is None
    lowering.forget()
    assert until_planned(lambda: run(True))
    a, b = run(False)
    assert a.item() == pytest.approx(np.exp(5), rel=1e-6)
    assert b.item() == pytest.approx(np.exp(5), rel=1e-6)


def test_another_number_is_walked():
    def run(by):
        x = weft.tensor([2.0], requires_grad=True)
        (x * by).sum().backward()
        return x.grad.item()

    assert until_planned(lambda: run(3.0))
    assert run(5.0) == 5
    assert run(True) == 1
    assert run(3.0) == 3


def test_hooks_are_called_although_there_is_a_plan():
    layers, run = model_and_run()
    assert until_planned(run)
    called = []
    handle = layers[0].weight.register_hook(lambda g: called.append(g))
    run()
    assert len(called) == 1
    handle.remove()
    layers[0].weight.register_post_accumulate_grad_hook(called.append)
    run()
    assert len(called) == 2


def test_what_was_overwritten_or_freed_is_told_of():
    def run(spoil=lambda y: None, twice=False):
        x = weft.tensor([1.0, 2.0], requires_grad=True)
        y = x.exp()
        loss = y.sum()
        spoil(y)
        loss.backward()
        if twice:
            loss.backward()

    assert until_planned(run)
    with pytest.raises(GradError, match="overwritten in place"):
        run(lambda y: y.mul_(2))
    with pytest.raises(GradError, match="freed by an earlier backward"):
        run(twice=True)


def test_a_graph_that_is_kept_runs_again():
    def run():
        x = weft.tensor([1.0, 2.0], requires_grad=True)
        loss = (x.exp() * x).sum()
        loss.backward(retain_graph=True)
        first = x.grad.clone()
        loss.backward()
        assert np.array_equal(x.grad.numpy(), 2 * first.numpy())

    assert until_planned(run)
    for _ in range(3):
        run()


def test_plans_hold_no_tensors_and_free_what_was_saved():
    held = []

    def run():
        x = weft.ones(4, requires_grad=True)
        y = x.exp()
        held.append(weakref.ref(y))
        z = (y * y).sum()
        z.backward()
        return z

    for _ in range(8):
        last = run()
    gc.collect()
    assert hits()
    assert last is not None
    assert all(ref() is None for ref in held)


def test_plans_that_do_not_serve_are_dropped():
    def run(length):
        x = weft.ones(length, requires_grad=True)
        x.exp().sum().backward()

    assert until_planned(lambda: run(3))
    for length in range(4, 40):
        run(length)
    assert not any(plans._plans.values())


def test_passes_that_are_recorded_are_walked():
    x = weft.ones(3, requires_grad=True)
    for _ in range(8):
        y = (x.exp() * x).sum()
        (g,) = weft.autograd.grad(y, x, create_graph=True)
        g.sum().backward()
    assert x.grad is not None


def test_gradients_that_are_asked_for_by_all_leaves_are_planned():
    layer = nn.Linear(3, 2)
    x = weft.ones(4, 3)
    parameters = list(layer.parameters())

    def asked(of=parameters):
        return weft.autograd.grad(layer(x).square().sum(), of)

    walked = asked()
    assert until_planned(asked)
    before = hits()
    for a, b in zip(asked(), walked, strict=True):
        assert weft.equal(a, b)
    assert hits() == before + 1
    assert [parameter.grad for parameter in parameters] == [None, None]
    (weight,) = asked(parameters[:1])  # of one leaf alone: by the walk
    assert hits() == before + 1
    assert weft.equal(weight, walked[0])
    layer(x).square().sum().backward()  # the plan of the one is that of the other
    assert hits() == before + 2
    assert weft.equal(parameters[0].grad, walked[0])


def test_a_long_graph_gets_its_plan_later_and_one_too_long_none():
    def run(length):
        x = weft.ones(2, requires_grad=True)
        y = x
        for _ in range(length):
            y = y.sin()
        y.sum().backward()

    assert until_planned(lambda: run(200), most=30)
    lowering.forget()
    assert not until_planned(lambda: run(plans.LONGEST), most=80)


def test_a_graph_that_saved_less_is_not_taken_for_the_one_of_a_plan():
    p = weft.ones(3, requires_grad=True)
    for _ in range(6):
        (p * p).sum().backward()
    x, m = weft.ones(3, requires_grad=True), weft.ones(3)
    (x * m).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    y = (x * m).sum()
    m.add_(1.0)
    with pytest.raises(RuntimeError, match="overwritten in place by add_"):
        y.backward()
