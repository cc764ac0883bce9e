"""Arguments of backward and grad, batched cotangents, hooks on saved tensors, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft
from tests.parity.programs import Programs, leaf

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
case = Programs()


def plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


@case
def a_jacobian_in_one_pass(lib: Any) -> Any:
    x = leaf(lib, 1.0, 2.0, 3.0)
    return plain(lib.autograd.grad(x**2, x, lib.eye(3), is_grads_batched=True))


@case
def several_batched_cotangents_and_an_unused_input(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib)
    seeds = [lib.ones(3, 2), lib.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])]
    outs = [x * 2, x * x]
    grad = lib.autograd.grad
    first = grad(outs, [x, w], seeds, retain_graph=True, allow_unused=True, is_grads_batched=True)
    return plain(first)


@case
def batched_gradients_are_differentiated_again(lib: Any) -> Any:
    x = leaf(lib)
    grad = lib.autograd.grad
    (rows,) = grad(x**3, x, lib.eye(2), create_graph=True, is_grads_batched=True)
    return plain([rows, *grad(rows.sum(), x)])


@case
def unused_inputs_become_zeros_where_asked(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib, 1.0, 2.0, 3.0)
    return plain(lib.autograd.grad((x**2).sum(), [x, w], materialize_grads=True))


@case
def an_input_named_twice_comes_twice(lib: Any) -> Any:
    x = leaf(lib)
    return plain(lib.autograd.grad((x**2).sum(), [x, x]))


@case
def all_arguments_go_by_position(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib)
    lib.autograd.backward((x * w).sum(), None, True, False, None, x)
    lib.autograd.backward([(x * w).sum(), x * 3], [None, lib.ones(2)])
    found = lib.autograd.grad((x * w).sum(), [x], None, None, False, True, True)
    return plain([x.grad, w.grad, found])


@case
def one_tensor_stands_for_a_list_of_one(lib: Any) -> Any:
    x = leaf(lib)
    lib.autograd.backward(x * 2, lib.ones(2))
    lib.autograd.backward([x * 2], lib.ones(2))
    lib.autograd.backward((x * 2,), lib.ones(2))
    return plain([x.grad, lib.autograd.grad(x * 5, x, lib.ones(2))])


@case
def hooks_on_saved_tensors_see_each_in_turn(lib: Any) -> Any:
    seen: list[Any] = []

    def pack(t: Any) -> Any:
        seen.append(("pack", plain(t)))
        return plain(t)

    def unpack(values: Any) -> Any:
        seen.append(("unpack", values))
        return lib.tensor(values)

    a = leaf(lib, 2.0, 3.0)
    with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = a * a
        z = y.relu().sum()
    z.backward()
    return seen, plain(a.grad)


@case
def the_innermost_hooks_count(lib: Any) -> Any:
    seen: list[str] = []

    def noting(name: str) -> Any:
        return lib.autograd.graph.saved_tensors_hooks(
            lambda t: (seen.append(name), t.detach())[1], lambda t: t
        )

    a = leaf(lib)
    with noting("outer"):
        with noting("inner"):
            y = a * a
        (y * a).sum().backward()
    a * a
    return seen, plain(a.grad)


@pytest.mark.parametrize("program", case, ids=lambda p: p.__name__)
def test_the_tapes_functions_do_what_they_do_in_torch(program):
    assert program(weft) == program(torch)


def call(name: str, outputs: str, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Return a program that calls grad or backward on ``eval``-ed expressions of x and w."""

    def program(lib: Any) -> Any:
        scope = {"lib": lib, "x": leaf(lib), "w": leaf(lib)}
        read = [eval(a, scope) if isinstance(a, str) else a for a in (outputs, *args)]
        named = {k: eval(v, scope) if isinstance(v, str) else v for k, v in kwargs.items()}
        return getattr(lib.autograd, name)(*read, **named)

    program.__name__ = f"{name}({', '.join(map(str, (outputs, *args)))}, {kwargs})"
    return program


REFUSED = [
    (call("grad", "(x**2).sum()", "[x, w]"), "input 1 .*was not used"),
    (call("grad", "(x**2).sum()", "[]"), "inputs is empty"),
    (call("grad", "(x**2).sum()", "lib.ones(2)"), "input 0 .* needs no gradient"),
    (
        call("grad", "(x**2).sum()", "x", materialize_grads=True, allow_unused=False),
        "leave allow_unused out",
    ),
    (call("grad", "x**2", "x"), r"implicit cotangent, this one has shape \(2,\)"),
    (call("grad", "(x * 1j).sum()", "x"), "only a real tensor has an implicit cotangent"),
    (call("grad", "x**2", "x", is_grads_batched=True), "a cotangent for every output"),
    (
        call("grad", "x**2", "x", "lib.ones(2, 3)", is_grads_batched=True),
        r"shape after a batch dim, got \(2, 3\)",
    ),
    (
        call("grad", "[x**2, x]", "x", "[lib.ones(3, 2), lib.ones(4, 2)]", is_grads_batched=True),
        r"one length, got \[3, 4\]",
    ),
    (call("backward", "[(x**2).sum(), lib.ones(())]"), "tensor 1 .* needs no gradient"),
    (call("backward", "(x**2).sum()", "[3.0]"), "must be a weft.Tensor or None, got float"),
    (call("backward", "x**2", "lib.ones(3)"), r"must have that shape, got \(3,\)"),
    (call("backward", "(x**2).sum()", inputs="[]"), "inputs= is empty"),
    (call("backward", "(x**2).sum()", inputs="lib.ones(2)"), "needs no gradient"),
    (
        call("backward", "x.sum()", "lib.tensor(1.0)", grad_variables="lib.tensor(1.0)"),
        "old name of grad_tensors",
    ),
]


@pytest.mark.parametrize(("program", "words"), REFUSED, ids=[p.__name__ for p, _ in REFUSED])
def test_what_torch_refuses_is_refused(program, words):
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        program(torch)
    with pytest.raises((RuntimeError, TypeError, ValueError), match=words):
        program(weft)


def test_the_old_name_of_the_cotangents_warns():
    x = leaf(weft)
    with pytest.warns(UserWarning, match="old name of grad_tensors"):
        weft.autograd.backward(x * 2, grad_variables=weft.ones(2))
    assert x.grad.tolist() == [2.0, 2.0]


def test_edges_made_by_hand_find_their_place():
    x = weft.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    values, _ = weft.linalg.eigh(x)
    loss = (values * 3).sum()
    edge = weft.autograd.graph.GradientEdge(*loss.grad_fn.next_functions[0])
    (inner,) = weft.autograd.grad(loss, edge, retain_graph=True)
    assert inner.tolist() == [1.0, 1.0]
    by_hand = weft.autograd.graph.GradientEdge(values.grad_fn, values.output_nr)
    (g,) = weft.autograd.grad(loss, by_hand, retain_graph=True)
    assert g.tolist() == [3.0, 3.0]
    (g,) = weft.autograd.grad(by_hand, x, weft.ones(2))
    assert g.diagonal().tolist() == [1.0, 1.0]
    with pytest.raises(weft.GradError, match="an edge made by hand"):
        weft.autograd.grad(by_hand, x)
    with pytest.raises(TypeError, match="or a GradientEdge in place 0, got int"):
        weft.autograd.grad(loss, [3])
