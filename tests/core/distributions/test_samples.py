"""Draws have the distribution that they say: its cdf, its moments, its probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import weft
from tests.core.distributions.cases import CASES, EACH, IDS, parameters

D = weft.distributions
COUNT = 3000
#: Below this a test says that draws are not from the distribution; seeds are fixed.
LEAST = 1e-3

#: Of those without a cdf here, SciPy's of the same distribution, by its name and parameters.
CDFS: dict[str, Any] = {
    "Beta": lambda a: stats.beta(a["concentration1"], a["concentration0"]).cdf,
    "FisherSnedecor": lambda a: stats.f(a["df1"], a["df2"]).cdf,
    "StudentT": lambda a: (
        stats.t(a["df"], np.broadcast_to(a.get("loc", 0.0), ()), a.get("scale", 1.0)).cdf
    ),
    "VonMises": lambda a: stats.vonmises(a["concentration"], a["loc"]).cdf,
}


def made(name: str, case: int) -> Any:
    return getattr(D, name)(**parameters(name, case, lambda v: weft.tensor(v, dtype=weft.float64)))


def drawn(one: Any, count: int = COUNT) -> Any:
    weft.manual_seed(2024)
    return one.sample((count,))


def elements(one: Any) -> Any:
    """Yield the index of each distribution of a batch."""
    return np.ndindex(*one.batch_shape)


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_draws_are_in_the_support(name: str, case: int) -> None:
    one = made(name, case)
    x = drawn(one, 200)
    assert tuple(x.shape) == (200, *one.batch_shape, *one.event_shape)
    assert bool(one.support.check(x).all())
    assert bool(one.log_prob(x).isfinite().all())


CONTINUOUS = [
    (name, i)
    for name, i in EACH
    if not getattr(made(name, i).support, "is_discrete", False) and not made(name, i).event_shape
]


@pytest.mark.parametrize(("name", "case"), CONTINUOUS, ids=[f"{n}-{i}" for n, i in CONTINUOUS])
def test_continuous_draws_follow_the_cdf(name: str, case: int) -> None:
    one = made(name, case)
    x = drawn(one)
    try:
        levels = one.cdf(x).numpy()
        for at in elements(one):
            found = stats.kstest(levels[(slice(None), *at)], "uniform")
            assert found.pvalue > LEAST, (at, found)
        return
    except NotImplementedError:
        pass
    if name in CDFS:
        given = {
            k: np.broadcast_to(np.asarray(v, float), tuple(one.batch_shape))
            for k, v in CASES[name][case].items()
        }
        for at in elements(one):
            own = {k: v[at] for k, v in given.items()}
            values = x.numpy()[(slice(None), *at)]
            if name == "VonMises":  # SciPy's goes on beyond π; draws do not
                assert np.abs(values).max() <= np.pi
                values = (values - own["loc"] + np.pi) % (2 * np.pi) - np.pi + own["loc"]
            assert stats.kstest(values, CDFS[name](own)).pvalue > LEAST, at
        return
    # what has neither is a transform of what has: its draws' densities have to add up to 1
    assert name in ("RelaxedBernoulli", "Kumaraswamy", "Weibull"), name
    grid = (np.arange(20000) + 0.5) / 20000
    values = weft.from_numpy(grid).reshape((-1, *(1,) * len(one.batch_shape)))
    density = one.log_prob(values.expand((-1, *one.batch_shape))).exp().numpy()
    for at in elements(one):
        upto = np.cumsum(density[(slice(None), *at)]) / len(grid)
        assert upto[-1] == pytest.approx(1, abs=0.02)
        levels = np.interp(x.numpy()[(slice(None), *at)], grid, upto / upto[-1])
        assert stats.kstest(levels, "uniform").pvalue > LEAST


DISCRETE = [
    (name, i) for name, i in EACH if made(name, i).support.is_discrete and name != "Multinomial"
]


@pytest.mark.parametrize(("name", "case"), DISCRETE, ids=[f"{n}-{i}" for n, i in DISCRETE])
def test_discrete_draws_come_as_often_as_their_probability(name: str, case: int) -> None:
    one = made(name, case)
    x = drawn(one)
    if one.event_shape:  # one-hot vectors, by the number of their 1
        x = x.argmax(-1)
        one = D.Categorical(probs=one.probs)
    highest = int(x.max().item())
    values = weft.arange(highest + 1, dtype=weft.float64)
    values = values.reshape((-1, *(1,) * len(one.batch_shape))).expand((-1, *one.batch_shape))
    if name == "Binomial":  # no more than each has trials
        values = weft.minimum(values, one.total_count)
    chances = one.log_prob(values).exp().numpy()
    counts = np.stack([(x == k).sum(0).numpy() for k in range(highest + 1)])
    for at in elements(one):
        wanted, got = chances[(slice(None), *at)] * COUNT, counts[(slice(None), *at)]
        if name == "Binomial":
            most = int(one.total_count[at].item())
            wanted, got = wanted[: most + 1], got[: most + 1]
        many = wanted >= 5  # what comes seldom is one class, with what is beyond the highest
        wanted = np.append(wanted[many], max(COUNT - wanted[many].sum(), 1e-9))
        got = np.append(got[many], COUNT - got[many].sum())
        if wanted[-1] < 1:
            wanted, got = wanted[:-1], got[:-1]
        if len(wanted) > 1:
            wanted = wanted * got.sum() / wanted.sum()
            assert stats.chisquare(got, wanted).pvalue > LEAST, at


#: Whose moments no closed form tells.
WITHOUT_MOMENTS = ("LKJCholesky", "LogisticNormal", "RelaxedBernoulli", "RelaxedOneHotCategorical")
WITH_MOMENTS = [(name, i) for name, i in EACH if name not in WITHOUT_MOMENTS]


@pytest.mark.parametrize("name", WITHOUT_MOMENTS)
def test_moments_without_a_closed_form_are_refused(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name} has no variance"):
        _ = made(name, 0).variance


@pytest.mark.parametrize(("name", "case"), WITH_MOMENTS, ids=[f"{n}-{i}" for n, i in WITH_MOMENTS])
def test_moments_of_draws_are_the_moments(name: str, case: int) -> None:
    one = made(name, case)
    mean, variance = one.mean, one.variance
    if name == "VonMises":  # of angles: the mean direction and one minus the mean length
        x = drawn(one).numpy()
        centre = np.exp(1j * x).mean(0)
        np.testing.assert_allclose(np.angle(centre), mean.numpy(), atol=0.1)
        np.testing.assert_allclose(1 - np.abs(centre), variance.numpy(), atol=0.05)
        return
    x = drawn(one, 4 * COUNT).numpy()
    known = np.isfinite(mean.numpy()) & np.isfinite(variance.numpy())
    error = np.sqrt(variance.numpy() / len(x))[known]
    away = np.abs(x.mean(0) - mean.numpy())[known] / np.where(error > 0, error, 1)
    assert np.all(away < 5), away
    # a variance has a standard error itself where the fourth moment exists: by parts of the draws
    parts = x.reshape(20, -1, *x.shape[1:]).var(1)
    middle, spread = np.median(parts, 0), parts.std(0) / np.sqrt(20)
    wanted = variance.numpy()[known]
    near = np.abs(middle[known] - wanted) < 6 * spread[known] + 0.35 * wanted + 1e-9
    assert np.all(near)


def test_a_multinomial_draw_counts_categorical_ones() -> None:
    one = D.Multinomial(12, weft.tensor([0.5, 0.3, 0.2, 0.0]))
    x = drawn(one)
    assert bool((x.sum(-1) == 12).all())
    assert x[:, 3].sum().item() == 0
    for k, p in enumerate([0.5, 0.3, 0.2]):
        got = np.bincount(x[:, k].numpy().astype(int), minlength=13)
        wanted = stats.binom(12, p).pmf(np.arange(13)) * COUNT
        many = wanted >= 5
        got = np.append(got[many], got[~many].sum())
        wanted = np.append(wanted[many], wanted[~many].sum())
        assert stats.chisquare(got, wanted * got.sum() / wanted.sum()).pvalue > LEAST
    # and counts that are drawn together vary against each other
    assert np.cov(x[:, :2].numpy().T)[0, 1] == pytest.approx(-12 * 0.5 * 0.3, rel=0.15)


@pytest.mark.parametrize("name", ["MultivariateNormal", "LowRankMultivariateNormal"])
def test_vectors_have_their_covariance(name: str) -> None:
    one = made(name, 1)
    x = drawn(one, 20000).numpy()
    for at in elements(one):
        found = np.cov(x[(slice(None), *at)].T)
        np.testing.assert_allclose(found, one.covariance_matrix.numpy()[at], rtol=0.1, atol=0.05)


def test_correlations_follow_their_marginal_distribution() -> None:
    dim, concentration = 4, 1.5
    x = drawn(D.LKJCholesky(dim, weft.tensor(concentration, dtype=weft.float64)))
    matrices = (x @ x.mT).numpy()
    half = concentration + (dim - 2) / 2  # each correlation is a beta number, stretched to (-1, 1)
    for i, j in ((1, 0), (3, 0), (3, 2)):
        assert stats.kstest((matrices[:, i, j] + 1) / 2, stats.beta(half, half).cdf).pvalue > LEAST


def test_the_density_of_correlations_integrates_to_one() -> None:
    one = D.LKJCholesky(2, weft.tensor(1.7, dtype=weft.float64))
    r = np.linspace(-1, 1, 20001)[1:-1]
    factors = np.zeros((len(r), 2, 2))
    factors[:, 0, 0], factors[:, 1, 0], factors[:, 1, 1] = 1, r, np.sqrt(1 - r * r)
    # a density of factors, whose free entry is the correlation
    density = one.log_prob(weft.from_numpy(factors)).exp().numpy()
    assert density.sum() * (r[1] - r[0]) == pytest.approx(1, abs=1e-3)


def test_a_mixture_draws_from_its_parts() -> None:
    parts = D.Normal(weft.tensor([-3.0, 0.0, 4.0]), weft.tensor([0.5, 1.0, 2.0]))
    one = D.MixtureSameFamily(D.Categorical(weft.tensor([0.2, 0.5, 0.3])), parts)
    x = drawn(one)
    assert stats.kstest(one.cdf(x).numpy(), "uniform").pvalue > LEAST
    grid = weft.linspace(-15, 20, 20001)
    assert weft.trapezoid(one.log_prob(grid).exp(), grid).item() == pytest.approx(1, abs=1e-4)
    assert one.mean.item() == pytest.approx(0.6)


def test_a_seed_gives_the_same_draws() -> None:
    for name in ("Normal", "Gamma", "Beta", "Poisson", "VonMises", "Wishart"):
        one = made(name, 0)
        assert weft.equal(drawn(one, 5), drawn(one, 5))
        weft.manual_seed(1)
        assert not weft.equal(one.sample((5,)), drawn(one, 5))


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_no_draw_and_no_batch_are_empty(name: str, case: int) -> None:
    one = made(name, case)
    assert tuple(one.sample((0,)).shape) == (0, *one.batch_shape, *one.event_shape)
    empty = one.expand((0, *one.batch_shape))
    assert tuple(empty.sample().shape) == (0, *one.batch_shape, *one.event_shape)
