"""Random draws inside vmap: refused, one for each example, or one for all."""

from __future__ import annotations

import pytest

import weft
from weft.func import vmap

F = weft.nn.functional

#: Draws by settings, and what an example looks like is only their shape.
BY_SETTINGS = {
    "rand": lambda a: weft.rand(20),
    "randn": lambda a: weft.randn(4, 5),
    "randint": lambda a: weft.randint(1000, (20,)),
    "randperm": lambda a: weft.randperm(20),
    "rand_like": weft.rand_like,
    "randn_like": weft.randn_like,
    "randint_like": lambda a: weft.randint_like(a, 1000),
    "normal": lambda a: weft.normal(0.0, 1.0, (20,)),
    "bernoulli": lambda a: weft.bernoulli(weft.full((20,), 0.5)),
    "poisson": lambda a: weft.poisson(weft.full((20,), 7.0)),
    "binomial": lambda a: weft.binomial(weft.full((20,), 9.0), weft.full((20,), 0.4)),
    "multinomial": lambda a: weft.multinomial(weft.ones(30), 10),
    "multinomial_rows": lambda a: weft.multinomial(weft.ones(3, 30), 10),
    "uniform_": lambda a: a.clone().uniform_(),
    "normal_": lambda a: a.clone().normal_(),
    "log_normal_": lambda a: a.clone().log_normal_(),
    "exponential_": lambda a: a.clone().exponential_(),
    "cauchy_": lambda a: a.clone().cauchy_(),
    "geometric_": lambda a: a.clone().geometric_(0.1),
    "random_": lambda a: a.clone().random_(),
    "bernoulli_": lambda a: a.clone().bernoulli_(0.5),
    "bernoulli_by_tensor": lambda a: a.clone().bernoulli_(weft.full((20,), 0.5)),
    "dropout": lambda a: F.dropout(a + 1, 0.5),
    "alpha_dropout": lambda a: F.alpha_dropout(a + 1, 0.5, True),
    "gumbel_softmax": F.gumbel_softmax,
    "rrelu": lambda a: F.rrelu(a - 1, training=True),
}
#: Draws by tensors that differ between the examples.
BY_EXAMPLE = {
    "poisson": weft.poisson,
    "binomial": lambda a: weft.binomial(weft.full((20,), 9.0), a / 50),
    "multinomial": lambda a: weft.multinomial(a, 5),
    "normal": lambda a: weft.normal(a, 1.0),
    "bernoulli": lambda a: weft.bernoulli(a / 50),
}


def rows(draw, randomness, x=None):
    x = weft.zeros(3, 20) if x is None else x
    return vmap(draw, randomness=randomness)(x).reshape(3, -1).tolist()


@pytest.mark.parametrize("name", BY_SETTINGS)
def test_a_draw_inside_vmap_has_to_be_asked_for(name):
    with pytest.raises(RuntimeError, match=r"a random draw inside vmap.*randomness=\"different\""):
        vmap(BY_SETTINGS[name])(weft.zeros(3, 20))


@pytest.mark.parametrize("name", BY_SETTINGS)
def test_examples_draw_differently_where_asked(name):
    a, b, c = rows(BY_SETTINGS[name], "different")
    assert a != b
    assert b != c


@pytest.mark.parametrize("name", BY_SETTINGS)
def test_examples_draw_the_same_where_asked(name):
    a, b, c = rows(BY_SETTINGS[name], "same")
    assert a == b == c


@pytest.mark.parametrize("name", BY_EXAMPLE)
def test_a_draw_by_each_examples_own_parameters_differs(name):
    low, high = weft.full((20,), 1.0), weft.full((20,), 40.0)
    a, b, c = rows(BY_EXAMPLE[name], "different", weft.stack([low, high, high]))
    assert b != c
    if name != "multinomial":  # whose weights need not add up to 1
        assert sum(a) < sum(b)


@pytest.mark.parametrize("name", ["poisson", "binomial", "multinomial"])
def test_one_draw_cannot_go_by_parameters_that_differ(name):
    with pytest.raises(RuntimeError, match="what the draw goes by differs between them"):
        rows(BY_EXAMPLE[name], "same", weft.rand(3, 20))


def test_multinomial_draws_each_row_from_its_own_weights():
    weights = weft.eye(4).unsqueeze(1).expand(4, 2, 4) + 0
    drawn = vmap(lambda w: weft.multinomial(w, 3, True), randomness="different")(weights)
    assert drawn.tolist() == [[[k] * 3] * 2 for k in range(4)]


def test_each_randperm_is_a_permutation():
    drawn = vmap(lambda a: weft.randperm(6), randomness="different")(weft.zeros(5))
    assert drawn.sort(-1).values.tolist() == [list(range(6))] * 5


@pytest.mark.parametrize("outer", ["same", "different"])
@pytest.mark.parametrize("inner", ["same", "different"])
def test_each_vmap_has_a_say_in_nested_ones(outer, inner):
    def row(a):
        return vmap(lambda b: weft.rand(()), randomness=inner)(a)

    drawn = vmap(row, randomness=outer)(weft.zeros(2, 2)).tolist()
    count = len({x for row in drawn for x in row})
    assert count == (2 if outer == "different" else 1) * (2 if inner == "different" else 1)


def test_an_inner_vmap_that_allows_draws_does_not_allow_them_to_the_outer_one():
    def row(a):
        return vmap(lambda b: weft.rand(()), randomness="different")(a)

    with pytest.raises(RuntimeError, match='randomness is "error"'):
        vmap(row)(weft.zeros(2, 2))


def test_chunks_that_draw_the_same_agree():
    weft.manual_seed(3)
    drawn = vmap(lambda a: weft.rand(4), randomness="same", chunk_size=2)(weft.zeros(5))
    assert all(row == drawn[0].tolist() for row in drawn.tolist())


def test_draws_do_not_depend_on_an_outer_derivative():
    def loss(w, x):
        return (F.dropout(x, 0.5) * w).sum()

    weft.manual_seed(0)
    slopes = vmap(weft.func.grad(loss), in_dims=(None, 0), randomness="different")(
        weft.ones(20), weft.ones(3, 20)
    )
    assert set(slopes.reshape(-1).tolist()) == {0.0, 2.0}
    assert slopes[0].tolist() != slopes[1].tolist()


def test_a_draw_under_forward_mode_has_no_slope():
    x = weft.full((5,), 4.0)
    value, slope = weft.func.jvp(weft.poisson, (x,), (weft.ones(5),))
    assert value.shape == (5,)
    assert slope.tolist() == [0.0] * 5


def test_what_draws_are_to_do_is_told_apart():
    with pytest.raises(ValueError, match=r"randomness must be one of .* got 'often'"):
        vmap(weft.rand_like, randomness="often")


def test_a_plain_tensor_cannot_take_a_draw_of_each_example():
    with pytest.raises(RuntimeError, match="that all examples share"):
        vmap(lambda a: weft.zeros(2).uniform_(), randomness="different")(weft.zeros(3))
