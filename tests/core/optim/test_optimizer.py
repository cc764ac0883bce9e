"""What all optimizers share: groups, names, hooks, closures, checkpoints, and their errors."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import weft
from tests.core.optim.cases import CASES, EACH, EACH_OTHER, IDS, OTHER_IDS
from weft.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)


def leaf(*values):
    return weft.tensor(list(values)).requires_grad_()


def test_groups_take_the_defaults_they_do_not_name():
    p, q = leaf(1.0), leaf(2.0)
    optimizer = weft.optim.SGD([{"params": p, "lr": 0.5}, {"params": [q]}], lr=0.1)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1]
    optimizer.add_param_group({"params": leaf(3.0), "momentum": 0.9})
    assert optimizer.param_groups[2]["momentum"] == 0.9
    assert optimizer.param_groups[2]["lr"] == 0.1


@pytest.mark.parametrize(
    ("params", "kind", "match"),
    [
        (lambda: leaf(1.0), TypeError, "pass it in a list"),
        (lambda: [], ValueError, "empty list"),
        (lambda: [1.0], TypeError, "parameter 0 is float 1.0"),
        (lambda: [{"params": {leaf(1.0)}}], TypeError, "an order"),
        (lambda: [leaf(1.0) * 2], ValueError, "is no leaf"),
        (lambda: [{"params": []}, 3], TypeError, "a group must be a dict, got int"),
    ],
)
def test_what_is_no_parameter_is_refused(params, kind, match):
    with pytest.raises(kind, match=match):
        weft.optim.SGD(params(), lr=0.1)


def test_a_parameter_belongs_to_one_group():
    p = leaf(1.0)
    with pytest.raises(ValueError, match="in another one already"):
        weft.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)
    with pytest.warns(UserWarning, match="more than once"):
        weft.optim.SGD([p, p], lr=0.1)


def test_names_come_with_all_parameters_or_with_none():
    model = weft.nn.Linear(2, 3)
    optimizer = weft.optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="this one has none"):
        optimizer.add_param_group({"params": [leaf(1.0)]})
    with pytest.raises(ValueError, match="1 names for 2 parameters"):
        weft.optim.SGD([("a", leaf(1.0)), leaf(2.0)], lr=0.1)


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("SGD", {"lr": -1.0}, "SGD: lr must be at least 0, got -1.0"),
        ("SGD", {"lr": float("nan")}, "lr must be at least 0"),
        ("SGD", {"momentum": -0.1}, "momentum must be at least 0"),
        ("SGD", {"nesterov": True}, "nesterov needs a momentum above 0"),
        ("SGD", {"lr": weft.ones(2)}, "lr must have one element"),
        ("Adam", {"betas": (1.0, 0.9)}, "must be in .0, 1., got 1.0"),
        ("Adam", {"betas": (0.9, weft.tensor(0.9))}, "both numbers or both tensors"),
        ("Adam", {"eps": -1}, "eps must be at least 0"),
        ("Adam", {"lr": weft.tensor(0.1), "foreach": True}, "cannot be a tensor where foreach"),
        ("AdamW", {"weight_decay": -1}, "AdamW: weight_decay must be at least 0"),
        ("Adadelta", {"rho": 1.5}, "rho must be in"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay must be at least 0"),
        ("Adamax", {"betas": (0.9, 1.0)}, "got 1.0"),
        ("NAdam", {"momentum_decay": -1}, "momentum_decay must be at least 0"),
        ("RMSprop", {"alpha": -1}, "alpha must be at least 0"),
        ("Rprop", {"etas": (1.2, 0.5)}, "etas must be"),
        ("Adafactor", {"d": 0.5}, "d must be at least 1"),
        ("Adafactor", {"beta2_decay": 0.5}, "beta2_decay must be at most 0"),
        ("Adafactor", {"eps": (-1, 1)}, "must be at least 0"),
        ("Muon", {}, "must be matrices, got one of shape .1,.; give it"),
        ("Muon", {"adjust_lr_fn": "other"}, "adjust_lr_fn must be .* got 'other'"),
        ("LBFGS", {"line_search_fn": "other"}, "line_search_fn must be"),
    ],
)
def test_settings_out_of_range_are_refused(name, settings, match):
    with pytest.raises(ValueError, match=match):
        getattr(weft.optim, name)([leaf(1.0)], **settings)


@pytest.mark.parametrize("other", ["foreach", "differentiable"])
def test_fused_excludes_what_it_cannot_be_with(other):
    with pytest.raises(RuntimeError, match=f"fused=True and {other}=True"):
        weft.optim.Adam([leaf(1.0)], fused=True, **{other: True})


def test_repr_shows_settings_in_order():
    text = repr(weft.optim.SGD([leaf(1.0)], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False")
    assert text.endswith("\n    weight_decay: 0\n)")


def test_zero_grad_forgets_or_fills():
    p = leaf(1.0)
    optimizer = weft.optim.SGD([p], lr=0.1)
    (p * p).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    assert not p.grad.requires_grad
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()  # nothing to do
    assert p.tolist() == [1.0]


def test_a_closure_runs_with_gradients_and_its_loss_is_returned():
    p = leaf(2.0)
    optimizer = weft.optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with weft.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.tolist() == [1.0]


def test_hooks_run_around_steps_in_order():
    seen = []
    p = leaf(1.0)
    optimizer = weft.optim.AdamW([p], lr=0.25)
    handles = [
        register_optimizer_step_pre_hook(lambda o, a, k: seen.append(("all before", a[0] is o))),
        register_optimizer_step_post_hook(lambda o, a, k: seen.append(("all after", k))),
        optimizer.register_step_pre_hook(lambda o, a, k: seen.append(("before", k))),
        optimizer.register_step_post_hook(lambda o, a, k: seen.append(("after", k))),
    ]
    optimizer.step(closure=None)
    settings = {"closure": None}
    assert seen == [
        ("all before", True),
        ("before", settings),
        ("after", settings),
        ("all after", settings),
    ]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4


def test_a_hook_may_replace_what_step_is_called_with():
    optimizer = weft.optim.SGD([leaf(1.0)], lr=0.25)
    with optimizer.register_step_pre_hook(lambda o, a, k: (a, {"closure": lambda: 7})):
        assert optimizer.step() == 7
    with (
        optimizer.register_step_pre_hook(lambda o, a, k: 3),
        pytest.raises(RuntimeError, match="a pair of new args and kwargs"),
    ):
        optimizer.step()


def test_an_optimizer_of_ones_own_has_hooks_too():
    class Halving(Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        def step(self, closure=None):
            with weft.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(0.5)

    p = leaf(1.0)
    seen = []
    optimizer = Halving([p])
    optimizer.register_step_post_hook(lambda *_: seen.append(p.item()))
    optimizer.step()
    assert seen == [0.5]


def test_a_setting_may_have_no_default():
    class Plain(Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": required})

    with pytest.raises(ValueError, match="lr has no default, so each group must name it"):
        Plain([leaf(1.0)])
    assert Plain([{"params": leaf(1.0), "lr": 1}]).param_groups[0]["lr"] == 1


def test_hooks_around_checkpoints():
    optimizer = weft.optim.SGD([leaf(1.0)], lr=0.25)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    saved = optimizer.state_dict()
    assert saved["more"] == 1

    def replaced(o, state):
        state["param_groups"][0]["lr"] = 0.75
        return state

    optimizer.register_load_state_dict_pre_hook(replaced)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.load_state_dict(saved)
    assert seen == ["saving", "first", 0.75]


def test_a_state_that_does_not_fit_is_refused():
    saved = weft.optim.SGD([leaf(1.0), leaf(2.0)], lr=0.25).state_dict()
    other = weft.optim.SGD([leaf(1.0)], lr=0.25)
    with pytest.raises(ValueError, match=r"groups of \[1\] parameters, the state.* of \[2\]"):
        other.load_state_dict(saved)
    with pytest.raises(KeyError, match="param_groups"):
        other.load_state_dict({"state": {}})


@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
@pytest.mark.parametrize(("name", "settings"), EACH + EACH_OTHER, ids=IDS + OTHER_IDS)
def test_training_goes_on_as_if_never_stopped(name, settings, way):
    rng = np.random.default_rng(0)
    grads = [weft.tensor(rng.standard_normal((2, 3))) for _ in range(6)]
    p = weft.tensor(rng.standard_normal((2, 3))).requires_grad_()
    optimizer = getattr(weft.optim, name)([p], **settings)

    def stepped(one, x, g):
        def closure():
            x.grad = (g + x).detach()
            return (g * x + x * x / 2).sum()

        closure()
        one.step(closure if name == "LBFGS" else None)

    for g in grads[:3]:
        stepped(optimizer, p, g)
    if way == "state_dict":
        q = p.detach().clone().requires_grad_()
        other = getattr(weft.optim, name)([q], lr=123.0)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    elif way == "pickle":
        other = pickle.loads(pickle.dumps(optimizer))
        q = other.param_groups[0]["params"][0]
    else:
        other = copy.deepcopy(optimizer)
        q = other.param_groups[0]["params"][0]
    for g in grads[3:]:
        stepped(optimizer, p, g)
        stepped(other, q, g)
    assert q is not p
    assert (p == q).all()


@pytest.mark.parametrize("flag", ["foreach", "fused", "capturable"])
@pytest.mark.parametrize("name", CASES)
def test_flags_of_how_a_step_runs_change_no_result(name, flag):
    kind = getattr(weft.optim, name)
    if flag not in inspect.signature(kind.__init__).parameters:
        with pytest.raises(TypeError, match=flag):
            kind([leaf(1.0)], **{flag: True})
        return
    ends = []
    for settings in ({}, {flag: True}):
        p = weft.tensor([1.0, -2.0], dtype=weft.float64).requires_grad_()
        optimizer = kind([p], lr=0.1, **settings)
        for _ in range(5):
            p.grad = (p * p).detach() - 3
            optimizer.step()
        ends.append(p.tolist())
    np.testing.assert_allclose(*ends, rtol=1e-12)
    assert ends[0] != [1.0, -2.0]


def test_state_takes_on_the_parameters_dtype_but_counts_stay():
    p = leaf(1.0, 2.0)
    optimizer = weft.optim.Adam([p])
    p.grad = weft.ones(2)
    optimizer.step()
    half = weft.ones(2, dtype=weft.bfloat16).requires_grad_()
    other = weft.optim.Adam([half])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[half]["exp_avg"].dtype is weft.bfloat16
    assert other.state[half]["step"].dtype is weft.float32


def test_names_that_are_not_there_say_what_is():
    with pytest.raises(AttributeError, match="Adam"):
        _ = weft.optim.Adan


def test_lbfgs_has_one_group_and_needs_a_closure():
    with pytest.raises(ValueError, match="one group only, got 2"):
        weft.optim.LBFGS([{"params": [leaf(1.0)]}, {"params": [leaf(2.0)]}])
    with pytest.raises(TypeError, match="needs a closure"):
        weft.optim.LBFGS([leaf(1.0)]).step()


def test_muon_refuses_what_its_iteration_cannot_take():
    for settings, match in [
        ({"ns_steps": 100}, "below 100"),
        ({"ns_coefficients": (1, 2)}, "three"),
    ]:
        p = weft.ones(2, 2, requires_grad=True)
        optimizer = weft.optim.Muon([p], **settings)
        p.grad = weft.ones(2, 2)
        with pytest.raises(ValueError, match=match):
            optimizer.step()


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (200, 150), (5, 4000)])
def test_muons_step_has_singular_values_near_one_and_the_gradients_vectors(shape):
    from weft.optim.muon import orthogonalized

    matrix = weft.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    made = orthogonalized(matrix, (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert made.dtype is (weft.float32 if matrix.numel() <= 128 * 128 else weft.bfloat16)
    u, s, vt = np.linalg.svd(matrix.numpy(), full_matrices=False)
    turned = u.T @ made.to(weft.float32).numpy() @ vt.T
    values = np.diag(turned)
    large = s > 0.05 * s.max()
    assert (values[large] > 0.4).all()
    assert (values < 1.5).all()
    np.testing.assert_allclose(turned - np.diag(values), 0, atol=0.05)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_bottom_of_a_narrow_valley(line_search):
    p = weft.tensor([-1.5, 2.0], dtype=weft.float64, requires_grad=True)
    lr = 0.3 if line_search is None else 1
    optimizer = weft.optim.LBFGS([p], lr=lr, max_iter=200, line_search_fn=line_search)

    def closure():
        optimizer.zero_grad()
        x, y = p
        loss = (1 - x) ** 2 + 10 * (y - x * x) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(p.detach().numpy(), [1.0, 1.0], atol=1e-4)
