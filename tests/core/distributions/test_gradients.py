"""Gradients through draws, densities, entropies and quantiles, by finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.core.distributions.cases import CASES, parameters

D = weft.distributions

#: Those whose draws move with the parameters by a formula of noise that stays the same. The others
#: move by implicit slopes, which test_gamma_draws.py holds to quantiles.
BY_NOISE = [
    "Cauchy", "ContinuousBernoulli", "Exponential", "GeneralizedPareto", "Gumbel", "HalfCauchy",
    "HalfNormal", "Kumaraswamy", "Laplace", "LogNormal", "LogisticNormal",
    "LowRankMultivariateNormal", "MultivariateNormal", "Normal", "Pareto", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "Uniform", "Weibull",
]  # fmt: skip
IMPLICIT = [
    "Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT", "Wishart",
]  # fmt: skip


#: Given by a triangle: single elements of a symmetric matrix cannot be varied.
CASE_OF = {"MultivariateNormal": 2, "Wishart": 2}


def reparametrised() -> list[str]:
    return [name for name in CASES if getattr(D, name).has_rsample is not False]


def test_every_distribution_with_rsample_is_tested() -> None:
    straight = {"OneHotCategoricalStraightThrough"}
    assert set(reparametrised()) - straight == {*BY_NOISE, *IMPLICIT}


def inputs(name: str, case: int) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Return the names and values of the parameters that are tensors, and the others."""
    made = parameters(name, case, lambda v: weft.tensor(v, dtype=weft.float64))
    names = [k for k, v in made.items() if isinstance(v, weft.Tensor)]
    others = {k: v for k, v in made.items() if k not in names}
    return names, [made[k].requires_grad_() for k in names], others


@pytest.mark.parametrize("name", BY_NOISE)
def test_draws_move_with_the_parameters(name: str) -> None:
    names, values, others = inputs(name, CASE_OF.get(name, 0))

    def draw(*given: Any) -> Any:
        weft.manual_seed(7)
        given_by_name = dict(zip(names, given, strict=True))
        # a step must not be refused for leaving what a constraint allows
        one = getattr(D, name)(**given_by_name, **others, validate_args=False)
        return one.rsample((2,))

    assert weft.autograd.gradcheck(draw, values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", IMPLICIT)
def test_the_mean_of_slopes_is_the_slope_of_the_mean(name: str) -> None:
    names, values, others = inputs(name, 0)
    if name == "StudentT":  # of an odd function the mean is the location alone: take the scale's
        names, values = (
            ["df", "scale"],
            [weft.tensor(v, dtype=weft.float64, requires_grad=True) for v in ([9.0], [2.0])],
        )
        others = {}
    if name == "InverseGamma":
        values = [weft.tensor([v], dtype=weft.float64, requires_grad=True) for v in (9.0, 2.0)]
    if name == "FisherSnedecor":
        values = [weft.tensor([v], dtype=weft.float64, requires_grad=True) for v in (5.0, 30.0)]
    one = getattr(D, name)(**dict(zip(names, values, strict=True)), **others)
    weft.manual_seed(8)
    x = one.rsample((20000,))
    if name == "StudentT":
        drawn, known = x.square().mean(0), one.variance
    else:
        drawn, known = x.mean(0), one.mean
    weights = weft.linspace(0.5, 1.5, known.numel(), dtype=weft.float64).reshape(known.shape)
    found = weft.autograd.grad((drawn * weights).sum(), values, retain_graph=True)
    wanted = weft.autograd.grad((known * weights).sum(), values, allow_unused=True)
    for a, b in zip(found, wanted, strict=True):
        if b is None:  # the mean of an F distribution does not depend on df1
            assert abs(a.sum().item()) < 0.01
            continue
        size = b.abs().max().item()
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0.1, atol=0.06 * size)


DENSITIES = [(name, CASE_OF.get(name, 0)) for name in CASES]


@pytest.mark.parametrize(("name", "case"), DENSITIES, ids=[n for n, _ in DENSITIES])
def test_densities_and_entropies_have_slopes_of_second_order(name: str, case: int) -> None:
    names, values, others = inputs(name, case)
    if not names:
        pytest.fail("a case without tensors")
    fixed = getattr(D, name)(**dict(zip(names, values, strict=True)), **others)
    weft.manual_seed(9)
    x = fixed.sample((2,))

    def log_prob(*given: Any) -> Any:
        one = getattr(D, name)(
            **dict(zip(names, given, strict=True)), **others, validate_args=False
        )
        return one.log_prob(x)

    kept = [
        v.detach().requires_grad_(k not in ("total_count",))
        for k, v in zip(names, values, strict=True)
    ]
    assert weft.autograd.gradcheck(log_prob, kept, rtol=1e-4, atol=1e-6)
    assert weft.autograd.gradgradcheck(log_prob, kept, rtol=1e-3, atol=1e-5)

    def entropy(*given: Any) -> Any:
        one = getattr(D, name)(
            **dict(zip(names, given, strict=True)), **others, validate_args=False
        )
        return one.entropy()

    try:
        flat = not entropy(*kept).requires_grad
    except NotImplementedError:
        return
    if not flat:
        assert weft.autograd.gradcheck(entropy, kept, rtol=1e-4, atol=1e-6)


def test_a_straight_through_draw_passes_its_gradient_on() -> None:
    p = weft.tensor([0.2, 0.3, 0.5], requires_grad=True)
    draw = D.OneHotCategoricalStraightThrough(p).rsample()
    assert sorted(draw.tolist()) == [0, 0, 1]
    (draw * weft.tensor([1.0, 2.0, 4.0])).sum().backward()
    # through the division by their sum
    mean = 0.2 * 1 + 0.3 * 2 + 0.5 * 4
    np.testing.assert_allclose(p.grad.numpy(), [1 - mean, 2 - mean, 4 - mean], rtol=1e-5)


def test_samples_have_no_gradient() -> None:
    loc = weft.tensor(0.0, requires_grad=True)
    assert not D.Normal(loc, 1.0).sample().requires_grad
    assert D.Normal(loc, 1.0).rsample().requires_grad
    with pytest.raises(NotImplementedError, match="Bernoulli has no rsample"):
        D.Bernoulli(0.5).rsample()
