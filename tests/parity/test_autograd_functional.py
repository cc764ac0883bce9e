"""autograd.functional and autograd.forward_ad against torch's on the same small programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad

import weft
from tests.parity.torch_side import quietly


def T(m: Any, values: Any, **settings: Any) -> Any:
    return m.tensor(values, dtype=m.float64, **settings)


def plain(result: Any) -> Any:
    """Return a result with numbers in the place of tensors."""
    if isinstance(result, (torch.Tensor, weft.Tensor)):
        return (tuple(result.shape), result.requires_grad, result.detach().tolist())
    if isinstance(result, (tuple, list)):
        return [plain(one) for one in result]
    return result


def near(value: Any) -> Any:
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-10, abs=1e-12)
    if isinstance(value, (tuple, list)):
        return type(value)(near(one) for one in value)
    return value


def cube(x: Any) -> Any:
    return (x**3).sum()


def mixed(x: Any, y: Any) -> Any:
    return (x.exp() * y.sum()).sum() + (y**2).sum()


def pair(x: Any, y: Any) -> Any:
    return x * y.sum(), (x**2).sum() + y[0, 0]


def points(m: Any, **settings: Any) -> Any:
    return T(m, [0.5, -1.0, 2.0], **settings), T(m, [[1.0, 2.0], [3.0, -1.0]], **settings)


Call = Callable[[Any, Any], Any]

#: Programs ``(m, F)``: the library and its autograd.functional.
SAME: dict[str, Call] = {
    "vjp": lambda m, F: F.vjp(m.exp, points(m)[0], points(m)[0]),
    "vjp_of_a_number": lambda m, F: F.vjp(cube, (points(m)[0],)),
    "vjp_of_a_pair": lambda m, F: F.vjp(pair, points(m), (points(m)[0], T(m, 2.0))),
    "vjp_recorded": lambda m, F: F.vjp(cube, points(m, requires_grad=True)[0], create_graph=True),
    "jvp": lambda m, F: F.jvp(m.exp, points(m)[0], points(m)[0]),
    "jvp_of_a_number": lambda m, F: F.jvp(m.exp, T(m, 2.0)),
    "jvp_of_a_pair": lambda m, F: F.jvp(pair, points(m), points(m)),
    "jvp_of_a_constant": lambda m, F: F.jvp(lambda x: T(m, [1.0]), points(m)[0], points(m)[0]),
    "jvp_recorded": lambda m, F: F.jvp(
        m.exp, points(m, requires_grad=True)[0], points(m)[0], create_graph=True
    ),
    "vhp": lambda m, F: F.vhp(mixed, points(m), points(m)),
    "vhp_recorded": lambda m, F: F.vhp(cube, points(m)[0], points(m)[0], create_graph=True),
    "hvp": lambda m, F: F.hvp(mixed, points(m), points(m)),
    "hvp_one": lambda m, F: F.hvp(cube, points(m)[0], points(m)[0]),
    "hvp_of_a_linear_function": lambda m, F: F.hvp(
        lambda x: (2 * x).sum(), points(m)[0], points(m)[0]
    ),
    "jacobian": lambda m, F: F.jacobian(m.exp, points(m)[0]),
    "jacobian_of_a_pair": lambda m, F: F.jacobian(pair, points(m)),
    "jacobian_of_a_pair_by_vmap": lambda m, F: F.jacobian(pair, points(m), vectorize=True),
    "jacobian_forward": lambda m, F: F.jacobian(
        pair, points(m), vectorize=True, strategy="forward-mode"
    ),
    "jacobian_recorded": lambda m, F: F.jacobian(
        cube, points(m, requires_grad=True)[0], create_graph=True
    ),
    "jacobian_of_a_constant": lambda m, F: F.jacobian(lambda x: T(m, [1.0, 2.0]), points(m)[0]),
    "jacobian_strict": lambda m, F: F.jacobian(pair, points(m), strict=True),
    "hessian": lambda m, F: F.hessian(cube, points(m)[0]),
    "hessian_of_two": lambda m, F: F.hessian(mixed, points(m)),
    "hessian_of_two_by_vmap": lambda m, F: F.hessian(mixed, points(m), vectorize=True),
    "hessian_recorded": lambda m, F: F.hessian(
        cube, points(m, requires_grad=True)[0], create_graph=True
    ),
    "hessian_strict": lambda m, F: F.hessian(mixed, points(m), strict=True),
    "third_derivative": lambda m, F: F.jacobian(
        lambda x: F.hessian(cube, x, create_graph=True), points(m)[0]
    ),
}

REFUSED: dict[str, tuple[Call, str]] = {
    "list_in": (lambda m, F: F.jacobian(m.exp, [points(m)[0]]), "inputs must be .* got list"),
    "list_out": (lambda m, F: F.jacobian(lambda x: [x], points(m)[0]), "must return .* got list"),
    "no_v": (lambda m, F: F.vjp(m.exp, points(m)[0]), "v can only be left out"),
    "no_v_in": (lambda m, F: F.jvp(m.exp, points(m)[0]), "v can only be left out"),
    "short_v": (lambda m, F: F.vjp(pair, points(m), T(m, 1.0)), "v must have 2 tensors, got 1"),
    "other_v": (
        lambda m, F: F.vjp(m.exp, points(m)[0], T(m, [1.0])),
        r"must have shape \(3,\), got \(1,\)",
    ),
    "several": (lambda m, F: F.hvp(m.exp, points(m)[0], points(m)[0]), "one tensor of one element"),
    "several_vhp": (lambda m, F: F.vhp(m.exp, points(m)[0], points(m)[0]), "one tensor of one el"),
    "several_hessian": (lambda m, F: F.hessian(m.exp, points(m)[0]), "one tensor of one element"),
    "strict_constant": (
        lambda m, F: F.jacobian(lambda x: T(m, [1.0]), points(m)[0], strict=True),
        "does not depend on the inputs",
    ),
    "strict_unused": (
        lambda m, F: F.vjp(lambda x, y: x, points(m), points(m)[0], strict=True),
        "does not depend on input 1",
    ),
    "strict_unused_jvp": (
        lambda m, F: F.jvp(lambda x, y: x, points(m), points(m), strict=True),
        "does not depend on input 1",
    ),
    "strict_linear": (
        lambda m, F: F.hessian(lambda x: (2 * x).sum(), points(m)[0], strict=True),
        "derivative of the function by input 0 does not depend",
    ),
    "strict_linear_hvp": (
        lambda m, F: F.hvp(lambda x: (2 * x).sum(), points(m)[0], points(m)[0], strict=True),
        "derivative of the function by input 0 does not depend",
    ),
    "strict_by_vmap": (
        lambda m, F: F.jacobian(m.exp, points(m)[0], strict=True, vectorize=True),
        "strict=True needs vectorize=False",
    ),
    "forward_row_by_row": (
        lambda m, F: F.jacobian(m.exp, points(m)[0], strategy="forward-mode"),
        "needs vectorize=True",
    ),
    "forward_recorded": (
        lambda m, F: F.jacobian(
            m.exp, points(m)[0], strategy="forward-mode", vectorize=True, create_graph=True
        ),
        "weft.func.jacfwd",
    ),
    "no_strategy": (
        lambda m, F: F.hessian(cube, points(m)[0], outer_jacobian_strategy="sideways"),
        "must be one of",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_functional_answers_as_torch_does(name):
    expected = quietly(lambda: plain(SAME[name](torch, torch.autograd.functional)))
    assert plain(SAME[name](weft, weft.autograd.functional)) == near(expected)


@pytest.mark.parametrize("name", REFUSED)
def test_functional_refuses_as_torch_does(name):
    call, message = REFUSED[name]
    with pytest.raises((RuntimeError, TypeError, AssertionError)):
        quietly(call, torch, torch.autograd.functional)
    kinds = (RuntimeError, ValueError, TypeError, NotImplementedError)
    with pytest.raises(kinds, match=message):
        call(weft, weft.autograd.functional)


def test_the_jacobian_at_no_element_has_none():
    empty = weft.zeros(0)  # torch raises here
    assert weft.autograd.functional.jacobian(weft.exp, empty).shape == (0, 0)
    assert weft.autograd.functional.jacobian(weft.exp, empty, vectorize=True).shape == (0, 0)


# --- forward_ad -----------------------------------------------------------------------------------


def chain(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        x = fa.make_dual(T(m, [0.5, 1.0]), T(m, [1.0, -2.0]))
        return fa.unpack_dual((x.sin() * x).cumsum(0) @ T(m, [1.0, 3.0]))


def reverse_over_forward(m: Any, fa: Any) -> Any:
    x = T(m, [0.5, 1.0], requires_grad=True)
    with fa.dual_level():
        _, slope = fa.unpack_dual(cube(fa.make_dual(x, T(m, [1.0, -2.0]))))
    slope.backward()
    return x.grad, slope


def forward_over_reverse(m: Any, fa: Any) -> Any:
    x = T(m, [0.5, 1.0], requires_grad=True)
    with fa.dual_level():
        dual = fa.make_dual(x, T(m, [1.0, -2.0]))
        (g,) = m.autograd.grad(cube(dual), dual)
        return fa.unpack_dual(g)


def in_place(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        x = fa.make_dual(T(m, [0.5, 1.0]), T(m, [1.0, -2.0]))
        y = x.clone()
        y[0] = y[1] * 3
        y.mul_(2)
        y[1].add_(x[0])
        z = m.zeros(2, dtype=m.float64)
        z[1] = x[0]
        return fa.unpack_dual(y), fa.unpack_dual(z)


def after_the_level(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        y = fa.make_dual(T(m, [0.5]), T(m, [1.0])) * 2
    y.add_(1)
    return y + 1, y.tolist(), fa.unpack_dual(y)


def modes(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        x = fa.make_dual(T(m, [0.5]), T(m, [1.0]))
        with m.no_grad():
            kept = x * 2
        with m.inference_mode():
            dropped = x * 2
        return fa.unpack_dual(kept), fa.unpack_dual(dropped), fa.unpack_dual(x.detach() * 2)


def module(m: Any, fa: Any) -> Any:
    layer = m.nn.Linear(2, 2).double()
    with m.no_grad():
        layer.weight.copy_(T(m, [[1.0, 2.0], [3.0, 4.0]]))
        layer.bias.copy_(T(m, [1.0, 0.0]))
    with fa.dual_level():
        weight = layer.weight
        del layer.weight
        layer.weight = fa.make_dual(weight.detach(), T(m, [[1.0, 0.0], [0.0, 1.0]]))
        return fa.unpack_dual(layer(T(m, [1.0, 2.0]) * 2))


def mixed_with_func(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        x = fa.make_dual(T(m, [0.5, 1.0]), T(m, [1.0, -2.0]))
        return fa.unpack_dual(m.vmap(lambda a: a * a)(x))


def printed(m: Any, fa: Any) -> Any:
    with fa.dual_level():
        return repr(fa.make_dual(m.tensor([0.5]), m.tensor([1.0])))


PROGRAMS = [
    chain, reverse_over_forward, forward_over_reverse, in_place, after_the_level, modes, module,
    mixed_with_func, printed,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_dual_levels_answer_as_torch_does(program):
    expected = quietly(lambda: plain(program(torch, torch.autograd.forward_ad)))
    assert plain(program(weft, weft.autograd.forward_ad)) == near(expected)
