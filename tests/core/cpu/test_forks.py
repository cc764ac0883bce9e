"""Work of every part of the engine in forked processes and in several Python threads at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading

import numpy as np
import pytest

import weft
from weft import nn
from weft._backend.cpu import threads


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.count()
    weft.set_num_threads(2)
    yield
    weft.set_num_threads(before)


def work(seed: int = 0) -> list[np.ndarray]:
    """Return results of products, convolutions, elementwise work and a factorisation, large enough
    for several threads, with gradients."""
    draw = weft.Generator().manual_seed(seed)
    x = weft.randn(128, 256, generator=draw, requires_grad=True)
    w = weft.randn(256, 512, generator=draw, requires_grad=True)
    image = weft.randn(2, 8, 40, 40, generator=draw, requires_grad=True)
    weight = weft.randn(16, 8, 3, 3, generator=draw, requires_grad=True)
    wide = weft.randn(300, 300, generator=draw, dtype=weft.float64)
    out = nn.functional.gelu(x @ w)
    seen = nn.functional.relu(nn.functional.conv2d(image, weight))
    (weft.softmax(out, -1).square().sum() + seen.mean()).backward()
    leaves = [x, w, image, weight]
    results = [out.detach(), seen.detach(), wide @ wide, weft.linalg.inv(wide)]
    return [np.array(one) for one in (*results, *(leaf.grad for leaf in leaves))]


def same(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def report(answers, expected: list[np.ndarray]) -> None:
    answers.put(same(work(), expected))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_computes_the_same_and_does_not_hang():
    expected = work()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    children = [context.Process(target=report, args=(answers, expected)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
        if child.is_alive():
            child.kill()
            pytest.fail("a forked process hangs")
        assert child.exitcode == 0
    assert [answers.get() for _ in children] == [True, True]
    assert same(work(), expected)  # and here the pool has grown again


def test_eight_python_threads_compute_what_one_does():
    expected = [work(seed) for seed in range(8)]
    right: list[bool] = []

    def run(seed: int) -> None:
        right.extend(same(work(seed), expected[seed]) for _ in range(2))

    workers = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert right == [True] * 16


def test_a_second_run_gives_the_same_bits():
    assert same(work(), work())


@pytest.mark.parametrize("parts", [("mkldnn",), ("codegen",), ("mkldnn", "codegen")])
def test_without_a_part_the_same_comes_of_numpy(parts):
    expected = work()
    with contextlib.ExitStack() as off:
        for part in parts:
            off.enter_context(getattr(weft.backends, part).flags(enabled=False))
        found = work()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
