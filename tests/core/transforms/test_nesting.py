"""Every transform inside every other, three deep, against derivatives written by hand."""

from __future__ import annotations

import itertools
from collections import OrderedDict, defaultdict, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import weft
from weft.autograd import forward_ad, functional
from weft.func import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
    vmap,
)

X = np.array([0.3, -1.2, 2.0])


def f(x):
    """x sin x, in place and by views where that is possible."""
    wave = weft.sin(x)
    y = wave.clone()
    y[0] = wave[0] * x[0]
    y[1:].mul_(x[1:])
    return y


EXACT = [
    X * np.sin(X),
    np.sin(X) + X * np.cos(X),
    2 * np.cos(X) - X * np.sin(X),
    -3 * np.sin(X) - X * np.cos(X),
]


def by_hand(g):
    def derivative(x):
        point = x.clone().requires_grad_() if not x.requires_grad else x * 1
        (slope,) = weft.autograd.grad(g(point).sum(), point, create_graph=True)
        return slope

    return derivative


def by_level(g):
    def derivative(x):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x, weft.ones_like(x))
            return forward_ad.unpack_dual(g(dual)).tangent

    return derivative


def by_vjp(g):
    def derivative(x):
        value, pullback = vjp(g, x)
        return pullback(weft.ones_like(value))[0]

    return derivative


# Each makes of an elementwise g its derivative, but vmap, which leaves it as it is.
TRANSFORMS = {
    "grad": lambda g: grad(lambda x: g(x).sum()),
    "grad_and_value": lambda g: lambda x: grad_and_value(lambda y: g(y).sum())(x)[0],
    "vjp": by_vjp,
    "jvp": lambda g: lambda x: jvp(g, (x,), (weft.ones_like(x),))[1],
    "jacrev": lambda g: lambda x: jacrev(g)(x).sum(0),
    "jacfwd": lambda g: lambda x: jacfwd(g)(x).sum(-1),
    "linearize": lambda g: lambda x: linearize(g, x)[1](weft.ones_like(x)),
    "vmap": lambda g: lambda x: vmap(g)(x.unsqueeze(0)).squeeze(0),
    "vmap_last": lambda g: lambda x: vmap(g, in_dims=1, out_dims=-1)(x.unsqueeze(1)).squeeze(1),
    "by_hand": by_hand,
    "by_level": by_level,
    "functional": lambda g: lambda x: functional.jacobian(g, x, create_graph=True).sum(0),
}


@pytest.mark.parametrize("names", list(itertools.product(TRANSFORMS, repeat=2)), ids="-".join)
def test_two_transforms_nest_in_every_order(names):
    check(names)


@pytest.mark.parametrize("outer", TRANSFORMS)
def test_three_transforms_nest_in_every_order(outer):
    for rest in itertools.product(TRANSFORMS, repeat=2):
        check((outer, *rest))


def check(names):
    g = f
    for name in reversed(names):
        g = TRANSFORMS[name](g)
    order = sum(not name.startswith("vmap") for name in names)
    found = g(weft.from_numpy(X.copy())).detach()
    np.testing.assert_allclose(found.numpy(), EXACT[order], rtol=1e-9, err_msg="-".join(names))


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if n not in ("by_hand", "functional")])
def test_results_of_a_transform_record_nothing_unless_an_argument_does(name):
    slope = TRANSFORMS[name](TRANSFORMS["grad"](f))
    assert not slope(weft.from_numpy(X.copy())).requires_grad
    leaf = weft.from_numpy(X.copy()).requires_grad_()
    out = slope(leaf)
    assert out.requires_grad
    out.sum().backward()
    order = 2 if name.startswith("vmap") else 3
    np.testing.assert_allclose(leaf.grad.numpy(), EXACT[order], rtol=1e-9)


def test_hessians_of_several_arguments_agree_in_every_mode():
    x, y = weft.from_numpy(X.copy()), weft.tensor([0.5, 2.0], dtype=weft.float64)

    def g(x, y):
        return (x.sin() * y.sum()).sum() * y[0] + (x**3).prod()

    first = hessian(g, argnums=(0, 1))(x, y)
    for outer, inner in itertools.product((jacrev, jacfwd), repeat=2):
        second = outer(inner(g, (0, 1)), (0, 1))(x, y)
        for i, j in itertools.product(range(2), repeat=2):
            np.testing.assert_allclose(first[i][j].numpy(), second[i][j].numpy(), rtol=1e-9)
    third = functional.hessian(g, (x, y))
    for i, j in itertools.product(range(2), repeat=2):
        np.testing.assert_allclose(first[i][j].numpy(), third[i][j].numpy(), rtol=1e-9)


def test_transforms_run_in_many_threads_at_once():
    names = list(itertools.product(["grad", "jvp", "vmap", "linearize"], repeat=3))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, names))


# --- nests of tensors --------------------------------------------------------------------------

Pair = namedtuple("Pair", "a b")
A, B = weft.tensor(3.0), weft.tensor(2.0)
NESTS = {
    "tuple": (A, (B,)),
    "list": [A, [B]],
    "dict": {"a": A, "b": {"c": B}},
    "named": Pair(A, Pair(B, B)),
    "ordered": OrderedDict(z=A, a=B),
    "default": defaultdict(list, {"a": A, "b": B}),
    "deque": deque([A, B], maxlen=5),
    "mixed": {"a": [A, (B, {"c": Pair(A, B)})]},
    "empty_parts": {"a": A, "b": (), "c": [], "d": [B]},
}


def flat(tree):
    if isinstance(tree, weft.Tensor):
        return [tree]
    branches = tree.values() if isinstance(tree, dict) else tree
    return [leaf for branch in branches for leaf in flat(branch)]


def kinds(tree):
    if isinstance(tree, weft.Tensor):
        return "*"
    if isinstance(tree, dict):
        return (type(tree), [(key, kinds(branch)) for key, branch in tree.items()])
    return (type(tree), [kinds(branch) for branch in tree])


def product(tree):
    out = 1.0
    for leaf in flat(tree):
        out = out * leaf
    return out


@pytest.mark.parametrize("name", NESTS)
def test_every_transform_takes_and_returns_nests(name):
    tree = NESTS[name]
    total = product(tree).item()
    expected = [total / leaf.item() for leaf in flat(tree)]
    for found in (
        grad(product)(tree),
        jacrev(product)(tree),
        jacfwd(product)(tree),
        vjp(product, tree)[1](weft.tensor(1.0))[0],
    ):
        assert kinds(found) == kinds(tree)
        assert [leaf.item() for leaf in flat(found)] == pytest.approx(expected)
    value, slope = jvp(lambda t: t, (tree,), (tree,))
    assert kinds(value) == kinds(slope) == kinds(tree)
    value, pushed = linearize(lambda t: t, tree)
    assert kinds(value) == kinds(pushed(tree)) == kinds(tree)
    batched = vmap(lambda t: t)(vmap(lambda i, t: t, in_dims=(0, None))(weft.ones(4), tree))
    assert kinds(batched) == kinds(tree)
    assert {leaf.shape for leaf in flat(batched)} == {(4,)}


def test_a_jacobian_nests_the_arguments_inside_the_results():
    found = jacrev(lambda p: {"s": p["a"] * p["b"], "t": [p["a"]]})({"a": A, "b": B})
    assert found["s"]["a"].item() == 2
    assert found["s"]["b"].item() == 3
    assert found["t"][0]["a"].item() == 1
    assert found["t"][0]["b"].item() == 0


def test_the_keys_of_a_cotangent_may_stand_in_any_order():
    _, pullback = vjp(lambda x: {"a": x, "b": 10 * x}, A)
    assert pullback({"b": weft.tensor(1.0), "a": weft.tensor(5.0)})[0].item() == 15


def test_in_dims_and_out_dims_follow_nests():
    tree = {"a": weft.ones(2, 3), "b": [weft.ones(3, 2), weft.ones(4)]}
    found = vmap(
        lambda t: {"x": t["a"] + t["b"][0], "y": t["b"][1]},
        in_dims=({"a": 0, "b": [1, None]},),
        out_dims={"x": 1, "y": None},
    )(tree)
    assert found["x"].shape == (3, 2)
    assert found["y"].shape == (4,)


def test_linearize_runs_the_function_once():
    runs = []

    def counted(x):
        runs.append(1)
        return x.sin() * x

    value, pushed = linearize(counted, weft.from_numpy(X.copy()))
    each = vmap(pushed)(weft.eye(3, dtype=weft.float64))
    np.testing.assert_allclose(each.numpy(), np.diag(EXACT[1]), rtol=1e-12)
    assert len(runs) == 1
    assert not value.requires_grad


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunks_change_nothing_but_memory(size):
    x = weft.from_numpy(np.random.default_rng(0).standard_normal((7, 3)))
    whole = vmap(f, out_dims=1)(x)
    np.testing.assert_array_equal(vmap(f, out_dims=1, chunk_size=size)(x).numpy(), whole.numpy())
    np.testing.assert_array_equal(jacrev(f, chunk_size=size)(x[0]).numpy(), jacrev(f)(x[0]).numpy())


def test_jacobians_of_several_results_split_by_result():
    x = weft.from_numpy(X.copy())

    def g(x):
        return x[:2].exp(), (x.sum(), x.reshape(3, 1))

    for jacobian in (jacrev, jacfwd):
        a, (b, c) = jacobian(g)(x)
        np.testing.assert_allclose(a.numpy(), np.diag(np.exp(X))[:2])
        assert b.tolist() == [1, 1, 1]
        assert c.shape == (3, 1, 3)
        assert c[:, 0].tolist() == np.eye(3).tolist()
