"""Draws from distributions: their shares and moments, their edges, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

import weft

COUNT = 20_000
#: Kolmogorov and Smirnov's distance that chance exceeds once in a million.
LIMIT = math.sqrt(-math.log(1e-6 / 2) / 2 / COUNT)


def generator(seed: int) -> weft.Generator:
    return weft.Generator(seed)


def distance(drawn: weft.Tensor, law) -> float:
    """Return the largest distance between the drawn and the wanted distribution function."""
    values = np.sort(drawn.to(weft.float64).numpy().ravel())
    wanted = law.cdf(values)
    steps = np.arange(values.size + 1) / values.size
    return max(np.abs(wanted - steps[1:]).max(), np.abs(wanted - steps[:-1]).max())


def surprise(drawn: np.ndarray, law) -> float:
    """Return the chance of counts as uneven as these (chi-square), of a law over whole numbers."""
    low, high = law.ppf(1e-3), law.ppf(1 - 1e-3)
    edges = np.unique(np.linspace(low, high, 40).round())
    cuts = np.concatenate([[-np.inf], edges, [np.inf]])
    observed = np.histogram(drawn, cuts + 0.5)[0]
    expected = np.diff(law.cdf(cuts)) * drawn.size
    enough = expected > 10
    observed = np.append(observed[enough], observed[~enough].sum())
    expected = np.append(expected[enough], expected[~enough].sum())
    kept = expected > 0
    assert observed[~kept].sum() == 0
    return scipy.stats.chisquare(observed[kept], expected[kept]).pvalue


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (lambda x, g: x.exponential_(2.5, generator=g), scipy.stats.expon(scale=0.4)),
        (lambda x, g: x.cauchy_(1.0, 3.0, generator=g), scipy.stats.cauchy(1.0, 3.0)),
        (
            lambda x, g: x.log_normal_(0.5, 0.7, generator=g),
            scipy.stats.lognorm(0.7, scale=math.exp(0.5)),
        ),
        (lambda x, g: x.normal_(-1.0, 2.0, generator=g), scipy.stats.norm(-1.0, 2.0)),
        (lambda x, g: x.uniform_(3.0, 5.0, generator=g), scipy.stats.uniform(3.0, 2.0)),
    ],
    ids=["exponential", "cauchy", "log_normal", "normal", "uniform"],
)
@pytest.mark.parametrize("dtype", [weft.float32, weft.float64])
def test_in_place_draws_follow_their_law(draw, law, dtype):
    x = weft.empty(COUNT, dtype=dtype)
    assert draw(x, generator(11)) is x
    assert distance(x, law) < LIMIT


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [weft.float32, weft.int64])
def test_geometric_numbers_follow_their_law(p, dtype):
    x = weft.empty(COUNT, dtype=dtype).geometric_(p, generator=generator(12))
    assert x.min().item() >= 1
    assert surprise(x.to(weft.float64).numpy(), scipy.stats.geom(p)) > 1e-6


@pytest.mark.parametrize("rate", [0.05, 1.0, 9.9, 10.0, 37.5, 1e4])
def test_poisson_numbers_follow_their_law(rate):
    drawn = weft.poisson(weft.full((COUNT,), rate, dtype=weft.float64), generator=generator(13))
    assert surprise(drawn.numpy(), scipy.stats.poisson(rate)) > 1e-6


def test_poisson_takes_zero_and_infinite_rates_and_refuses_others():
    drawn = weft.poisson(weft.tensor([0.0, math.inf, 0.0]))
    assert drawn.tolist() == [0.0, math.inf, 0.0]
    for bad in (-1.0, math.nan):
        with pytest.raises(ValueError, match="poisson: a rate must not be negative, got"):
            weft.poisson(weft.tensor([bad]))
    with pytest.raises(weft.DTypeError, match=r"must be floating, got weft\.int64"):
        weft.poisson(weft.tensor([1]))


@pytest.mark.parametrize(
    ("count", "prob"), [(10, 0.3), (1, 0.5), (40, 0.9), (1000, 0.02), (1000, 0.5), (100000, 0.7)]
)
def test_binomial_numbers_follow_their_law(count, prob):
    n = weft.full((COUNT,), float(count), dtype=weft.float64)
    drawn = weft.binomial(n, weft.tensor(prob, dtype=weft.float64), generator=generator(14))
    assert surprise(drawn.numpy(), scipy.stats.binom(count, prob)) > 1e-6
    assert drawn.max().item() <= count


def test_binomial_knows_its_ends():
    n = weft.tensor([5.0, 5.0, 0.0, 2.5, 1e6, 1e6])
    p = weft.tensor([0.0, 1.0, 0.4, 1.0, 0.0, 1.0])
    assert weft.binomial(n, p).tolist() == [0.0, 5.0, 0.0, 2.0, 0.0, 1e6]


def test_multinomial_with_replacement_keeps_each_share():
    weights = weft.tensor([[1.0, 0.0, 3.0, 4.0], [0.0, 5.0, 0.0, 5.0]])
    drawn = weft.multinomial(weights, COUNT, replacement=True, generator=generator(15)).numpy()
    for row, share in zip(drawn, weights.numpy(), strict=True):
        observed = np.bincount(row, minlength=4)
        assert observed[share == 0].sum() == 0
        expected = share[share > 0] / share.sum() * COUNT
        assert scipy.stats.chisquare(observed[share > 0], expected).pvalue > 1e-6


def test_multinomial_without_replacement_draws_each_category_once():
    weights = weft.ones(500, 4, dtype=weft.float64) * weft.tensor([1.0, 2.0, 3.0, 4.0])
    drawn = weft.multinomial(weights, 4, generator=generator(16)).numpy()
    assert (np.sort(drawn, -1) == np.arange(4)).all()
    many = weights[:1].expand(COUNT, 4)
    first = weft.multinomial(many, 2, generator=generator(17)).numpy()
    observed = np.bincount(first[:, 0], minlength=4)
    assert scipy.stats.chisquare(observed, np.arange(1, 5) / 10 * COUNT).pvalue > 1e-6
    # then of those left: the second is 3 after 2 with probability 4 / 7
    after = first[first[:, 0] == 2][:, 1]
    expected = np.array([1, 2, 4]) / 7 * after.size
    assert scipy.stats.chisquare(np.bincount(after, minlength=4)[[0, 1, 3]], expected).pvalue > 1e-6
    assert weft.multinomial(weft.tensor([1.0, 0.0]), 2).tolist() == [0, 1]


def test_normal_takes_means_and_deviations_of_each_kind():
    mean, std = weft.tensor([[10.0], [-10.0]]).expand(2, COUNT), weft.tensor(0.5)
    drawn = weft.normal(mean, std, generator=generator(18))
    for row, centre in zip(drawn, (10.0, -10.0), strict=True):
        assert distance(row, scipy.stats.norm(centre, 0.5)) < LIMIT
    assert weft.normal(mean, 2.0).shape == (2, COUNT)
    assert weft.normal(1.0, weft.ones(3, dtype=weft.float64)).dtype is weft.float64
    assert weft.normal(weft.zeros(2), weft.zeros(2)).tolist() == [0.0, 0.0]
    assert weft.normal(5, 0, (2,)).tolist() == [5.0, 5.0]
    out = weft.empty(0)
    assert weft.normal(0.0, 1.0, (3,), out=out) is out
    assert out.shape == (3,)


def test_complex_draws_have_the_variance_of_real_ones():
    drawn = weft.randn(COUNT, dtype=weft.complex128, generator=generator(19)).numpy()
    for part in (drawn.real, drawn.imag):
        assert distance(weft.from_numpy(part * math.sqrt(2)), scipy.stats.norm()) < LIMIT
    drawn = weft.rand(COUNT, dtype=weft.complex64, generator=generator(20)).numpy()
    for part in (drawn.real, drawn.imag):
        assert distance(weft.from_numpy(part.copy()), scipy.stats.uniform()) < LIMIT


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (weft.bool, 0, 1),
        (weft.uint8, 0, 255),
        (weft.int8, 0, 127),
        (weft.int64, 0, 2**63 - 1),
        (weft.uint64, 0, 2**64 - 1),
        (weft.float16, 0, 2**11),
        (weft.bfloat16, 0, 2**8),
        (weft.float32, 0, 2**24),
        (weft.float64, 0, 2**53),
    ],
)
def test_random_fills_the_whole_range_of_a_dtype(dtype, low, high):
    drawn = weft.empty(COUNT, dtype=dtype).random_(generator=generator(21))
    values = [int(v) for v in drawn.tolist()]
    assert low <= min(values) <= low + (high - low) / 50
    assert high - (high - low) / 50 <= max(values) <= high


def test_random_takes_its_bounds_in_each_of_pytorchs_ways():
    x = weft.empty(1000)
    assert set(x.random_(3).tolist()) == {0.0, 1.0, 2.0}
    assert set(x.random_(-2, 1).tolist()) == {-2.0, -1.0, 0.0}
    with pytest.raises(ValueError, match="expected from < to, got from=5, to=5"):
        x.random_(5, 5)
    with pytest.raises(ValueError, match=r"weft\.uint8 holds whole numbers from 0 to 255"):
        weft.empty(1, dtype=weft.uint8).random_(0, 300)


def test_bernoulli_takes_probabilities_of_each_kind():
    drawn = weft.empty(COUNT).bernoulli_(0.2, generator=generator(22))
    assert abs(drawn.mean().item() - 0.2) < 5 * math.sqrt(0.16 / COUNT)
    p = weft.tensor([0.0, 1.0])
    assert weft.empty(5, 2).bernoulli_(p).tolist() == [[0.0, 1.0]] * 5
    assert weft.empty(4, dtype=weft.int64).bernoulli_(1.0).tolist() == [1, 1, 1, 1]
    assert weft.bernoulli(weft.empty(3), 1.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.exponential_(0), "lambd must be above 0, got 0"),
        (lambda x: x.geometric_(0), "p must be between 0 and 1, got 0"),
        (lambda x: x.geometric_(1), "p must be between 0 and 1, got 1"),
        (lambda x: x.cauchy_(0, 0), "sigma must be above 0, got 0"),
        (lambda x: x.log_normal_(0, -1), "std must be above 0, got -1"),
        (lambda x: x.normal_(0, -1), "std must be at least 0, got -1"),
        (lambda x: x.uniform_(2, 1), "expected from <= to, got from=2, to=1"),
        (lambda x: x.bernoulli_(1.5), r"p must be in \[0, 1\], got 1.5"),
        (lambda x: x.bernoulli_(weft.tensor(-0.5)), r"p must be in \[0, 1\], got -0.5"),
        (lambda x: x.long().exponential_(), r"expected a floating tensor, got weft\.int64"),
        (lambda x: x.bool().geometric_(0.5), r"expected a tensor of numbers, got weft\.bool"),
        (lambda x: x.normal_(generator=5), r"expected a weft\.Generator, got int 5"),
    ],
)
def test_wrong_parameters_are_told(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(weft.zeros(2))


def test_draws_into_memory_in_another_order_are_the_same():
    plain = weft.empty(3, 4).normal_(generator=generator(23))
    turned = weft.empty(4, 3).t().normal_(generator=generator(23))
    assert weft.equal(plain, turned)
    like = weft.randn_like(weft.empty(4, 3).t(), generator=generator(23))
    assert like.stride() == (1, 3)
    assert weft.equal(weft.randn_like(plain, generator=generator(23)), like)


def test_every_draw_takes_a_generator_and_leaves_the_default_one_alone():
    weft.manual_seed(0)
    before = weft.get_rng_state()
    g = generator(24)
    x, p = weft.empty(3), weft.full((3,), 0.5)
    for draw in (
        lambda: weft.rand(2, generator=g),
        lambda: weft.randn(2, generator=g),
        lambda: weft.randint(3, (2,), generator=g),
        lambda: weft.randperm(3, generator=g),
        lambda: weft.rand_like(x, generator=g),
        lambda: weft.randn_like(x, generator=g),
        lambda: weft.randint_like(x, 3, generator=g),
        lambda: weft.normal(p, p, generator=g),
        lambda: weft.bernoulli(p, generator=g),
        lambda: weft.poisson(p, generator=g),
        lambda: weft.binomial(p * 10, p, generator=g),
        lambda: weft.multinomial(p, 2, generator=g),
        lambda: x.random_(generator=g),
        lambda: x.cauchy_(generator=g),
    ):
        state = g.get_state()
        draw()
        assert not weft.equal(g.get_state(), state)
        assert weft.equal(weft.get_rng_state(), before)
