"""functional_call, stack_module_state, batch-norm replacement and rearrange, against torch.func."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import quietly


@functools.cache
def kind(m: Any) -> Any:
    """Return a class of modules with a tied weight, a nested one, and buffers."""

    class Net(m.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = m.nn.Linear(3, 3)
            self.tied = m.nn.Linear(3, 3)
            self.tied.weight = self.first.weight
            self.norm = m.nn.BatchNorm1d(3)

        def forward(self, x: Any, scale: float = 1.0) -> Any:
            return self.tied(self.norm(self.first(x)).tanh()) * scale

    return Net


def network(m: Any) -> Any:
    net = kind(m)()
    rng = np.random.default_rng(0)
    with m.no_grad():
        for p in net.parameters():
            p.copy_(m.from_numpy(rng.standard_normal(tuple(p.shape)).astype("float32")))
    return net


def given(m: Any, *shape: int, seed: int = 1) -> Any:
    return m.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def plain(result: Any) -> Any:
    if isinstance(result, (torch.Tensor, weft.Tensor)):
        return (tuple(result.shape), bool(result.requires_grad), result.detach().tolist())
    if isinstance(result, dict):
        return {key: plain(one) for key, one in result.items()}
    if isinstance(result, (tuple, list)):
        return [plain(one) for one in result]
    return result


def near(value: Any) -> Any:
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-4, abs=1e-5)
    if isinstance(value, dict):
        return {key: near(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(near(one) for one in value)
    return value


def call_with_weights(m: Any) -> Any:
    net = network(m)
    out = m.func.functional_call(net, {"first.weight": given(m, 3, 3)}, given(m, 4, 3, seed=2))
    return out, dict(net.named_parameters())


def call_untied(m: Any) -> Any:
    weights = {"first.weight": given(m, 3, 3), "tied.weight": given(m, 3, 3, seed=5)}
    return m.func.functional_call(network(m), weights, given(m, 4, 3), tie_weights=False)


def call_half_untied(m: Any) -> Any:
    weights = {"first.weight": given(m, 3, 3)}
    return m.func.functional_call(network(m), weights, given(m, 4, 3), tie_weights=False)


def call_by_the_other_name(m: Any) -> Any:
    return m.func.functional_call(network(m), {"tied.weight": given(m, 3, 3)}, given(m, 4, 3))


def call_writes_buffers(m: Any) -> Any:
    net = network(m)
    buffers = {name: b.clone() for name, b in net.named_buffers()}
    out = m.func.functional_call(net, buffers, (given(m, 4, 3),))
    return out, buffers, dict(net.named_buffers())


def call_with_several_dicts(m: Any) -> Any:
    net = network(m)
    state = (dict(net.named_parameters()), dict(net.named_buffers()))
    return m.func.functional_call(net, state, (given(m, 4, 3),), {"scale": 2.0}, strict=False)


def call_with_what_it_has_not(m: Any) -> Any:
    return m.func.functional_call(network(m), {"nothing": given(m, 2)}, given(m, 4, 3))


def gradients_of_examples(m: Any) -> Any:
    net = network(m).eval()
    params = {name: p.detach() for name, p in net.named_parameters()}
    buffers = {name: b.detach() for name, b in net.named_buffers()}

    def loss(params: Any, x: Any) -> Any:
        return (m.func.functional_call(net, (params, buffers), (x[None],)) ** 2).sum()

    return m.vmap(m.func.grad(loss), in_dims=(None, 0))(params, given(m, 5, 3))


def ensemble(m: Any) -> Any:
    models = [network(m) for _ in range(3)]
    with m.no_grad():
        for i, net in enumerate(models):
            net.first.weight.mul_(i + 1)
    params, buffers = m.func.stack_module_state(models)

    def one(params: Any, buffers: Any, x: Any) -> Any:
        return m.func.functional_call(models[0], (params, buffers), (x,))

    out = m.vmap(one, in_dims=(0, 0, None))(params, buffers, given(m, 4, 3))
    out.sum().backward()
    slopes = {name: p.grad for name, p in params.items()}
    return out, buffers, slopes, {name: p.is_leaf for name, p in params.items()}


def frozen(m: Any) -> Any:
    models = [network(m).requires_grad_(False) for _ in range(2)]
    return m.func.stack_module_state(models)


def without_running_statistics(m: Any) -> Any:
    net = m.func.replace_all_batch_norm_modules_(network(m))
    rows = m.vmap(lambda x: net(x))(given(m, 2, 4, 3))
    return rows, net.norm.track_running_stats, net.norm.running_mean, dict(net.named_buffers())


def batch_norm_by_hand(m: Any) -> Any:
    """Running statistics of each model of an ensemble, written inside vmap."""
    net = m.nn.BatchNorm1d(3)
    buffers = {name: m.stack([b, b]) for name, b in net.named_buffers()}
    params = {name: p.detach() for name, p in net.named_parameters()}

    def one(buffers: Any, x: Any) -> Any:
        out = m.func.functional_call(net, (params, buffers), (x,))
        return out, buffers

    return m.vmap(one)(buffers, given(m, 2, 4, 3))


SAME = [
    call_with_weights, call_untied, call_half_untied, call_by_the_other_name, call_writes_buffers,
    call_with_several_dicts, call_with_what_it_has_not, gradients_of_examples, ensemble, frozen,
    without_running_statistics, batch_norm_by_hand,
]  # fmt: skip


@pytest.mark.parametrize("program", SAME, ids=lambda f: f.__name__)
def test_modules_as_functions_answer_as_torchs(program):
    expected = quietly(lambda: plain(program(torch)))
    assert plain(program(weft)) == near(expected)


REFUSED = {
    "twice": (
        lambda m: m.func.functional_call(
            network(m), [{"first.bias": given(m, 3)}] * 2, given(m, 4, 3)
        ),
        "first.bias is given in more than one dict",
    ),
    "tied_apart": (
        lambda m: m.func.functional_call(
            network(m),
            {"first.weight": given(m, 3, 3), "tied.weight": given(m, 3, 3)},
            given(m, 4, 3),
        ),
        "names of one tensor of the module.*tie_weights=False",
    ),
    "missing": (
        lambda m: m.func.functional_call(
            network(m), {"first.bais": given(m, 3)}, given(m, 4, 3), strict=True
        ),
        r"missing .*norm.running_mean.*unknown first.bais; did you mean 'first.bias'",
    ),
    "no_dict": (
        lambda m: m.func.functional_call(network(m), 3, given(m, 4, 3)),
        "expected a dict of tensors by name",
    ),
    "no_models": (lambda m: m.func.stack_module_state([]), "at least one module, got none"),
    "classes": (
        lambda m: m.func.stack_module_state([m.nn.Linear(1, 1), m.nn.Identity()]),
        "of one class, got Identity, Linear",
    ),
    "modes": (
        lambda m: m.func.stack_module_state([m.nn.Linear(1, 1), m.nn.Linear(1, 1).eval()]),
        "some modules are in training mode",
    ),
    "some_frozen": (
        lambda m: m.func.stack_module_state(
            [m.nn.Linear(1, 1), m.nn.Linear(1, 1).requires_grad_(False)]
        ),
        "weight requires grad in some of the modules only",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_modules_as_functions_refuse_as_torchs(name):
    call, message = REFUSED[name]
    with pytest.raises(Exception):  # noqa: B017  # torch's own errors are of many types
        quietly(call, torch)
    with pytest.raises((RuntimeError, ValueError, TypeError), match=message):
        call(weft)


def test_a_module_keeps_its_own_state_when_a_call_fails():
    net = network(weft)
    before = {name: p.tolist() for name, p in net.named_parameters()}
    with pytest.raises(ValueError, match="linear"):
        weft.func.functional_call(net, {"first.weight": weft.ones(3, 7)}, weft.ones(4, 3))
    assert {name: p.tolist() for name, p in net.named_parameters()} == before


# --- rearrange ---------------------------------------------------------------------------------

PATTERNS = [
    ("a b c -> (a b) c", {}),
    ("a (b1 b2) c -> b1 a b2 c", {"b1": 3}),
    ("a (b1 b2) c -> (b2 a) (c b1)", {"b2": 3}),
    ("... c -> c ...", {}),
    ("a b c-> a b c 1", {}),
    ("a () c -> a c", {}),
    ("a 1 c -> c a", {}),
    ("a ... -> ... a", {}),
    ("a ... -> (...) a", {}),
    ("a ... c -> c (a ...)", {}),
    ("a b c -> (a b c)", {}),
    ("a b c -> () a b c ()", {}),
    ("a (b c) d -> a (c b) d", {"c": 1}),
]
WRONG = [
    ("a b c -> a c", {}, "b stands on one side only"),
    ("a b c -> a (b c) d", {}, "d stands on one side only"),
    ("a b c -> a b c", {"z": 3}, "z stands nowhere"),
    ("a b -> b a", {}, "has 2 dims on the left"),
    ("a (b1 b2) c -> a b1 b2 c", {}, "pass all but one, as b1="),
    ("a (b1 b2) c -> a b1 b2 c", {"b1": 2}, r"dim 1 of length 3 does not divide into \(b1=2 b2=\?"),
    ("a b a -> a b a", {}, "a stands twice"),
    ("(a 2) b c -> a b c", {}, "'2' cannot stand there"),
    ("a b c", {}, "expected one '->'"),
    ("a (b c -> a b c", {}, "a parenthesis is not closed"),
    ("a ((b) c) -> a b c", {}, r"'\(' cannot stand there"),
]


@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_rearrange_moves_dims_as_torchs(number):
    pattern, lengths = PATTERNS[number]
    middle = 1 if "()" in pattern[:6] or " 1 c ->" in pattern else 3
    data = np.arange(2.0 * middle * 4).reshape(2, middle, 4)
    expected = torch.func.rearrange(torch.from_numpy(data), pattern, **lengths)
    got = weft.func.rearrange(weft.from_numpy(data), pattern, **lengths)
    assert got.tolist() == expected.tolist()
    slope = weft.func.grad(lambda x: (weft.func.rearrange(x, pattern, **lengths) * got).sum())(
        weft.from_numpy(data)
    )
    assert slope.tolist() == data.tolist()


@pytest.mark.parametrize(("pattern", "lengths", "message"), WRONG)
def test_rearrange_says_what_is_wrong_with_a_pattern(pattern, lengths, message):
    data = np.zeros((2, 3, 4))
    with pytest.raises(Exception):  # noqa: B017  # torch's own errors are of many types
        torch.func.rearrange(torch.from_numpy(data), pattern, **lengths)
    with pytest.raises(ValueError, match=message):
        weft.func.rearrange(weft.from_numpy(data), pattern, **lengths)


def test_rearrange_stacks_a_list():
    x = weft.ones(2, 3)
    assert weft.func.rearrange([x, x, x, x], "n a b -> a (b n)").shape == (2, 12)
