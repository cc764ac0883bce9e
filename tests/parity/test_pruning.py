"""Pruning beside torch's: masks, names, hooks, several ways on one tensor, mistakes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

import weft
from tests.parity.module_pairs import close, tensors
from weft.nn.utils import prune

LIBRARIES = ((weft, prune), (torch, torch.nn.utils.prune))
VALUES = np.random.default_rng(0).standard_normal((4, 3, 2))
X = np.random.default_rng(1).standard_normal((2, 3, 5))


def layers() -> list[Any]:
    """Return a convolution of each library, with the same numbers."""
    made = []
    for m, _ in LIBRARIES:
        layer = m.nn.Conv1d(3, 4, 2, bias=False).double()
        with m.no_grad():
            layer.weight.copy_(m.from_numpy(VALUES.copy()))
        made.append(layer)
    return made


WAYS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "identity": lambda m, p, layer: p.identity(layer, "weight"),
    "l1, a number": lambda m, p, layer: p.l1_unstructured(layer, "weight", 5),
    "l1, a share": lambda m, p, layer: p.l1_unstructured(layer, "weight", 0.4),
    "l1, nothing": lambda m, p, layer: p.l1_unstructured(layer, "weight", 0),
    "l1, all": lambda m, p, layer: p.l1_unstructured(layer, "weight", 1.0),
    "l1 of scores": lambda m, p, layer: p.l1_unstructured(
        layer, "weight", 7, importance_scores=m.from_numpy(VALUES**2 - 1)
    ),
    "ln, 2": lambda m, p, layer: p.ln_structured(layer, "weight", 2, 2, 0),
    "ln, 1": lambda m, p, layer: p.ln_structured(layer, "weight", 0.5, 1, -1),
    "ln, inf": lambda m, p, layer: p.ln_structured(layer, "weight", 1, float("inf"), 1),
    "ln, nothing": lambda m, p, layer: p.ln_structured(layer, "weight", 0.0, 2, 1),
    "ln, fro": lambda m, p, layer: p.ln_structured(layer, "weight", 1, "fro", 0),
    "ln of scores": lambda m, p, layer: p.ln_structured(
        layer, "weight", 1, 2, 0, importance_scores=m.from_numpy(VALUES[::-1].copy())
    ),
    "mask": lambda m, p, layer: p.custom_from_mask(layer, "weight", m.from_numpy(VALUES > 0)),
    "l1, then ln": lambda m, p, layer: p.ln_structured(
        p.l1_unstructured(layer, "weight", 5), "weight", 1, 2, 0
    ),
    "ln, then ln": lambda m, p, layer: p.ln_structured(
        p.ln_structured(layer, "weight", 1, 2, 0), "weight", 1, 2, 0
    ),
    "ln, then l1, then mask": lambda m, p, layer: p.custom_from_mask(
        p.l1_unstructured(p.ln_structured(layer, "weight", 1, 2, 0), "weight", 0.5),
        "weight",
        m.from_numpy(VALUES > -0.5),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_of_pruning_agree(way: str) -> None:
    results: list[list[Any]] = []
    kept = []
    for (m, p), layer in zip(LIBRARIES, layers(), strict=True):
        assert WAYS[way](m, p, layer) is layer
        assert p.is_pruned(layer)
        assert p.is_pruned(m.nn.Sequential(m.nn.ReLU(), layer))
        out = layer(tensors(m, X, leaf=False))
        slope = m.autograd.grad((out * out).sum(), [layer.weight_orig])
        results.append([layer.weight_mask, layer.weight_orig, layer.weight, out, *slope])
        state = list(layer.state_dict())
        kept.append([state, [n for n, _ in layer.named_parameters()], repr(layer)])
        learned = layer.weight_orig
        assert p.remove(layer, "weight") is layer
        assert layer.weight is learned
        assert not p.is_pruned(layer)
        assert list(layer.state_dict()) == ["weight"]
        results[-1] += [layer.weight, layer(tensors(m, X, leaf=False))]
    close(*results)
    assert kept[0] == kept[1]


@pytest.mark.parametrize("amount", [0, 3, 0.5, 24])
def test_random_elements_are_as_many_as_asked_for(amount: float) -> None:
    for (_, p), layer in zip(LIBRARIES, layers(), strict=True):
        p.random_unstructured(layer, "weight", amount)
        wanted = amount if isinstance(amount, int) else round(amount * 24)
        assert int((layer.weight_mask == 0).sum()) == wanted


@pytest.mark.parametrize(
    ("amount", "dim", "zeros"), [(1, 0, 6), (0.5, 0, 12), (2, 1, 16), (1, -1, 12)]
)
def test_random_channels_are_left_out_whole(amount: float, dim: int, zeros: int) -> None:
    for (_, p), layer in zip(LIBRARIES, layers(), strict=True):
        p.random_structured(layer, "weight", amount, dim)
        assert int((layer.weight_mask == 0).sum()) == zeros
        others = [d for d in range(3) if d != dim % 3]
        each = layer.weight_mask.sum(others)
        assert set(each.tolist()) <= {0.0, 24 / VALUES.shape[dim]}


def test_a_second_random_pruning_chooses_of_what_is_left() -> None:
    for (_, p), layer in zip(LIBRARIES, layers(), strict=True):
        p.random_unstructured(layer, "weight", 10)
        p.random_unstructured(layer, "weight", 0.5)
        assert int(layer.weight_mask.sum()) == 7
        (hook,) = layer._forward_pre_hooks.values()
        assert isinstance(hook, p.PruningContainer)
        assert len(hook) == 2
        assert [type(one).__name__ for one in hook] == ["RandomUnstructured"] * 2
        assert hook[0]._tensor_name == "weight"


@pytest.mark.parametrize("scored", [False, True])
def test_pruning_several_parameters_as_one_agrees(scored: bool) -> None:
    results: list[list[Any]] = []
    for m, p in LIBRARIES:
        net = m.nn.Sequential(m.nn.Linear(3, 4), m.nn.Linear(4, 2)).double()
        rng = np.random.default_rng(2)
        with m.no_grad():
            for parameter in net.parameters():
                parameter.copy_(m.from_numpy(rng.standard_normal(tuple(parameter.shape))))
        p.l1_unstructured(net[1], "weight", 2)  # what is pruned already stays so
        pairs = [(net[0], "weight"), (net[1], "weight"), (net[0], "bias")]
        scores = {pairs[0]: m.from_numpy(rng.standard_normal((4, 3)))} if scored else None
        assert p.global_unstructured(pairs, p.L1Unstructured, scores, amount=0.4) is None
        results.append([net[0].weight, net[1].weight, net[0].bias, net[1].weight_mask])
    close(*results)


def test_a_tensor_of_no_module_is_pruned() -> None:
    results = []
    for m, p in LIBRARIES:
        method = p.L1Unstructured(amount=3)
        x = m.from_numpy(VALUES[0].copy())
        mask = m.ones(3, 2).double()
        mask[0] = 0
        results.append(
            [
                method.prune(x),
                method.prune(x, default_mask=mask),
                method.prune(x, importance_scores=-(x**2) + 2),
            ]
        )
    close(*results)


def test_a_way_of_ones_own_is_used() -> None:
    masks = []
    for (m, p), layer in zip(LIBRARIES, layers(), strict=True):

        class EverySecond(p.BasePruningMethod):
            PRUNING_TYPE = "unstructured"

            def compute_mask(self, t, default_mask):
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask

        EverySecond.apply(layer, "weight")
        p.l1_unstructured(layer, "weight", 2)
        masks.append(layer.weight_mask.tolist())
        assert m is not None
    assert masks[0] == masks[1]


def test_training_goes_on_under_the_mask() -> None:
    layer = prune.l1_unstructured(weft.nn.Linear(4, 3), "weight", 5)
    optimizer = weft.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        layer(weft.rand(2, 4)).square().sum().backward()
        optimizer.step()
    assert int((layer.weight == 0).sum()) == 5
    assert layer.weight_orig.grad is not None


def test_pruned_modules_are_copied_pickled_and_loaded() -> None:
    layer = prune.ln_structured(weft.nn.Linear(4, 3), "weight", 1, 2, 0)
    x = weft.rand(2, 4)
    with weft.no_grad():  # what a call computed is no leaf, which copies refuse, as in torch
        layer(x)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert weft.equal(again(x), layer(x))
        assert prune.is_pruned(again)
        prune.remove(again, "weight")
        assert not prune.is_pruned(again)
    fresh = prune.identity(weft.nn.Linear(4, 3), "weight")
    fresh.load_state_dict(layer.state_dict())
    assert weft.equal(fresh(x), layer(x))


def test_asking_costs_later_calls_nothing() -> None:
    layer = weft.nn.Linear(2, 2)
    assert not prune.is_pruned(layer)
    assert layer._call_hooks is None
    prune.remove(prune.identity(layer, "weight"), "weight")
    assert layer._call_hooks is None


def test_a_failed_pruning_changes_nothing() -> None:
    layer = weft.nn.Linear(3, 2)
    with pytest.raises(ValueError, match="at most the 6"):
        prune.l1_unstructured(layer, "weight", 7)
    assert list(layer.state_dict()) == ["weight", "bias"]
    prune.l1_unstructured(layer, "weight", 2)
    with pytest.raises(ValueError, match="at most the 4"):
        prune.l1_unstructured(layer, "weight", 5)
    assert int(layer.weight_mask.sum()) == 4
    assert isinstance(layer.weight_orig, weft.nn.Parameter)


def linear() -> Any:
    return weft.nn.Linear(3, 2)


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("share", lambda: prune.random_unstructured(linear(), "weight", 1.5), ValueError, "got 1.5"),
    ("negative", lambda: prune.random_unstructured(linear(), "weight", -1), ValueError, "got -1"),
    ("text", lambda: prune.random_unstructured(linear(), "weight", "a"), TypeError, "got 'a'"),
    ("dim", lambda: prune.random_structured(linear(), "weight", 1, 5), IndexError, "got 5"),
    ("vector", lambda: prune.random_structured(linear(), "bias", 1, 0), ValueError, "two dims"),
    ("name", lambda: prune.identity(linear(), "wieght"), ValueError, "'wieght'.*'weight'"),
    (
        "structured",
        lambda: prune.global_unstructured(
            [(linear(), "weight")], prune.LnStructured, amount=1, n=2
        ),
        TypeError,
        "LnStructured is structured",
    ),
    (
        "one module",
        lambda: prune.global_unstructured(linear(), prune.L1Unstructured, amount=1),
        TypeError,
        "pairs of a module and a name",
    ),
    (
        "scores",
        lambda: prune.l1_unstructured(linear(), "weight", 1, weft.ones(2, 2)),
        ValueError,
        r"shape \(2, 3\).*\(2, 2\)",
    ),
    (
        "mask",
        lambda: prune.custom_from_mask(linear(), "weight", weft.ones(3, 3)),
        ValueError,
        r"\(2, 3\), got \(3, 3\)",
    ),
    ("not pruned", lambda: prune.remove(linear(), "weight"), ValueError, "'weight' of Linear"),
    ("no method", lambda: prune.PruningContainer(3), TypeError, "got int"),
]


@pytest.mark.parametrize(("what", "call", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_mistakes_are_named(what: str, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
