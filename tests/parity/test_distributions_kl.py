"""Divergences beside PyTorch's: every pair of its table, and its search for subclasses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions.kl import _KL_REGISTRY

import weft

OURS, THEIRS = weft.distributions, torch.distributions

MATRICES = [[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 0.7]]]
#: Parameters by class; of a pair of classes all are paired, those of one batch shape, (2,).
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "Bernoulli": [{"probs": [0.3, 0.9]}, {"probs": [0.0, 1.0]}, {"logits": [0.2, -1.0]}],
    "Beta": [
        {"concentration1": [0.8, 2.0], "concentration0": [3.0, 1.0]},
        {"concentration1": [1.5, 2.0], "concentration0": [0.7, 5.0]},
    ],
    "Binomial": [
        {"total_count": [5.0, 4.0], "probs": [0.3, 0.9]},
        {"total_count": [3.0, 4.0], "probs": [0.5, 0.1]},
    ],
    "Categorical": [
        {"probs": [[0.3, 0.3, 0.4], [0.5, 0.5, 0.0]]},
        {"probs": [[0.1, 0.8, 0.1], [0.2, 0.0, 0.8]]},
    ],
    "Cauchy": [
        {"loc": [0.0, 1.0], "scale": [1.0, 3.0]}, {"loc": [-2.0, 1.5], "scale": [0.5, 1.0]},
    ],
    "Chi2": [{"df": [1.0, 4.0]}, {"df": [3.0, 9.0]}],
    "ContinuousBernoulli": [{"probs": [0.3, 0.9]}, {"probs": [0.5, 0.05]}],
    "Dirichlet": [
        {"concentration": [[0.5, 2.0, 1.0], [3.0, 4.0, 5.0]]},
        {"concentration": [[1.5, 1.0, 1.0], [0.3, 4.0, 2.0]]},
    ],
    "Exponential": [{"rate": [0.5, 2.0]}, {"rate": [3.0, 0.1]}],
    "Gamma": [
        {"concentration": [0.5, 3.0], "rate": [1.0, 2.0]},
        {"concentration": [2.0, 9.0], "rate": [0.2, 2.0]},
    ],
    "Geometric": [{"probs": [0.3, 0.9]}, {"probs": [0.5, 0.1]}],
    "Gumbel": [
        {"loc": [0.0, 1.0], "scale": [1.0, 3.0]}, {"loc": [-2.0, 1.5], "scale": [0.5, 1.0]},
    ],
    "HalfNormal": [{"scale": [1.0, 3.0]}, {"scale": [0.5, 1.0]}],
    "Laplace": [
        {"loc": [0.0, 1.0], "scale": [1.0, 3.0]}, {"loc": [-2.0, 1.5], "scale": [0.5, 1.0]},
    ],
    "LogNormal": [
        {"loc": [0.0, 1.0], "scale": [1.0, 3.0]}, {"loc": [-2.0, 1.5], "scale": [0.5, 1.0]},
    ],
    "LowRankMultivariateNormal": [
        {
            "loc": [[0.0, 1.0], [2.0, 3.0]],
            "cov_factor": [[[1.0], [0.5]], [[-1.0], [0.2]]],
            "cov_diag": [[1.0, 2.0], [0.5, 0.7]],
        },
        {"loc": [[1.0, 0.0]], "cov_factor": [[2.0], [0.3]], "cov_diag": [[1.0, 1.0], [1.0, 3.0]]},
    ],
    "MultivariateNormal": [
        {"loc": [[0.0, 1.0], [2.0, 3.0]], "covariance_matrix": MATRICES},
        {"loc": [1.0, 0.0], "covariance_matrix": MATRICES},
    ],
    "Normal": [
        {"loc": [0.0, 1.0], "scale": [1.0, 3.0]}, {"loc": [-2.0, 1.5], "scale": [0.5, 1.0]},
    ],
    "OneHotCategorical": [
        {"probs": [[0.3, 0.3, 0.4], [0.5, 0.5, 0.0]]},
        {"probs": [[0.1, 0.8, 0.1], [0.2, 0.0, 0.8]]},
    ],
    "Pareto": [
        {"scale": [0.5, 1.0], "alpha": [1.5, 4.0]}, {"scale": [0.2, 2.0], "alpha": [3.0, 2.5]},
    ],
    "Poisson": [{"rate": [0.5, 4.0]}, {"rate": [2.0, 1.0]}],
    "Uniform": [
        {"low": [0.1, 0.2], "high": [0.5, 0.9]},
        {"low": [-1.0, 0.0], "high": [2.0, 1.0]},
        {"low": [2.0, 3.0], "high": [2.5, 4.0]},
    ],
}  # fmt: skip

PAIRS = sorted(
    (p.__name__, q.__name__)
    for p, q in _KL_REGISTRY
    if p.__name__ in PARAMETERS and q.__name__ in PARAMETERS
)
SUBCLASSES = [("Chi2", "Chi2"), ("Chi2", "Gamma"), ("LogNormal", "LogNormal")]


#: Pairs of which PyTorch's is infinite where supports end at the same place; ours is not, as
#: tests/core/distributions/test_divergences.py shows by integration.
SAME_ENDS = {("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")}


def made(module: Any, tensor: Any, name: str, settings: dict[str, Any]) -> Any:
    return getattr(module, name)(**{k: tensor(v) for k, v in settings.items()})


def double(values: Any) -> weft.Tensor:
    return weft.tensor(values, dtype=weft.float64)


def theirs(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("p", "q"), [*PAIRS, *SUBCLASSES])
def test_each_divergence_is_pytorchs(p: str, q: str) -> None:
    compared = 0
    for first in PARAMETERS[p]:
        for second in PARAMETERS[q]:
            ours = [made(OURS, double, n, s) for n, s in ((p, first), (q, second))]
            others = [made(THEIRS, theirs, n, s) for n, s in ((p, first), (q, second))]
            try:
                wanted = THEIRS.kl_divergence(*others)
            except NotImplementedError:
                with pytest.raises(NotImplementedError):
                    OURS.kl_divergence(*ours)
                continue
            got = OURS.kl_divergence(*ours)
            mine, other = np.broadcast_arrays(got.numpy(), wanted.numpy())
            if (p, q) in SAME_ENDS:
                other = np.where(np.isinf(other), mine, other)
            np.testing.assert_allclose(mine, other, rtol=1e-8, atol=1e-10)
            compared += 1
    assert compared


def test_the_whole_table_is_there() -> None:
    generic = {"ExponentialFamily", "TransformedDistribution", "Independent"}
    left = {n.__name__ for pair in _KL_REGISTRY for n in pair} - PARAMETERS.keys() - generic
    assert left == set()


def test_divergences_of_parts_add_up() -> None:
    p, q = [OURS.Normal(double([0.0, 1.0, s]), double([1.0, s, 3.0])) for s in (1.0, 2.0)]
    whole = OURS.kl_divergence(OURS.Independent(p, 1), OURS.Independent(q, 1))
    assert whole.item() == pytest.approx(OURS.kl_divergence(p, q).sum().item())
    with pytest.raises(NotImplementedError, match="got 1 and 0"):
        OURS.kl_divergence(OURS.Independent(p, 1), OURS.Independent(q, 0))


def test_families_without_a_formula_use_the_log_normaliser() -> None:
    class Scaled(OURS.Exponential):
        pass

    class Rated(torch.distributions.Exponential):
        pass

    weft_kl = OURS.kl._REGISTRY[OURS.ExponentialFamily, OURS.ExponentialFamily]
    torch_kl = _KL_REGISTRY[THEIRS.ExponentialFamily, THEIRS.ExponentialFamily]
    for name in ("Beta", "Dirichlet", "Gamma", "Normal", "Exponential", "ContinuousBernoulli"):
        p, q = (made(OURS, double, name, s) for s in PARAMETERS[name])
        a, b = (made(THEIRS, theirs, name, s) for s in PARAMETERS[name])
        got = weft_kl(p, q).detach().numpy()
        np.testing.assert_allclose(got, OURS.kl_divergence(p, q).numpy(), rtol=1e-7)
        np.testing.assert_allclose(got, torch_kl(a, b).detach().numpy(), rtol=1e-6)
    p, q = Scaled(double([2.0])), Scaled(double([3.0]))
    assert OURS.kl_divergence(p, q).item() == pytest.approx(
        THEIRS.kl_divergence(Rated(theirs([2.0])), Rated(theirs([3.0]))).item()
    )


@pytest.mark.parametrize(("p", "q"), [(p, q) for p, q in PAIRS if p == q])
def test_gradients_of_divergences_are_pytorchs(p: str, q: str) -> None:
    ours, others = [], []
    for settings in (PARAMETERS[p][0], PARAMETERS[q][-1]):
        ours.append({k: double(v).requires_grad_() for k, v in settings.items()})
        others.append({k: theirs(v).requires_grad_() for k, v in settings.items()})
    if p in ("Bernoulli", "Categorical", "OneHotCategorical"):
        for given in (ours, others):  # inside, where all is smooth
            for one in given:
                for key in one:
                    one[key] = (one[key].detach() * 0.5 + 0.2).requires_grad_()
    got = OURS.kl_divergence(*(getattr(OURS, p)(**s) for s in ours)).sum()
    wanted = THEIRS.kl_divergence(*(getattr(THEIRS, p)(**s) for s in others)).sum()
    assert got.item() == pytest.approx(wanted.item(), rel=1e-9)
    if not np.isfinite(wanted.item()):
        return
    got.backward()
    wanted.backward()
    for a, b in zip(ours, others, strict=True):
        for key in a:
            mine, other = a[key].grad, b[key].grad
            assert (mine is None) == (other is None), key
            if mine is not None:
                np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-7, atol=1e-9)


def test_a_pair_without_a_formula_is_named() -> None:
    with pytest.raises(NotImplementedError, match="entered for Normal and Cauchy"):
        OURS.kl_divergence(OURS.Normal(0.0, 1.0), OURS.Cauchy(0.0, 1.0))


def test_the_nearest_pair_of_bases_is_taken_and_a_tie_warns() -> None:
    class First(OURS.Normal):
        pass

    class Second(OURS.Normal):
        pass

    known = dict(OURS.kl._REGISTRY)
    try:
        OURS.register_kl(First, OURS.Normal)(lambda p, q: "first")
        assert OURS.kl_divergence(First(0.0, 1.0), First(0.0, 1.0)) == "first"
        assert OURS.kl_divergence(OURS.Normal(0.0, 1.0), First(0.0, 1.0)).item() == 0
        OURS.register_kl(OURS.Normal, Second)(lambda p, q: "second")
        with pytest.warns(RuntimeWarning, match="two formulas are as near"):
            OURS.kl_divergence(First(0.0, 1.0), Second(0.0, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            OURS.register_kl(First, Second)(lambda p, q: "both")
            assert OURS.kl_divergence(First(0.0, 1.0), Second(0.0, 1.0)) == "both"
    finally:
        OURS.kl._REGISTRY.clear()
        OURS.kl._REGISTRY.update(known)
        OURS.kl._FOUND.clear()
    with pytest.raises(TypeError, match="subclasses of Distribution, got <class 'int'>"):
        OURS.register_kl(int, OURS.Normal)
