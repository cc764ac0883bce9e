"""Checkpointing beside PyTorch's: values, gradients, runs, drawn numbers, errors, names."""

from __future__ import annotations

import inspect
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils import checkpoint as theirs

import weft
from weft.utils import checkpoint as ours

SIDES = [(weft, ours), (torch, theirs)]


def arrays(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def network(x, w, v):
    """Three layers, each in a checkpoint of its own when there is one."""
    return ((x @ w).tanh() @ v).sigmoid() * x


def results(library, run) -> list[np.ndarray]:
    """Return value, gradients and second derivative of one run."""
    leaves = [
        library.from_numpy(a.copy()).requires_grad_() for a in arrays(0, (4, 5), (5, 6), (6, 5))
    ]
    out = run(*leaves)
    grads = library.autograd.grad(out.square().sum(), leaves, create_graph=True)
    (second,) = library.autograd.grad(grads[0].square().sum(), leaves[1])
    return [t.detach().numpy() for t in (out, *grads, second)]


@pytest.mark.parametrize(
    "form",
    [
        lambda m: lambda *a: m.checkpoint(network, *a, use_reentrant=False),
        lambda m: lambda *a: m.checkpoint(network, *a, use_reentrant=False, early_stop=False),
        lambda m: (
            lambda *a: m.checkpoint(
                lambda x, w, v: m.checkpoint(network, x, w, v, use_reentrant=False).exp(),
                *a,
                use_reentrant=False,
            )
        ),
        lambda m: (
            lambda x, w, v: m.checkpoint_sequential(
                [lambda y: (y @ w).tanh(), lambda y: y @ v, lambda y: y.sigmoid()],
                2,
                x,
                use_reentrant=False,
            )
        ),
    ],
    ids=["plain", "to-the-end", "nested", "sequential"],
)
def test_values_and_derivatives_are_those_of_pytorch(form):
    for got, wanted in zip(*(results(lib, form(m)) for lib, m in SIDES), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-5)


def runs(library, module) -> tuple[list[int], bool]:
    """Return how often a function with dropout had run after each step, and whether masks agree."""
    counts, masks = [], []
    calls = 0

    def f(y):
        nonlocal calls
        calls += 1
        return library.nn.functional.dropout(y * y, 0.5, True)

    x = library.ones(500, requires_grad=True)
    out = module.checkpoint(f, x, use_reentrant=False)
    counts.append(calls)
    for keep in (True, False):
        (g,) = library.autograd.grad(out.sum(), x, retain_graph=keep)
        masks.append(bool((g == 2 * out).all()))
        counts.append(calls)
    with library.no_grad():
        module.checkpoint(f, x, use_reentrant=False)
    return [*counts, calls], all(masks)


def test_the_function_runs_as_often_and_draws_the_same_numbers_again():
    assert runs(*SIDES[0]) == runs(*SIDES[1]) == ([1, 2, 3, 4], True)


@pytest.mark.parametrize(("library", "module"), SIDES, ids=["weft", "torch"])
@pytest.mark.parametrize("how", ["fewer", "shape", "dtype"])
def test_a_second_run_that_differs_is_a_checkpoint_error(library, module, how):
    calls = []
    others = {
        "fewer": lambda y: y.sin(),
        "shape": lambda y: y[:2].sin().exp(),
        "dtype": lambda y: y.double().sin().exp(),
    }

    def f(y):
        calls.append(1)
        return y.sin().exp() if len(calls) == 1 else others[how](y)

    out = module.checkpoint(f, library.ones(3, requires_grad=True), use_reentrant=False)
    with pytest.raises(module.CheckpointError):
        out.sum().backward()


def test_checkpoint_errors_are_runtime_errors_on_both_sides():
    assert issubclass(ours.CheckpointError, RuntimeError)
    assert issubclass(theirs.CheckpointError, RuntimeError)


def matmuls_again(library, module, op) -> list[np.ndarray]:
    """Return the gradients of a selective checkpoint that keeps the products."""
    context = partial(module.create_selective_checkpoint_contexts, [op])
    leaves = [
        library.from_numpy(a.copy()).requires_grad_() for a in arrays(1, (4, 5), (5, 6), (6, 5))
    ]
    out = module.checkpoint(network, *leaves, use_reentrant=False, context_fn=context)
    return [g.numpy() for g in library.autograd.grad(out.sum(), leaves)]


def test_selective_checkpoints_have_pytorchs_gradients():
    got = matmuls_again(weft, ours, weft.matmul)
    wanted = matmuls_again(torch, theirs, torch.ops.aten.mm.default)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


def test_names_and_arguments_are_those_of_pytorch():
    for name in ("checkpoint", "checkpoint_sequential", "create_selective_checkpoint_contexts"):
        ours_, theirs_ = (inspect.signature(getattr(m, name)).parameters for m in (ours, theirs))
        named = [n for n, p in theirs_.items() if p.kind is not p.VAR_KEYWORD]
        assert [n for n in named if n not in ours_] == []
        for one in named:
            if ours_[one].default is not inspect.Parameter.empty and one != "context_fn":
                assert ours_[one].default == theirs_[one].default
    for name in ("set_checkpoint_early_stop", "set_checkpoint_debug_enabled", "noop_context_fn"):
        assert callable(getattr(ours, name))
    assert {p.name: p.value for p in ours.CheckpointPolicy} == {
        p.name: p.value for p in theirs.CheckpointPolicy
    }
