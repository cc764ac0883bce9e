"""Forward hooks and pre-hooks: order, results, removal, failures."""

from __future__ import annotations

import copy

import pytest

import weft
from weft import nn


class Double(nn.Module):
    """Doubles its argument, and fails on request."""

    def forward(self, x: float, *, fail: bool = False) -> float:
        if fail:
            raise ValueError("asked to fail")
        return 2 * x


def test_hooks_run_around_forward_in_the_order_of_registration() -> None:
    order = []
    module = Double()
    module.register_forward_hook(lambda m, a, out: order.append("after 1"))
    module.register_forward_pre_hook(lambda m, a: order.append("before 1"))
    module.register_forward_hook(lambda m, a, out: order.append("after 2"))
    module.register_forward_pre_hook(lambda m, a: order.append("before 2"))
    module.register_forward_hook(lambda m, a, out: order.append("after 0"), prepend=True)
    assert module(1) == 2
    assert order == ["before 1", "before 2", "after 0", "after 1", "after 2"]


def test_a_pre_hook_may_replace_the_arguments() -> None:
    module = Double()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    assert module(1) == 4
    module.register_forward_pre_hook(lambda m, args: (args[0] * 10,))
    assert module(1) == 40


def test_a_forward_hook_may_replace_the_result() -> None:
    module = Double()
    module.register_forward_hook(lambda m, args, out: out + args[0])
    assert module(5) == 15


def test_hooks_with_kwargs_see_and_change_them() -> None:
    module = Double()
    seen = []
    module.register_forward_hook(lambda m, a, kw, out: seen.append(kw), with_kwargs=True)
    module.register_forward_pre_hook(lambda m, a, kw: (a, {**kw, "fail": False}), with_kwargs=True)
    assert module(1, fail=True) == 2
    assert seen == [{"fail": False}]


def test_a_pre_hook_with_kwargs_must_return_a_pair() -> None:
    module = Double()
    module.register_forward_pre_hook(lambda m, a, kw: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"None or a tuple \(args, kwargs\).* returned 3"):
        module(1)


def test_a_handle_removes_its_hook_and_works_as_a_context() -> None:
    module = Double()
    handle = module.register_forward_hook(lambda m, a, out: out + 1)
    assert module(1) == 3
    handle.remove()
    handle.remove()
    assert module(1) == 2
    with module.register_forward_hook(lambda m, a, out: 0):
        assert module(1) == 0
    assert module(1) == 2


def test_clearing_the_table_removes_all_forward_hooks() -> None:
    module = Double()
    module.register_forward_hook(lambda m, a, out: 0)
    module._forward_hooks.clear()
    assert module(1) == 2
    handle = module.register_forward_hook(lambda m, a, out: 0)
    module.register_forward_pre_hook(lambda m, a: 100)
    kept, module._forward_hooks = dict(module._forward_hooks), {}
    module._forward_pre_hooks = {}
    assert module(1) == 2
    module._forward_hooks = kept
    assert module(1) == 0
    handle.remove()
    assert module(1) == 2


def test_an_always_hook_runs_after_an_exception_with_none() -> None:
    module = Double()
    seen = []
    module.register_forward_hook(lambda m, a, out: seen.append("plain"))
    module.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match=r"asked to fail"):
        module(1, fail=True)
    assert seen == [None]
    module(1)
    assert seen == [None, "plain", 2]


def test_an_always_hook_that_fails_does_not_hide_the_first_exception() -> None:
    def explode(module: nn.Module, args: object, out: object) -> None:
        raise KeyError("hook")

    module = Double()
    module.register_forward_hook(explode, always_call=True)
    with (
        pytest.warns(UserWarning, match=r"always_call=True raised KeyError"),
        pytest.raises(ValueError, match=r"asked to fail"),
    ):
        module(1, fail=True)


def test_what_is_not_callable_is_no_hook() -> None:
    with pytest.raises(TypeError, match=r"a hook must be callable, got int: 3"):
        Double().register_forward_hook(3)


def test_hooks_for_all_modules_run_first_and_leave_no_trace_when_removed() -> None:
    order = []
    module = Double()
    module.register_forward_hook(lambda m, a, out: order.append("own"))
    handles = [
        nn.register_module_forward_hook(lambda m, a, out: order.append("all")),
        nn.register_module_forward_pre_hook(lambda m, a: order.append("all before")),
    ]
    try:
        nn.Identity()(1)
        module(1)
    finally:
        for handle in handles:
            handle.remove()
    assert order == ["all before", "all", "all before", "all", "own"]
    nn.Identity()(1)
    assert nn.Module._call_hooks is None
    assert len(order) == 5


def test_hooks_of_a_copy_are_its_own() -> None:
    module = Double()
    module.register_forward_hook(add_one)
    other = copy.deepcopy(module)
    assert other(1) == 3
    other._forward_hooks.clear()
    assert module(1) == 3
    assert other(1) == 2


def add_one(module: nn.Module, args: object, out: float) -> float:
    return out + 1


def test_a_hook_sees_the_outputs_of_inner_modules() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    shapes = []
    for module in net:
        module.register_forward_hook(lambda m, a, out: shapes.append(tuple(out.shape)))
    net(weft.ones(4, 2))
    assert shapes == [(4, 3), (4, 3)]
