"""jvp, vjp, grad and vmap, alone and nested in every order."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft.func import grad, grad_and_value, jvp, vjp, vmap


def cube(x: weft.Tensor) -> weft.Tensor:
    return x * x * x


def drawn(*shape: int, seed: int = 0) -> weft.Tensor:
    return weft.from_numpy(np.random.default_rng(seed).uniform(0.5, 1.5, shape))


def near(actual: weft.Tensor, expected, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(
        actual.detach().numpy(), np.asarray(expected), rtol=tolerance, atol=tolerance
    )


# --- one transform -----------------------------------------------------------------------------


def test_jvp_gives_value_and_slope():
    x, t = drawn(4), drawn(4, seed=1)
    value, slope = jvp(cube, (x,), (t,))
    near(value, x.numpy() ** 3)
    near(slope, 3 * x.numpy() ** 2 * t.numpy())


def test_vjp_gives_value_and_a_pullback_that_can_be_called_again():
    x, g = drawn(4), drawn(4, seed=1)
    value, pullback = vjp(cube, x)
    near(value, x.numpy() ** 3)
    for scale in (1.0, 2.0):
        (found,) = pullback(g * scale)
        near(found, scale * 3 * x.numpy() ** 2 * g.numpy())
    assert not value.requires_grad
    assert not found.requires_grad


def test_grad_by_several_arguments():
    x, y = weft.tensor(2.0), weft.tensor(5.0)
    by_both, value = grad_and_value(lambda a, b: a * a * b, argnums=(0, 1))(x, y)
    assert [g.item() for g in by_both] == [20, 4]
    assert value.item() == 20
    assert grad(lambda a, b: a * a * b, argnums=1)(x, y).item() == 4
    assert grad(lambda a, b: a * a * b, argnums=-1)(x, y).item() == 4


def test_grad_passes_keywords_through():
    assert grad(lambda x, *, k: x * k)(weft.tensor(1.0), k=3.0).item() == 3


def test_a_constant_function_has_zero_gradient():
    assert grad(lambda x: weft.tensor(1.0))(weft.tensor(3.0)).item() == 0
    _, slope = jvp(lambda x: weft.ones(2), (weft.tensor(3.0),), (weft.tensor(1.0),))
    assert slope.tolist() == [0, 0]


def test_grad_takes_nests_of_tensors():
    params = {"w": drawn(3), "b": (weft.tensor(1.0, dtype=weft.float64),)}
    found = grad(lambda p: (p["w"] * p["w"]).sum() + 3 * p["b"][0])(params)
    near(found["w"], 2 * params["w"].numpy())
    assert found["b"][0].item() == 3


def test_has_aux_returns_what_else_the_function_computed():
    found, extra = grad(lambda x: (x * x, {"twice": x + x}), has_aux=True)(weft.tensor(3.0))
    assert found.item() == 6
    assert extra["twice"].item() == 6
    assert not extra["twice"].requires_grad


def test_results_may_be_nests():
    value, slope = jvp(
        lambda x: {"a": x, "b": (x * 2, [x * 3])}, (weft.tensor(1.0),), (weft.tensor(1.0),)
    )
    assert value["b"][1][0].item() == 3
    assert [slope["a"].item(), slope["b"][0].item(), slope["b"][1][0].item()] == [1, 2, 3]


def test_transforms_leave_an_outer_graph_whole():
    x = weft.tensor(3.0, requires_grad=True)
    outer = grad(cube)(x)
    assert outer.item() == 27
    (second,) = weft.autograd.grad(outer, x)
    assert second.item() == 18


def test_transforms_record_nothing_for_plain_arguments():
    x = weft.tensor(3.0)
    assert not grad(cube)(x).requires_grad
    assert not x.requires_grad
    assert x.grad is None


# --- nested ------------------------------------------------------------------------------------


def by_jvp(f):
    return lambda x: jvp(f, (x,), (weft.ones_like(x),))[1]


def by_vjp(f):
    def derivative(x):
        value, pullback = vjp(f, x)
        return pullback(weft.ones_like(value))[0]

    return derivative


def by_grad(f):
    return grad(lambda x: f(x).sum())


def by_vmap(f):
    return lambda x: vmap(f)(x.unsqueeze(0)).squeeze(0)


DERIVATIVES = {"jvp": by_jvp, "vjp": by_vjp, "grad": by_grad}


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
def test_two_derivatives_nest_in_every_order(outer, inner):
    x = drawn(3)
    second = DERIVATIVES[outer](DERIVATIVES[inner](lambda v: weft.sin(v) * v))
    a = x.numpy()
    near(second(x), 2 * np.cos(a) - a * np.sin(a))


@pytest.mark.parametrize("name", DERIVATIVES)
def test_vmap_nests_with_a_derivative_in_both_orders(name):
    x = drawn(3)
    expected = 3 * x.numpy() ** 2
    near(by_vmap(DERIVATIVES[name](cube))(x), expected)
    near(DERIVATIVES[name](by_vmap(cube))(x), expected)


def test_vmap_nests_in_vmap():
    x, y = drawn(3), drawn(4, seed=1)
    outer = vmap(vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))
    near(outer(x, y), np.outer(x.numpy(), y.numpy()))


def test_three_gradients_nest():
    assert grad(grad(grad(lambda x: x**4)))(weft.tensor(2.0)).item() == 48


def test_every_order_of_three_agrees():
    x = drawn(2)
    expected = -np.cos(x.numpy())
    for a in DERIVATIVES.values():
        for b in DERIVATIVES.values():
            for c in DERIVATIVES.values():
                near(a(b(c(weft.sin)))(x), expected)


# --- perturbations keep apart ------------------------------------------------------------------


@pytest.mark.parametrize("inner", [by_jvp, by_grad])
@pytest.mark.parametrize("outer", [by_jvp, by_grad])
def test_an_inner_derivative_does_not_take_an_outer_perturbation_for_its_own(outer, inner):
    # d/dx (x * d/dy (x + y) at y = 1) = d/dx (x * 1) = 1; confusion gives 2
    one = weft.tensor(1.0)
    assert outer(lambda x: x * inner(lambda y: x + y)(one))(one).item() == 1


@pytest.mark.parametrize("inner", [by_jvp, by_grad])
@pytest.mark.parametrize("outer", [by_jvp, by_grad])
def test_an_inner_derivative_sees_the_outer_variable_as_a_constant(outer, inner):
    # d/dx (x * d/dy (x * y) at y = 2) = d/dx (x * x) = 2x
    assert (
        outer(lambda x: x * inner(lambda y: x * y)(weft.tensor(2.0)))(weft.tensor(3.0)).item() == 6
    )


@pytest.mark.parametrize("inner", [by_jvp, by_grad])
@pytest.mark.parametrize("outer", [by_jvp, by_grad])
def test_an_inner_derivative_that_ignores_its_own_variable_is_zero(outer, inner):
    found = outer(lambda x: x * x + inner(lambda y: x * x)(weft.tensor(2.0)))(weft.tensor(3.0))
    assert found.item() == 6


def test_a_shadowed_variable_of_the_same_value_stays_apart():
    def f(x):
        return x * grad(lambda y: x * y * y)(x)  # 2 x^3 in all

    assert grad(f)(weft.tensor(2.0)).item() == 24


# --- vmap --------------------------------------------------------------------------------------


def test_vmap_of_grad_gives_per_example_gradients():
    rng = np.random.default_rng(0)
    sizes = [(5, 4), (4,), (4, 3), (3,)]
    params = [weft.from_numpy(rng.standard_normal(s)) for s in sizes]
    xs = weft.from_numpy(rng.standard_normal((6, 5)))
    ys = weft.from_numpy(rng.standard_normal((6, 3)))

    def loss(w1, b1, w2, b2, x, y):
        hidden = weft.tanh(x @ w1 + b1)
        return ((hidden @ w2 + b2 - y) ** 2).mean()

    each = vmap(grad(loss, argnums=(0, 1, 2, 3)), in_dims=(None, None, None, None, 0, 0))
    together = each(*params, xs, ys)
    for i in range(6):
        leaves = [p.clone().requires_grad_() for p in params]
        alone = weft.autograd.grad(loss(*leaves, xs[i], ys[i]), leaves)
        for many, one in zip(together, alone, strict=True):
            near(many[i], one.numpy())


def test_in_dims_and_out_dims_place_the_batch():
    x, y = drawn(3, 4), drawn(4, 2, seed=1)
    out = vmap(lambda a: a * 2, in_dims=1, out_dims=1)(x)
    near(out, 2 * x.numpy())
    out = vmap(lambda a: a * 2, in_dims=-1)(x)
    near(out, 2 * x.numpy().T)
    out = vmap(lambda a, b: (a.sum(), b), in_dims=(0, None))(x, y)
    near(out[0], x.numpy().sum(1))
    assert out[1].shape == (3, 4, 2)


def test_out_dims_may_differ_by_result():
    a, b = vmap(lambda r: (r, r * 2), out_dims=(0, 1))(drawn(3, 4))
    assert a.shape == (3, 4)
    assert b.shape == (4, 3)


def test_in_dims_may_go_into_a_nest():
    pair = {"a": drawn(3, 2), "b": drawn(2, 5, seed=1)}
    out = vmap(lambda p: (p["a"].unsqueeze(1) * p["b"]).sum(), in_dims=({"a": 0, "b": None},))
    found = out(pair)
    near(found, pair["a"].numpy() @ pair["b"].numpy().sum(1))


def test_a_result_without_a_batch_may_stay_so():
    assert vmap(lambda r: weft.ones(2), out_dims=None)(drawn(3, 4)).shape == (2,)
    with pytest.raises(weft.ShapeError, match="does not depend on the batch"):
        vmap(lambda r: r, out_dims=None)(drawn(3, 4))


def test_detach_stops_derivatives_of_every_kind():
    x = drawn(3)
    _, slope = jvp(lambda v: v.detach() * v, (x,), (weft.ones_like(x),))
    near(slope, x.numpy())
    near(grad(lambda v: vmap(lambda e: e.detach() * e)(v).sum())(x), x.numpy())
    near(vmap(grad(lambda e: e.detach() * e))(x), x.numpy())


def test_what_a_function_closes_over_stays_in_its_graph():
    w = weft.tensor(5.0, requires_grad=True)
    value, pullback = vjp(lambda y: y * w, weft.tensor(3.0))
    assert weft.autograd.grad(value, w, retain_graph=True)[0].item() == 3
    (slope,) = pullback(weft.tensor(2.0))
    assert weft.autograd.grad(slope, w)[0].item() == 2
    assert weft.autograd.grad(grad(lambda y: y * w)(weft.tensor(3.0)), w)[0].item() == 1
    with weft.no_grad():
        assert not grad(lambda y: y * w)(weft.tensor(3.0)).requires_grad


def test_vmap_over_shapes_that_depend_on_rank():
    x = drawn(5, 2, 3)
    near(vmap(lambda m: m.T.reshape(-1))(x), x.numpy().transpose(0, 2, 1).reshape(5, 6))
    near(vmap(lambda m: m.sum(-1).max())(x), x.numpy().sum(-1).max(-1))
    near(vmap(lambda m: m[0])(x), x.numpy()[:, 0])
    near(vmap(lambda m: weft.cat([m, m], 0))(x), np.concatenate([x.numpy()] * 2, 1))


def test_vmap_indexes_by_a_batched_index():
    x = drawn(4, 3)
    places = weft.tensor([2, 0, 1, 1])
    near(vmap(lambda row, i: row[i])(x, places), x.numpy()[np.arange(4), places.numpy()])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vmap(weft.sin)(3.0), "cannot map over float 3.0, which is no tensor"),
        (lambda: vmap(weft.add)(weft.ones(2), weft.ones(3)), r"one length, got \[2, 3\]"),
        (lambda: vmap(weft.sin, in_dims=(0, 0))(weft.ones(2)), "2 entries for 1 arguments"),
        (lambda: vmap(weft.sin, in_dims=None)(weft.ones(2)), "one length, got none"),
        (lambda: vmap(weft.sin, in_dims=1)(weft.ones(2)), "vmap.*dim 1 is out of range"),
    ],
)
def test_vmap_says_what_is_wrong_with_its_batch(call, message):
    with pytest.raises((ValueError, IndexError), match=message):
        call()


def test_data_cannot_be_read_inside_vmap():
    for read in (
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
    ):
        with pytest.raises(RuntimeError, match="inside vmap a tensor stands for"):
            vmap(read)(weft.ones(2))


def test_an_op_without_batching_says_why():
    with pytest.raises(RuntimeError, match="nonzero cannot be batched: the result's shape"):
        vmap(lambda x: weft.nonzero(x))(weft.ones(2, 2))


def test_transforms_that_fail_leave_no_level_behind():
    with pytest.raises(ZeroDivisionError):
        vmap(lambda x: x / (1 // 0))(weft.ones(2))
    with pytest.raises(ZeroDivisionError):
        jvp(lambda x: x / (1 // 0), (weft.ones(2),), (weft.ones(2),))
    near(vmap(cube)(drawn(2)), drawn(2).numpy() ** 3)


# --- jacobians and hessians by composition -----------------------------------------------------


def test_a_jacobian_by_columns_equals_one_by_rows():
    x = drawn(3)
    w = drawn(4, 3, seed=1)

    def f(v):
        return weft.tanh(w @ v) * v.sum()

    columns = vmap(lambda t: jvp(f, (x,), (t,))[1], out_dims=1)(weft.eye(3, dtype=weft.float64))
    _, pullback = vjp(f, x)
    rows = vmap(lambda g: pullback(g)[0])(weft.eye(4, dtype=weft.float64))
    near(columns, rows.numpy())


@pytest.mark.parametrize("outer", ["forward", "reverse"])
def test_a_hessian_by_composition_equals_the_analytic_one(outer):
    rng = np.random.default_rng(3)
    a = rng.standard_normal((4, 4))
    x = weft.from_numpy(rng.standard_normal(4))
    matrix = weft.from_numpy(a)

    def f(v):
        return 0.5 * v @ (matrix @ v) + weft.logsumexp(v, 0)

    slope = grad(f)
    eye = weft.eye(4, dtype=weft.float64)
    if outer == "forward":
        hessian = vmap(lambda t: jvp(slope, (x,), (t,))[1])(eye)
    else:
        hessian = vmap(lambda t: vjp(slope, x)[1](t)[0])(eye)
    p = np.exp(x.numpy()) / np.exp(x.numpy()).sum()
    near(hessian, (a + a.T) / 2 + np.diag(p) - np.outer(p, p))


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jvp(cube, (weft.ones(2),), ()), "1 primals need as many tangents, got 0"),
        (lambda: jvp(cube, (weft.ones(2),), (weft.ones(3),)), r"tangent 0 .* \(2,\), got \(3,\)"),
        (lambda: grad(cube)(weft.ones(2)), r"a tensor of one element, got \(2,\)"),
        (lambda: grad(cube)(3.0), r"expected a weft.Tensor to differentiate by, got float 3\.0"),
        (lambda: grad(cube, argnums=1)(weft.ones(())), "argnums 1 is out of range for 1"),
        (lambda: grad(cube, has_aux=True)(weft.ones(())), r"must return \(result, aux\)"),
        (lambda: vmap(cube, out_dims=(0, 0))(weft.ones(2)), "is not nested as Tensor"),
        (lambda: grad(lambda x: 3.0)(weft.ones(2)), "a tensor of one element, got float"),
        (lambda: vjp(cube, weft.ones(2))[1]((weft.ones(2), weft.ones(2))), "1 tensors, the cot"),
        (lambda: vjp(cube, weft.ones(2))[1](weft.ones(3)), r"shape \(2,\) must have that"),
        (lambda: grad(cube)(weft.ones((), dtype=weft.int64)), "only floating and complex"),
    ],
)
def test_wrong_use_is_told(call, message):
    with pytest.raises((RuntimeError, ValueError), match=message):
        call()
