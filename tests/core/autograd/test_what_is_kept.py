"""Of what rules read, the tape keeps only what the cotangents need that somebody may want."""

from __future__ import annotations

import tracemalloc
import weakref

import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE, near
from tests.core.drawing import Call
from weft._core.aval import Unsaved

NARROWED = [p for p in DIFFERENTIABLE if p.values[0].op and p.values[0].op.reads is not None]


def test_products_and_quotients_say_what_each_cotangent_reads():
    names = {p.values[0].op.name for p in NARROWED}
    assert names >= {"mul", "true_divide", "power", "matmul", "linear_map", "affine", "convolve"}


@pytest.mark.parametrize(("entry", "sample"), NARROWED)
def test_the_gradient_of_one_argument_is_the_same_without_the_others(entry, sample):
    call = Call(entry.function, sample, "float64", entry.key)
    whole = call.tensors(requires_grad=True)
    out = call.run(whole)
    g = weft.ones_like(out)
    for i, right in enumerate(weft.autograd.grad(out, whole, g)):
        for _ in range(3):  # by the rule itself, then as it was lowered
            some = call.tensors()
            some[i].requires_grad_()
            (alone,) = weft.autograd.grad(call.run(some), [some[i]], g)
            near(alone, right, "float64")
            # and when the others are there, but only this one is asked for
            (asked,) = weft.autograd.grad(call.run(whole), [whole[i]], g)
            near(asked, right, "float64")


def kept(out: weft.Tensor) -> list[bool]:
    """Return for each argument whether the node keeps it."""
    return [type(a) is not Unsaved for a in out.grad_fn.args]


def test_a_factor_is_kept_for_the_other_alone():
    x, y = (weft.ones(2, requires_grad=True) for _ in range(2))
    still = weft.ones(2)
    assert kept(x * y) == [True, True]
    assert kept(x * still) == [False, True]
    assert kept(still * x) == [True, False]
    assert kept(x * 2) == [False, True]
    m = weft.ones(2, 2)
    assert kept(m @ weft.ones(2, 2, requires_grad=True)) == [True, False]
    weight = weft.ones(2, 2, requires_grad=True)
    linear = weft.nn.functional.linear
    assert kept(linear(m, weight, x)) == [True, False, False]
    assert kept(linear(x[None], m, still)) == [False, True, False]


def test_the_result_of_a_power_is_kept_for_the_exponent_alone_and_of_a_quotient_never():
    x = weft.ones(2, requires_grad=True)
    assert (x / 2).grad_fn.out is None
    assert (2 / x).grad_fn.out is None
    assert (x**2).grad_fn.out is None
    assert (2**x).grad_fn.out is not None


def test_a_chain_of_scalings_holds_no_memory():
    x = weft.ones(1000, requires_grad=True)
    first = x * 2
    memory = weakref.ref(first)
    out = first * 3 / 4
    del first
    assert memory() is None
    tracemalloc.start()
    for _ in range(50):
        out = out * 2
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50 * 4000
    out.sum().backward()
    assert float(x.grad[0]) == 1.5 * 2.0**50


def test_what_nobody_reads_may_be_overwritten():
    x = weft.ones(2, requires_grad=True)
    y = x * 1
    out = y * 3
    y.zero_()
    out.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_hooks_pack_only_what_is_kept():
    seen: list[tuple[int, ...]] = []

    def pack(x):
        seen.append(tuple(x.shape))
        return x

    x = weft.ones(3, requires_grad=True)
    with weft.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        out = (x * 2 / 4) ** 2
    assert seen == [(3,)]  # the base, and neither a factor nor a result
    out.sum().backward()
    assert x.grad.tolist() == [0.5] * 3
