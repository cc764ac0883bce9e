"""Threads: independent graphs give the same bits as in one thread; shared leaves sum up."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import weft
from weft.autograd import Function, graph


@pytest.fixture(autouse=True)
def many_switches():
    """Let threads take turns often, so that a race has a chance to be seen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Swish(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * x.sigmoid()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return g * (s + x * s * (1 - s))


def work(seed: int) -> list[list[float]]:
    """Build and differentiate graphs of many kinds, under modes and hooks that depend on seed."""
    generator = weft.Generator(seed)
    x = weft.randn(12, 7, generator=generator, requires_grad=True)
    w = weft.randn(7, 5, generator=generator, requires_grad=True)
    seen = []
    handle = w.register_hook(lambda g: g * (seed + 1))
    for step in range(4):
        with weft.no_grad() if seed % 2 else weft.enable_grad():
            (x @ w).sum()
        y = Swish.apply(x @ w).tanh()
        values, _ = y.topk(2)
        loss = values.logsumexp(1).sum() + y.sort().values.prod(1).mean()
        if seed % 3 == 0:
            with graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
                loss = loss + (x * x).sum()
        (g,) = weft.autograd.grad(loss, x, create_graph=True)
        (g * g).sum().backward()
        with weft.no_grad():
            x -= 0.01 * x.grad
            z = x * step
        z.add_(1)
        seen.append(weft.func.vmap(weft.func.grad(lambda r: Swish.apply(r).sum()))(x.detach()))
    handle.remove()
    return [t.flatten().tolist() for t in (x, x.grad, w.grad, *seen)]


def test_eight_threads_differentiate_what_one_does_bit_for_bit():
    alone = [work(seed) for seed in range(8)]
    start = threading.Barrier(8)

    def together(seed: int) -> list[list[float]]:
        start.wait()
        return work(seed)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(together, range(8))) == alone
    assert weft.is_grad_enabled()


@pytest.mark.parametrize("size", [1, 70_000])
def test_backward_in_many_threads_sums_into_shared_leaves(size):
    shared = weft.ones(size, requires_grad=True)
    rounds, count = 30, 8
    start = threading.Barrier(count)

    def add(number: int) -> None:
        start.wait()
        for _ in range(rounds):
            (shared * (number + 1)).sum().backward()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(add, range(count)))
    expected = rounds * sum(range(1, count + 1))  # whole numbers: every order sums to the same
    assert (shared.grad == expected).all().item()


def test_many_threads_run_backward_through_one_graph():
    x = weft.arange(5.0).requires_grad_()
    y = (x.exp() * x).sum()
    expected = weft.autograd.grad(y, x, retain_graph=True)[0].tolist()
    with ThreadPoolExecutor(8) as pool:
        runs = [
            pool.submit(lambda: weft.autograd.grad(y, x, retain_graph=True)[0]) for _ in range(64)
        ]
        assert all(run.result().tolist() == expected for run in runs)


def test_a_hook_of_several_gradients_counts_each_threads_pass_apart():
    calls = []
    a, b = weft.ones(2, requires_grad=True), weft.ones(2, requires_grad=True)
    graph.register_multi_grad_hook((a, b), lambda gs: calls.append([g.tolist() for g in gs]))
    count = 8

    def run(number: int) -> None:
        ((a * number).sum() + (b * (number * 10)).sum()).backward()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(run, range(1, count + 1)))
    assert sorted(calls) == [[[n, n], [n * 10, n * 10]] for n in range(1, count + 1)]


def test_what_the_switch_of_threads_was_told_is_remembered():
    assert weft.autograd.is_multithreading_enabled()
    with weft.autograd.set_multithreading_enabled(False):
        assert not weft.autograd.is_multithreading_enabled()
    assert weft.autograd.is_multithreading_enabled()
