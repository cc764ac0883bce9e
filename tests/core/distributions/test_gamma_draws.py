"""How gamma and Dirichlet draws move with their parameters: as the quantiles that they are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import weft
from weft.ops.gamma_draws import (
    drawn_dirichlet,
    drawn_gamma,
    standard_dirichlet,
    standard_gamma,
)
from weft.ops.quantile_slopes import dirichlet_slope, gamma_slope

CONCENTRATIONS = [1e-3, 0.01, 0.1, 0.3, 0.7, 1.0, 1.5, 3.0, 8.0, 20.0, 100.0, 1e3, 1e4, 1e6]
LEVELS = [1e-6, 1e-3, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999, 1 - 1e-7]


def difference(function, at: np.ndarray, step: float) -> np.ndarray:
    """Return the slope of a function by central differences of sixth order."""
    h = step * np.minimum(at, np.sqrt(at))
    parts = (45, -9, 1)
    return sum(
        c * (function(at + k * h) - function(at - k * h)) for k, c in enumerate(parts, start=1)
    ) / (60 * h)


def test_a_gamma_draw_moves_as_its_quantile() -> None:
    a, p = (part.reshape(-1) for part in np.meshgrid(CONCENTRATIONS, LEVELS))
    x = special.gammaincinv(a, p)
    kept = x > 1e-280  # of tiny concentrations, lower quantiles underflow
    a, p, x = a[kept], p[kept], x[kept]
    upper = p > 0.5
    fall = difference(lambda c: special.gammainc(c, x), a, 1e-2)
    rise = difference(lambda c: special.gammaincc(c, x), a, 1e-2)
    log_density = (a - 1) * np.log(x) - x - special.gammaln(a)
    # the tail that holds less has more digits
    wanted = np.where(upper, rise, -fall) / np.exp(log_density)
    found = gamma_slope(weft.from_numpy(a), weft.from_numpy(x)).numpy()
    small = a < 1e4  # beyond, SciPy's values have fewer digits to take differences of
    np.testing.assert_allclose(found[small], wanted[small], rtol=1e-6)
    np.testing.assert_allclose(found[~small], wanted[~small], rtol=1e-4)


def test_the_slope_solves_the_equation_that_defines_it() -> None:
    """From dF/da + s dF/dx = 0: s' + s (ln p)' = digamma(a) - ln x, at every scale."""
    a, p = (part.reshape(-1) for part in np.meshgrid(CONCENTRATIONS[2:], LEVELS))
    x = special.gammaincinv(a, p)
    kept = x > 1e-100
    a, x = a[kept], x[kept]
    width = np.minimum(x, np.sqrt(a)) * 1e-2
    slope = lambda at: gamma_slope(weft.from_numpy(a), weft.from_numpy(at)).numpy()
    bent = sum(
        c * (slope(x + k * width) - slope(x - k * width)) for k, c in enumerate((45, -9, 1), 1)
    ) / (60 * width)
    left = bent + slope(x) * ((a - 1) / x - 1)
    right = special.digamma(a) - np.log(x)
    size = np.abs(bent) + np.abs(slope(x) * ((a - 1) / x - 1)) + np.abs(right)
    assert np.max(np.abs(left - right) / size) < 1e-6


def test_a_dirichlet_draw_moves_as_the_quantile_of_its_part() -> None:
    rng = np.random.default_rng(0)
    a, b = (10 ** rng.uniform(-1, 3, 600) for _ in range(2))
    x = special.betaincinv(a, b, rng.uniform(0.001, 0.999, 600))
    kept = (x > 1e-4) & (x < 1 - 1e-4)
    a, b, x = a[kept], b[kept], x[kept]
    fall = difference(lambda c: special.betainc(c, b, x), a, 1e-3)
    wanted = -fall / stats.beta.pdf(x, a, b) / (1 - x)
    found = dirichlet_slope(*map(weft.from_numpy, (x, a, a + b))).numpy()
    np.testing.assert_allclose(found, wanted, rtol=2e-6)


def test_kernels_and_formulas_agree() -> None:
    rng = np.random.default_rng(7)
    a, b = (weft.from_numpy(10 ** rng.uniform(-2, 4, 1500)) for _ in range(2))
    x = standard_gamma(a, weft.Generator(seed=1))
    part = weft.from_numpy(rng.uniform(0.001, 0.999, 1500))
    fast = gamma_slope(a, x), dirichlet_slope(part, a, a + b)
    with weft.backends.codegen.flags(enabled=False):
        plain = gamma_slope(a, x), dirichlet_slope(part, a, a + b)
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-10)


def test_slopes_at_the_ends() -> None:
    edge = weft.tensor([0.0, 0.5, -1.0])
    assert gamma_slope(weft.tensor(2.0), edge).tolist()[0] == 0
    assert np.isnan(gamma_slope(weft.tensor(2.0), edge).tolist()[2])
    assert dirichlet_slope(weft.tensor(0.0), weft.tensor(2.0), weft.tensor(3.0)).item() == 0
    # 1: dx/da over 1 - x tends to 1 over the other concentration, times the slope of ln B
    near = dirichlet_slope(weft.tensor(1.0), weft.tensor(2.0), weft.tensor(3.0)).item()
    assert near == pytest.approx(special.digamma(3) - special.digamma(2), rel=1e-6)


def test_the_rules_are_the_slopes() -> None:
    a = weft.tensor([0.4, 2.0, 7.0], dtype=weft.float64, requires_grad=True)
    x = weft.tensor([0.2, 3.0, 5.0], dtype=weft.float64, requires_grad=True)
    out = drawn_gamma(a, x)
    assert out.tolist() == x.tolist()
    out.backward(weft.tensor([1.0, 2.0, 3.0], dtype=weft.float64))
    slope = gamma_slope(a.detach(), x.detach())
    np.testing.assert_allclose(a.grad.numpy(), [1.0, 2.0, 3.0] * slope.numpy())
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_dirichlet_draw_stays_on_the_simplex_as_it_moves() -> None:
    a = weft.tensor([[0.4, 2.0, 7.0], [3.0, 3.0, 1.0]], dtype=weft.float64)
    x = weft.tensor([[0.1, 0.3, 0.6], [0.5, 0.25, 0.25]], dtype=weft.float64)
    along = weft.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]], dtype=weft.float64)
    _, moved = weft.func.jvp(lambda c: drawn_dirichlet(c, x), (a,), (along,))
    np.testing.assert_allclose(moved.sum(-1).numpy(), 0, atol=1e-14)
    back = weft.tensor([[0.3, -1.0, 2.0], [1.0, 1.0, -1.0]], dtype=weft.float64)
    _, pull = weft.func.vjp(lambda c: drawn_dirichlet(c, x), a)
    assert (moved * back).sum().item() == pytest.approx((pull(back)[0] * along).sum().item())
    # of two parts, both move as the beta quantile does
    pair, part = weft.tensor([2.0, 5.0], dtype=weft.float64), 0.3
    both = weft.tensor([part, 1 - part], dtype=weft.float64)
    one = weft.func.jacrev(lambda c: drawn_dirichlet(c, both))(pair)
    step = 1e-4
    level = special.betainc(2, 5, part)
    wanted = (special.betaincinv(2 + step, 5, level) - special.betaincinv(2 - step, 5, level)) / (
        2 * step
    )
    assert one[0, 0].item() == pytest.approx(wanted, rel=1e-6)
    assert one[1, 0].item() == pytest.approx(-wanted, rel=1e-6)


@pytest.mark.parametrize("concentration", [0.02, 0.3, 0.999, 1.0, 4.0, 1e5])
def test_gamma_draws_have_the_gamma_distribution(concentration: float) -> None:
    a = weft.full((4000,), concentration, dtype=weft.float64)
    drawn = standard_gamma(a, weft.Generator(seed=3)).numpy()
    assert stats.kstest(drawn, stats.gamma(concentration).cdf).pvalue > 0.01


def test_dirichlet_draws_have_beta_parts_and_add_up_to_one() -> None:
    a = [0.01, 0.3, 2.0]
    wide = weft.tensor(a, dtype=weft.float64).expand((4000, 3))
    drawn = standard_dirichlet(wide, weft.Generator(seed=4)).numpy()
    np.testing.assert_allclose(drawn.sum(-1), 1, atol=1e-12)
    for i in range(1, 3):
        cdf = stats.beta(a[i], sum(a) - a[i]).cdf
        assert stats.kstest(drawn[:, i], cdf).pvalue > 0.01


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64])
def test_draws_that_underflow_have_finite_densities(dtype) -> None:
    distributions = weft.distributions
    a = weft.full((200,), 1e-4, dtype=dtype, requires_grad=True)
    weft.manual_seed(1)
    for one in (distributions.Gamma(a, 1.0), distributions.Dirichlet(a.reshape((50, 4)))):
        x = one.rsample()
        assert bool((x > 0).all())
        assert bool(one.log_prob(x.detach()).isfinite().all())
        (slope,) = weft.autograd.grad(x.sum(), a)
        assert bool(slope.isfinite().all())


def test_the_mean_of_gradients_is_the_gradient_of_the_mean() -> None:
    a = weft.tensor([0.3, 2.0, 9.0], dtype=weft.float64, requires_grad=True)
    standard_gamma(a.expand((20000, 3)), weft.Generator(seed=5)).mean(0).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 1, rtol=0.05)  # the mean is the concentration
    b = weft.tensor([0.5, 2.0, 4.0], dtype=weft.float64, requires_grad=True)
    standard_dirichlet(b.expand((20000, 3)), weft.Generator(seed=6))[:, 0].mean().backward()
    total = 6.5
    wanted = [1 / total - 0.5 / total**2, -0.5 / total**2, -0.5 / total**2]
    np.testing.assert_allclose(b.grad.numpy(), wanted, rtol=0.05)


def test_a_second_derivative_says_that_it_is_not_there() -> None:
    a = weft.tensor(2.0, requires_grad=True)
    (first,) = weft.autograd.grad(standard_gamma(a), a, create_graph=True)
    with pytest.raises(weft.GradError, match="differentiated once by its parameter"):
        first.backward()


def test_draws_in_float32_and_under_vmap() -> None:
    a = weft.full((5, 3), 2.0)
    draw = weft.vmap(standard_gamma, randomness="different")(a)
    assert draw.dtype is weft.float32
    assert len(set(draw.flatten().tolist())) == 15
    rows = weft.vmap(standard_dirichlet, randomness="different")(a)
    np.testing.assert_allclose(rows.sum(-1).numpy(), 1, rtol=1e-6)
    assert standard_gamma(weft.tensor([-1.0, 0.0])).isnan().tolist() == [True, False]
