"""What a backward pass holds at its peak: arrays are let go where they were last read."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import weft

SIDE = 256
UNIT = 4 * SIDE * SIDE  # bytes of one array
RUNS = 12  # by rules, by their programs, by the plan that is written of them


def most(function) -> float:
    """Return the most arrays that a run held beside the first argument.

    Of the runs by rules and programs the one is taken that compiled least, since code counts too.
    """
    x = weft.randn(SIDE, SIDE, generator=weft.Generator().manual_seed(0), requires_grad=True)
    found = []
    for _ in range(RUNS):
        x.grad = None
        tracemalloc.start()
        function(x)
        found.append(tracemalloc.get_traced_memory()[1] / UNIT)
        tracemalloc.stop()
    return max(min(found[1:4]), found[-1])


def chain(step, length):
    def run(x):
        y = x
        for _ in range(length):
            y = step(y)
        y.sum().backward()

    return run


@pytest.mark.parametrize(
    ("step", "more"),
    [(weft.relu, 4), (weft.tanh, 5), (lambda y: y.matmul(y), 5)],
    ids=["relu", "tanh", "matmul"],
)
def test_a_pass_holds_what_was_saved_and_a_few_arrays(step, more):
    assert most(chain(step, 12)) < 12 + more


def test_a_pass_of_what_saves_nothing_holds_a_few_arrays():
    assert most(chain(lambda y: (y + 1) * 2, 12)) < 5


def test_the_gradient_is_the_same_at_each_run():
    found = []
    x = weft.randn(SIDE, SIDE, generator=weft.Generator().manual_seed(0), requires_grad=True)
    for _ in range(RUNS):
        x.grad = None
        y = weft.tanh(x) * x + x.exp().log().sqrt().nan_to_num()
        (y @ weft.tanh(y)).square().mean().backward()
        found.append(x.grad.numpy().copy())
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


def test_a_graph_that_is_kept_runs_again():
    x = weft.ones(SIDE, SIDE, requires_grad=True)
    for _ in range(RUNS):
        out = (weft.tanh(x) * x).sum()
        out.backward(retain_graph=True)
        first = x.grad.numpy().copy()
        x.grad = None
        out.backward()
        np.testing.assert_array_equal(x.grad.numpy(), first)
        x.grad = None
