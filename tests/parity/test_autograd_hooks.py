"""The order of hooks, what they see, and what they may return, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft

Program = Callable[[Any], Any]


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values or (1.0, 2.0)), requires_grad=True)


def plain(value: Any) -> Any:
    """Return what a hook saw as nested lists of numbers."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def order(lib: Any) -> Any:
    """Register every kind of hook and run every kind of pass; return what was called."""
    seen: list[Any] = []

    def noting(name: str, result: Callable[..., Any] = lambda *_: None) -> Callable[..., Any]:
        def hook(*args: Any) -> Any:
            seen.append((name, *map(plain, args)))
            return result(*args)

        return hook

    x = leaf(lib)
    y = x * 2
    y.retain_grad()
    y.grad_fn.register_prehook(noting("node before", lambda go: (go[0] * 2,)))
    y.grad_fn.register_hook(noting("node after"))
    y.register_hook(noting("first", lambda g: g * 10))
    y.register_hook(noting("second", lambda g: g + 1))
    end = lib.autograd.graph.get_gradient_edge(x).node
    x.register_hook(noting("leaf", lambda g: g + 1))
    end.register_prehook(noting("leaf node before", lambda go: (go[0] * 2,)))
    end.register_hook(noting("leaf node after"))
    x.register_post_accumulate_grad_hook(noting("accumulated"))
    for run in (
        lambda: y.sum().backward(retain_graph=True),
        lambda: lib.autograd.grad(y.sum(), [x, y], retain_graph=True),
        lambda: lib.autograd.grad(y.sum(), [y], retain_graph=True),
        lambda: y.sum().backward(inputs=[x], retain_graph=True),
    ):
        run()
        seen.append(("ran", plain(x.grad), plain(y.grad)))
    return seen


def removal_by_another_hook(lib: Any) -> Any:
    seen: list[Any] = []
    y = leaf(lib) * 2
    handles: list[Any] = []

    def first(g: Any) -> None:
        seen.append(1)
        handles[1].remove()

    def adds(g: Any) -> None:
        y.register_hook(lambda g: seen.append("new"))

    y.register_hook(first)
    handles.append(y.register_hook(lambda g: seen.append(2)))
    handles.append(y.register_hook(lambda g: seen.append(3)))
    y.register_hook(adds)
    y.sum().backward(retain_graph=True)
    seen.append("again")
    y.sum().backward()
    return seen


def removal_by_itself(lib: Any) -> Any:
    seen: list[Any] = []
    y = leaf(lib) * 2

    def once(g: Any) -> None:
        seen.append(1)
        handle.remove()

    handle = y.register_hook(once)
    y.register_hook(lambda g: seen.append(2))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return seen


def a_handle_is_a_context_manager(lib: Any) -> Any:
    seen: list[Any] = []
    y = leaf(lib) * 2
    with y.register_hook(lambda g: seen.append(plain(g))):
        y.sum().backward(retain_graph=True)
    with y.grad_fn.register_hook(lambda gi, go: seen.append(plain(go))):
        y.sum().backward(retain_graph=True)
    y.sum().backward()
    return seen


def hooks_of_a_node_with_several_outputs(lib: Any) -> Any:
    seen: list[Any] = []
    x = lib.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    values, vectors = lib.linalg.eigh(x)
    node = values.grad_fn
    node.register_prehook(lambda go: seen.append(plain(go)))
    node.register_hook(lambda gi, go: seen.append((plain(gi), plain(go))))
    values.register_hook(lambda g: g * 3)
    values.sum().backward()
    return seen, plain(x.grad), node is vectors.grad_fn, values.output_nr, vectors.output_nr


def a_node_hook_changes_what_flows_on(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib, 3.0, 4.0)
    y = x * w
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 2, gi[1] * 3))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] + 1, gi[1]))
    y.sum().backward()
    return plain([x.grad, w.grad])


def a_node_hook_may_stop_a_gradient(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib, 3.0, 4.0)
    y = x * w
    y.grad_fn.register_hook(lambda gi, go: (None, gi[1]))
    y.sum().backward()
    return plain([x.grad, w.grad])


def hooks_are_differentiated_through(lib: Any) -> Any:
    x = leaf(lib)
    y = x**3
    y.register_hook(lambda g: g * x)
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * x, *gi[1:]))
    (first,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    return plain([first, *lib.autograd.grad(first.sum(), x)])


def retained_gradients_add_up(lib: Any) -> Any:
    x = leaf(lib)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return plain(y.grad)


def the_hook_of_several_gradients(lib: Any) -> Any:
    seen: list[Any] = []
    a, b = leaf(lib), leaf(lib, 3.0, 4.0)
    c, d = a * b, a + b
    lib.autograd.graph.register_multi_grad_hook((a, b, c, d), lambda gs: seen.append(plain(gs)))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c + d).sum().backward()
    return seen


def the_hook_of_any_gradient(lib: Any) -> Any:
    seen: list[Any] = []
    a, b = leaf(lib), leaf(lib, 3.0, 4.0)
    c = a * b
    register = lib.autograd.graph.register_multi_grad_hook
    handle = register((a, b, c, lib.ones(2)), lambda g: seen.append(plain(g)), mode="any")
    c.sum().backward(retain_graph=True)
    lib.autograd.grad(c.sum(), a, retain_graph=True)
    handle.remove()
    c.sum().backward()
    return seen


def edges_stand_for_tensors(lib: Any) -> Any:
    edge = lib.autograd.graph.get_gradient_edge
    x = leaf(lib)
    y = x * 3
    z = (y * y).sum()
    values = leaf(lib, 3.0, 1.0, 2.0).topk(2).values
    return plain(
        [
            *lib.autograd.grad(z, [edge(x), edge(y)], retain_graph=True),
            *lib.autograd.grad(edge(z), x, retain_graph=True),
            *lib.autograd.grad(edge(y), x, lib.ones(2), retain_graph=True),
            *lib.autograd.grad((values * 5).sum(), edge(values)),
            edge(values).output_nr,
        ]
    )


def edges_of_one_place_are_equal(lib: Any) -> Any:
    edge = lib.autograd.graph.get_gradient_edge
    x = leaf(lib)
    y = x * 2
    again = y.view_as(y)
    return edge(x) == edge(x), edge(y) == edge(y), edge(y) == edge(again), len({edge(y), edge(y)})


def an_edge_receives_into_grad(lib: Any) -> Any:
    x, w = leaf(lib), leaf(lib)
    (x * w).sum().backward(inputs=[lib.autograd.graph.get_gradient_edge(x)])
    return plain([x.grad, w.grad])


def next_functions(lib: Any) -> Any:
    x = leaf(lib)
    y = x * 3 + x.relu()
    left, right = (node for node, _ in y.grad_fn.next_functions)
    y.grad_fn.metadata["mine"] = 5
    return (
        [number for _, number in y.grad_fn.next_functions],
        [node.name() for node in (y.grad_fn, left, right)],
        [left.next_functions[0][0] is right.next_functions[0][0]],
        left.next_functions[1],
        right.next_functions[0][0].variable is x,
        right.next_functions[0][0].next_functions,
        isinstance(left, lib.autograd.graph.Node),
        y.grad_fn.metadata,
        plain(right._saved_result),
    )


PROGRAMS = [
    value for value in list(vars().values()) if getattr(value, "__module__", "") == __name__
]
PROGRAMS = [p for p in PROGRAMS if p not in (leaf, plain)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_hooks_do_what_they_do_in_torch(program):
    assert program(weft) == program(torch)


def returned_by_tensor_hook(lib: Any, result: Callable[[Any], Any]) -> Any:
    x = leaf(lib)
    y = x * 2
    y.register_hook(result)
    y.sum().backward()
    return plain(x.grad)


def returned_by_node_hook(lib: Any, result: Callable[[Any], Any]) -> Any:
    x = leaf(lib)
    y = x * leaf(lib)
    y.grad_fn.register_hook(lambda gi, go: result(gi))
    y.sum().backward()
    return plain(x.grad)


def returned_by_prehook(lib: Any, result: Callable[[Any], Any]) -> Any:
    x = leaf(lib)
    y = x * leaf(lib)
    y.grad_fn.register_prehook(result)
    y.sum().backward()
    return plain(x.grad)


@pytest.mark.parametrize(
    ("program", "make", "words"),
    [
        (returned_by_tensor_hook, lambda lib: lambda g: lib.ones(3), "changed the shape .* (3,)"),
        (returned_by_tensor_hook, lambda lib: lambda g: lib.ones(1), "changed the shape .* (1,)"),
        (returned_by_tensor_hook, lambda lib: lambda g: g.double(), "changed the dtype"),
        (returned_by_tensor_hook, lambda lib: lambda g: 3, "expected to return .*got int"),
        (returned_by_node_hook, lambda lib: lambda gi: gi[0], "a tuple of gradients or None"),
        (returned_by_node_hook, lambda lib: lambda gi: [*gi], "got list"),
        (returned_by_node_hook, lambda lib: lambda gi: gi[:1], "1 gradients where .* has 2"),
        (returned_by_node_hook, lambda lib: lambda gi: (*gi, None), "3 gradients .* has 2"),
        (returned_by_node_hook, lambda lib: lambda gi: (3, gi[1]), "got int"),
        (returned_by_node_hook, lambda lib: lambda gi: (lib.ones(3), gi[1]), "changed the shape"),
        (returned_by_prehook, lambda lib: lambda go: go[0], "a tuple of gradients or None"),
        (returned_by_prehook, lambda lib: lambda go: (*go, None), "2 gradients .* has 1"),
        (returned_by_prehook, lambda lib: lambda go: (go[0].double(),), "changed the dtype"),
    ],
)  # fmt: skip
def test_what_a_hook_must_not_return_is_refused_as_in_torch(program, make, words):
    with pytest.raises((RuntimeError, TypeError)) as expected:
        program(torch, make(torch))
    kind = TypeError if isinstance(expected.value, TypeError) else RuntimeError
    with pytest.raises(kind, match=words.replace("(", r"\(").replace(")", r"\)")) as got:
        program(weft, make(weft))
    assert "'<lambda>'" in str(got.value)


def test_a_hook_that_waits_for_what_needs_no_gradient_is_refused():
    with pytest.raises(weft.GradError, match=r"tensor 1 of shape \(3,\) requires no gradient"):
        weft.autograd.graph.register_multi_grad_hook([leaf(weft), weft.ones(3)], print)
    with pytest.raises(ValueError, match="'all' or 'any', got 'some'"):
        weft.autograd.graph.register_multi_grad_hook([leaf(weft)], print, mode="some")
