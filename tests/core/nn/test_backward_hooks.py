"""Backward hooks on modules: what they see, what they may change, when they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import weft
from weft import nn
from weft.nn import _hooks


@pytest.fixture(autouse=True)
def no_hooks_are_left() -> Iterator[None]:
    yield
    assert _hooks.EVERYWHERE.is_empty()
    assert not any(_hooks.REGISTRATION.values())


class Product(nn.Module):
    """Two inputs and one setting; a product and a sum come out."""

    def forward(self, x: Any, y: Any, factor: float) -> tuple[Any, Any]:
        return x * y * factor, x + y


def leaves() -> list[weft.Tensor]:
    return [weft.tensor([2.0, 3.0], requires_grad=True), weft.tensor([5.0, 7.0])]


def test_a_full_hook_sees_the_gradients_of_all_arguments_and_results() -> None:
    seen: list[Any] = []
    module = Product()
    module.register_full_backward_hook(lambda *args: seen.append(args))
    x, y = leaves()
    product, total = module(x, y, 10.0)
    (product.sum() + 3 * total.sum()).backward()
    assert x.grad.tolist() == [53.0, 73.0]
    ((who, grad_input, grad_output),) = seen
    assert who is module
    assert grad_input[0].tolist() == [53.0, 73.0]
    assert grad_input[1].tolist() == [0.0, 0.0]  # y needs none
    assert grad_input[2] is None
    assert [g.tolist() for g in grad_output] == [[1.0, 1.0], [3.0, 3.0]]


def test_a_result_that_nothing_uses_has_no_gradient() -> None:
    seen: list[Any] = []
    module = Product()
    module.register_full_backward_hook(lambda m, gi, go: seen.append(go))
    x, y = leaves()
    module(x, y, 10.0)[0].sum().backward()
    assert seen[0][1] is None


def test_hooks_may_replace_gradients_on_both_sides() -> None:
    module = nn.Linear(2, 1, bias=False)
    nn.init.ones_(module.weight)
    module.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] + go[0].sum(),))
    x = weft.tensor([[2.0, 3.0]], requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [[4.0, 4.0]]  # twice one, and twice one added
    assert module.weight.grad.tolist() == [[4.0, 6.0]]


def test_hooks_run_in_their_order_and_are_removed() -> None:
    order: list[str] = []
    module = nn.Identity()
    x = weft.ones(2, requires_grad=True)
    handles = [
        module.register_full_backward_hook(lambda m, gi, go: order.append("after 1")),
        module.register_full_backward_pre_hook(lambda m, go: order.append("before 1")),
        module.register_full_backward_hook(lambda m, gi, go: order.append("after 0"), prepend=True),
        module.register_full_backward_pre_hook(lambda m, go: order.append("before 0"), True),
    ]
    module(x).sum().backward()
    assert order == ["before 0", "before 1", "after 0", "after 1"]
    for handle in handles:
        handle.remove()
    assert module(x) is x


def test_a_module_without_inputs_to_differentiate_runs_its_hook_at_the_results() -> None:
    seen: list[Any] = []
    module = nn.Linear(2, 1)
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    out = module(weft.ones(1, 2))
    with pytest.warns(UserWarning, match=r"no argument of the module requires grad"):
        out.sum().backward()
    assert seen[0][0] == (None,)
    assert seen[0][1][0].tolist() == [[1.0]]


def test_a_hook_must_return_as_many_gradients_as_there_are() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match=r"None or 1 gradients as grad_input has.* returned 2"):
        module(weft.ones(2, requires_grad=True)).sum().backward()


def test_a_module_that_returns_no_tensors_is_told_so() -> None:
    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"out": x * 2}

    module = Named()
    module.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.warns(UserWarning, match=r"returned dict"):
        out = module(weft.ones(2, requires_grad=True))
    out["out"].sum().backward()


def test_nothing_happens_without_a_graph() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, gi, go: pytest.fail("called"))
    x = weft.ones(2, requires_grad=True)
    with weft.no_grad():
        assert module(x) is x


def test_gradients_of_gradients_go_through_hooks() -> None:
    calls: list[int] = []
    module = nn.Tanh()
    module.register_full_backward_hook(lambda m, gi, go: calls.append(1))
    x = weft.tensor(0.3, requires_grad=True, dtype=weft.float64)
    (g,) = weft.autograd.grad(module(x), x, create_graph=True)
    (gg,) = weft.autograd.grad(g, x)
    t = x.detach().tanh()
    assert g.item() == pytest.approx((1 - t * t).item())
    assert gg.item() == pytest.approx((-2 * t * (1 - t * t)).item())
    assert calls


def test_the_older_hook_sees_the_last_op() -> None:
    seen: list[Any] = []
    module = nn.Tanh()
    module.register_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    x = weft.zeros(2, requires_grad=True)
    module(x).sum().backward()
    assert seen[0][0][0].tolist() == [1.0, 1.0]
    module = nn.Sequential(nn.Tanh(), nn.Tanh())
    module.register_backward_hook(lambda m, gi, go: None)
    with pytest.warns(FutureWarning, match=r"the last op alone"):
        module(x)


def test_both_kinds_of_hooks_on_one_module_are_refused() -> None:
    module = nn.Tanh()
    handle = module.register_backward_hook(lambda m, gi, go: None)
    with pytest.raises(RuntimeError, match=r"this Tanh cannot have hooks of"):
        module.register_full_backward_hook(lambda m, gi, go: None)
    handle.remove()
    module.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.raises(RuntimeError, match=r"use the full ones"):
        module.register_backward_hook(lambda m, gi, go: None)


def test_hooks_on_all_modules_run_for_each() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Tanh(), nn.Sigmoid())
    x = weft.ones(2, requires_grad=True)
    with (
        nn.register_module_full_backward_hook(lambda m, gi, go: seen.append(type(m).__name__)),
        nn.register_module_full_backward_pre_hook(lambda m, go: seen.append("before")),
    ):
        model(x).sum().backward()
    assert [name for name in seen if name != "before"] == ["Sigmoid", "Tanh", "Sequential"]
    assert seen.count("before") == 3
    model(x)
    assert nn.Module._call_hooks is None


def test_the_older_hook_on_all_modules() -> None:
    seen: list[Any] = []
    with nn.register_module_backward_hook(lambda m, gi, go: seen.append(m)):
        with pytest.raises(RuntimeError, match=r"all modules cannot have hooks of"):
            nn.register_module_full_backward_hook(lambda m, gi, go: None)
        module = nn.Tanh()
        module(weft.ones(2, requires_grad=True)).sum().backward()
    assert seen == [module]


def test_hooks_on_registering_see_and_may_replace_what_is_registered() -> None:
    seen: list[Any] = []

    def note(module: Any, name: str, value: Any) -> None:
        seen.append((type(module).__name__, name))

    def doubled(module: Any, name: str, value: Any) -> Any:
        return nn.Parameter(value.detach() * 2)

    with (
        nn.register_module_parameter_registration_hook(note),
        nn.register_module_buffer_registration_hook(note),
        nn.register_module_module_registration_hook(note),
    ):
        model = nn.Sequential(nn.BatchNorm1d(2))
        model[0].running_mean = weft.ones(2)
    assert seen[:2] == [("BatchNorm1d", "weight"), ("BatchNorm1d", "bias")]
    assert ("BatchNorm1d", "running_mean") in seen
    assert seen[-2:] == [("Sequential", "0"), ("BatchNorm1d", "running_mean")]
    with nn.register_module_parameter_registration_hook(doubled):
        module = nn.Module()
        module.weight = nn.Parameter(weft.ones(2))
    assert module.weight.tolist() == [2.0, 2.0]


def test_a_copied_module_has_its_own_hooks() -> None:
    from copy import deepcopy

    module = nn.Tanh()
    module.handle = module.register_forward_hook(lambda m, args, out: out * 2)
    other = deepcopy(module)
    other.handle.remove()
    x = weft.ones(1)
    assert module(x).item() == pytest.approx(2 * other(x).item())
