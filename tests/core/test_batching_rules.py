"""Every batching rule of the catalogue, and every derivative in a batch, against a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE, SAMPLES, except_for, near
from tests.core.drawing import Call, outputs, weighted
from tests.core.tolerances import NO_BATCH, SHARED

LENGTH = 3


def examples(call: Call) -> list[np.ndarray]:
    """Return for each tensor of a call, the variables first, a stack of different examples."""
    rng = np.random.default_rng(5)
    stacks = [np.stack([v * rng.uniform(0.7, 1.0) for _ in range(LENGTH)]) for v in call.variables]
    for tensor in call.fixed:
        data = tensor.numpy()
        last = -1 if data.ndim else None
        stacks.append(np.stack([np.roll(data, n, last) for n in range(LENGTH)]))
    return stacks


def choices(call: Call) -> Iterator[tuple[int, ...]]:
    """Yield which tensors to batch: each alone, and all together."""
    count = len(call.variables) + len(call.fixed)
    every = [i for i in range(count) if i < len(call.variables) or call.name not in SHARED]
    yield from ((i,) for i in every)
    if len(every) > 1:
        yield tuple(every)


def function_of(call: Call, chosen: tuple[int, ...]) -> Callable[..., tuple[weft.Tensor, ...]]:
    """Return the call as a function of the chosen tensors."""

    def function(*given: weft.Tensor) -> tuple[weft.Tensor, ...]:
        every = [*call.tensors(), *call.fixed]
        for i, x in zip(chosen, given, strict=True):
            every[i] = x
        count = len(call.variables)
        return tuple(outputs(call.run(every[:count], every[count:])))

    return function


def compare(function: Callable[..., tuple[weft.Tensor, ...]], stacks: list[np.ndarray]) -> None:
    """Assert that a function of a batch gives what it gives of each example."""
    together = weft.func.vmap(function)(*map(weft.from_numpy, stacks))
    for i in range(LENGTH):
        apart = function(*(weft.from_numpy(np.array(s[i])) for s in stacks))
        for got, expected in zip(together, apart, strict=True):
            assert got.dtype is expected.dtype
            near(got[i], expected, "float64")


def squared(call: Call, tensors: Sequence[weft.Tensor]) -> weft.Tensor:
    total = weighted(call, tensors)
    assert total is not None
    return total * total


@pytest.mark.parametrize(
    ("entry", "sample"), [p for p in except_for(NO_BATCH, SAMPLES) if not p.values[0].random]
)
def test_batching_agrees_with_a_loop(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    stacks = examples(call)
    for chosen in choices(call):
        compare(function_of(call, chosen), [stacks[i] for i in chosen])


@pytest.mark.parametrize(
    ("entry", "sample"),
    [p for p in except_for(NO_BATCH, DIFFERENTIABLE) if not p.values[0].random],
)
def test_a_gradient_in_a_batch_agrees_with_a_loop(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    count = len(call.variables)
    stacks = examples(call)[:count]

    compare(weft.func.grad(lambda *ts: squared(call, ts), tuple(range(count))), stacks)


@pytest.mark.parametrize(
    ("entry", "sample"),
    [p for p in except_for(NO_BATCH, DIFFERENTIABLE) if not p.values[0].random],
)
def test_the_derivatives_of_a_batch_agree_with_a_loop(entry, sample):
    """The other order: the derivative, in both modes, is taken through the batching rules."""
    call = Call(entry.function, sample, np.float64, entry.key)
    count = len(call.variables)
    stacks = [weft.from_numpy(s) for s in examples(call)[:count]]
    every = tuple(range(count))

    def function(*tensors: weft.Tensor) -> weft.Tensor:
        return squared(call, tensors)

    def batch(*tensors: weft.Tensor) -> weft.Tensor:
        return weft.func.vmap(function)(*tensors).sum()

    got = weft.func.grad(batch, every)(*stacks)
    loop = [weft.func.grad(function, every)(*(s[i].clone() for s in stacks)) for i in range(LENGTH)]
    for n in every:
        near(got[n], weft.stack([gradients[n] for gradients in loop]), "float64")
    # the slope along the arguments themselves
    slope = weft.func.jvp(batch, tuple(stacks), tuple(stacks))[1]
    expected = sum(weft.real((g.conj() * s).sum()) for g, s in zip(got, stacks, strict=True))
    near(slope, expected, "float64")
