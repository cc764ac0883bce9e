"""Divergences and entropies against the integral or the mean over draws that define them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.core.distributions.cases import EACH, IDS, parameters

D = weft.distributions


def double(value: Any) -> Any:
    return weft.tensor(value, dtype=weft.float64)


def mean_log_ratio(p: Any, q: Any, low: float, high: float) -> float:
    """Return the divergence by the midpoint rule between two ends."""
    grid = low + (high - low) * (np.arange(200_000) + 0.5) / 200_000
    x = weft.from_numpy(grid)
    log_p, log_q = (one.log_prob(x).numpy() for one in (p, q))
    density = np.exp(log_p)
    parts = np.where(density > 0, density * (log_p - log_q), 0.0)
    return float(parts.sum() * (high - low) / len(grid))


@pytest.mark.parametrize(
    ("p", "q", "ends"),
    [
        (D.Normal(double(0.5), 1.2), D.Laplace(double(0.0), 2.0), (-15, 15)),
        (D.Normal(double(0.5), 1.2), D.Gumbel(double(0.0), 2.0), (-15, 15)),
        (D.Laplace(double(0.5), 1.0), D.Normal(double(0.0), 2.0), (-30, 30)),
        (D.Gumbel(double(0.5), 1.0), D.Normal(double(0.0), 2.0), (-10, 40)),
        (D.Gumbel(double(0.5), 1.0), D.Gumbel(double(0.0), 2.0), (-10, 40)),
        (D.Gamma(double(2.5), 1.5), D.Gumbel(double(0.0), 2.0), (0, 40)),
        (D.Exponential(double(1.5)), D.Gumbel(double(0.0), 2.0), (0, 30)),
        (D.Beta(double(2.0), 3.0), D.Gamma(double(2.0), 1.0), (0, 1)),
        (D.Beta(double(2.0), 3.0), D.ContinuousBernoulli(double(0.3)), (0, 1)),
        (D.Uniform(double(0.2), 0.9), D.Beta(double(2.0), 3.0), (0.2, 0.9)),
        (D.Uniform(double(0.2), 0.9), D.Gamma(double(2.0), 3.0), (0.2, 0.9)),
        (D.Uniform(double(2.0), 3.0), D.Pareto(double(1.0), 2.5), (2.0, 3.0)),
        (D.Uniform(double(0.0), 1.0), D.ContinuousBernoulli(double(0.3)), (0, 1)),
        (D.ContinuousBernoulli(double(0.3)), D.Uniform(double(0.0), 1.0), (0, 1)),
        (D.ContinuousBernoulli(double(0.3)), D.Normal(double(0.0), 1.0), (0, 1)),
        (D.ContinuousBernoulli(double(0.3)), D.Exponential(double(2.0)), (0, 1)),
    ],
    ids=lambda d: type(d).__name__ if isinstance(d, D.Distribution) else "",
)
def test_a_divergence_is_the_mean_log_ratio(p: Any, q: Any, ends: tuple[float, float]) -> None:
    wanted = mean_log_ratio(p, q, *ends)
    assert D.kl_divergence(p, q).item() == pytest.approx(wanted, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_entropy_is_the_mean_of_minus_log_prob(name: str, case: int) -> None:
    one = getattr(D, name)(**parameters(name, case, double))
    try:
        entropy = one.entropy()
    except NotImplementedError as error:
        assert "from 3 to 40" in str(error) or name in (
            "FisherSnedecor", "LKJCholesky", "LogisticNormal", "NegativeBinomial", "Poisson",
            "RelaxedBernoulli", "RelaxedOneHotCategorical", "VonMises",
        )  # fmt: skip
        return
    assert tuple(entropy.shape) == tuple(one.batch_shape)
    weft.manual_seed(12)
    minus = -one.log_prob(one.sample((8000,))).numpy()
    error = minus.std(0) / np.sqrt(len(minus))
    assert np.all(np.abs(minus.mean(0) - entropy.numpy()) < 5 * error + 1e-6)


def test_von_mises_agrees_with_bessel_functions_to_all_digits() -> None:
    from scipy import stats

    kappa = np.array([0.01, 0.5, 3.75, 4.0, 60.0, 700.0, 1e4])
    x = np.linspace(-3, 3, 7)
    one = D.VonMises(double(0.3), weft.from_numpy(kappa))
    wanted = stats.vonmises.logpdf(x, kappa, loc=0.3)
    np.testing.assert_allclose(one.log_prob(weft.from_numpy(x)).numpy(), wanted, rtol=1e-9)


def test_the_density_of_a_continuous_bernoulli_is_smooth_where_its_formula_changes() -> None:
    at = np.linspace(-0.02, 0.02, 401)
    one = D.ContinuousBernoulli(logits=weft.from_numpy(at))
    for found in (one.mean, one.variance, one.log_prob(weft.full((401,), 0.3, dtype=weft.float64))):
        bends = np.diff(found.numpy(), 2)
        assert np.abs(bends - np.median(bends)).max() < 1e-9
