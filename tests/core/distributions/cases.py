"""Parameters under which every test of distributions runs: lists become tensors of the dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CASES: dict[str, list[dict[str, Any]]] = {
    "Bernoulli": [
        {"probs": [0.1, 0.5, 0.9]},
        {"logits": [[-2.0], [0.0], [30.0]]},
        {"probs": 0.3},
    ],
    "Beta": [
        {"concentration1": [0.5, 1.0, 3.0], "concentration0": [2.0, 0.7, 5.0]},
        {"concentration1": 2.0, "concentration0": [[1.5], [40.0]]},
    ],
    "Binomial": [
        {"total_count": 5, "probs": [0.1, 0.5, 0.9]},
        {"total_count": [3.0, 40.0], "logits": [[-2.0], [1.0]]},
    ],
    "Categorical": [
        {"probs": [[0.2, 0.3, 0.5], [4.0, 1.0, 1.0]]},
        {"logits": [1.0, -1.0, 0.0, 3.0]},
    ],
    "Cauchy": [{"loc": [0.0, -1.0, 3.0], "scale": [0.5, 1.0, 10.0]}, {"loc": 1.0, "scale": 2.0}],
    "Chi2": [{"df": [0.5, 2.0, 30.0]}, {"df": 3.0}],
    "ContinuousBernoulli": [
        {"probs": [0.1, 0.5, 0.9]},
        {"logits": [[-6.0], [0.0], [2.0]]},
    ],
    "Dirichlet": [
        {"concentration": [[0.5, 0.5, 0.9], [3.0, 1.5, 8.0]]},
        {"concentration": [2.0, 5.0, 1.0, 1.0]},
    ],
    "Exponential": [{"rate": [0.1, 1.0, 20.0]}, {"rate": 2.0}],
    "FisherSnedecor": [
        {"df1": [1.0, 3.0, 9.0], "df2": [5.0, 2.5, 30.0]},
        {"df1": 4.0, "df2": [[3.0], [8.0]]},
    ],
    "Gamma": [
        {"concentration": [0.2, 1.0, 30.0], "rate": [2.0, 0.5, 5.0]},
        {"concentration": 2.0, "rate": [[1.5], [4.0]]},
    ],
    "GeneralizedPareto": [
        {"loc": [0.0, 1.0, 2.0], "scale": [1.0, 0.5, 2.0], "concentration": [0.3, -0.4, 0.0]},
        {"loc": 0.0, "scale": 1.0, "concentration": 0.2},
    ],
    "Geometric": [{"probs": [0.05, 0.5, 0.95]}, {"logits": [-2.0, 0.0, 2.0]}],
    "Gumbel": [{"loc": [0.0, -1.0, 3.0], "scale": [0.5, 1.0, 10.0]}, {"loc": 1.0, "scale": 2.0}],
    "HalfCauchy": [{"scale": [0.5, 1.0, 10.0]}, {"scale": 2.0}],
    "HalfNormal": [{"scale": [0.5, 1.0, 10.0]}, {"scale": 2.0}],
    "InverseGamma": [
        {"concentration": [0.7, 1.5, 30.0], "rate": [2.0, 0.5, 5.0]},
        {"concentration": 3.0, "rate": [[1.5], [4.0]]},
    ],
    "Kumaraswamy": [
        {"concentration1": [0.5, 1.0, 3.0], "concentration0": [2.0, 0.7, 5.0]},
        {"concentration1": 2.0, "concentration0": [[1.5], [4.0]]},
    ],
    "LKJCholesky": [
        {"dim": 3, "concentration": [0.5, 1.0, 4.0]},
        {"dim": 2, "concentration": 2.0},
        {"dim": 5, "concentration": [[1.5], [4.0]]},
    ],
    "Laplace": [{"loc": [0.0, -1.0, 3.0], "scale": [0.5, 1.0, 10.0]}, {"loc": 1.0, "scale": 2.0}],
    "LogNormal": [{"loc": [0.0, -1.0, 1.0], "scale": [0.5, 1.0, 0.1]}, {"loc": 1.0, "scale": 0.5}],
    "LogisticNormal": [
        {"loc": [0.0, -1.0, 1.0], "scale": [0.5, 1.0, 0.1]},
        {"loc": [[0.5, 0.5], [-1.0, 0.0]], "scale": 1.0},
    ],
    "LowRankMultivariateNormal": [
        {
            "loc": [[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]],
            "cov_factor": [[1.0, 0.2], [-0.5, 1.0], [0.3, 0.3]],
            "cov_diag": [0.5, 1.0, 2.0],
        },
        {"loc": [0.0, 0.0], "cov_factor": [[1.0], [2.0]], "cov_diag": [1.0, 0.5]},
    ],
    "Multinomial": [
        {"total_count": 6, "probs": [[0.2, 0.3, 0.5], [4.0, 1.0, 1.0]]},
        {"total_count": 1, "logits": [1.0, -1.0, 0.0]},
    ],
    "MultivariateNormal": [
        {"loc": [[0.0, 1.0], [2.0, -1.0]], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
        {
            "loc": [0.0, 1.0],
            "precision_matrix": [[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 4.0]]],
        },
        {
            "loc": [1.0, 0.0, 0.0],
            "scale_tril": [[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-1.0, 0.1, 0.5]],
        },
    ],
    "NegativeBinomial": [
        {"total_count": 3, "probs": [0.1, 0.5, 0.9]},
        {"total_count": [0.5, 4.0], "logits": [[-2.0], [1.0]]},
    ],
    "Normal": [{"loc": [0.0, -1.0, 3.0], "scale": [0.5, 1.0, 10.0]}, {"loc": 1.0, "scale": 2.0}],
    "OneHotCategorical": [
        {"probs": [[0.2, 0.3, 0.5], [4.0, 1.0, 1.0]]},
        {"logits": [1.0, -1.0, 0.0, 3.0]},
    ],
    "OneHotCategoricalStraightThrough": [{"probs": [[0.2, 0.3, 0.5], [4.0, 1.0, 1.0]]}],
    "Pareto": [{"scale": [0.5, 1.0, 2.0], "alpha": [0.5, 1.5, 3.0]}, {"scale": 1.0, "alpha": 4.0}],
    "Poisson": [{"rate": [0.1, 1.0, 30.0]}, {"rate": 2.0}],
    "RelaxedBernoulli": [
        {"temperature": [0.7], "probs": [0.1, 0.5, 0.9]},
        {"temperature": [2.0], "logits": [[-2.0], [0.0], [1.0]]},
    ],
    "RelaxedOneHotCategorical": [
        {"temperature": [0.7], "probs": [[0.2, 0.3, 0.5], [4.0, 1.0, 1.0]]},
        {"temperature": [2.0], "logits": [1.0, -1.0, 0.0, 3.0]},
    ],
    "StudentT": [
        {"df": [0.8, 1.5, 4.0], "loc": [0.0, -1.0, 3.0], "scale": [0.5, 1.0, 10.0]},
        {"df": 5.0},
    ],
    "Uniform": [{"low": [0.0, -1.0, 3.0], "high": [0.5, 1.0, 10.0]}, {"low": -1.0, "high": 2.0}],
    "VonMises": [{"loc": [0.0, -1.0, 3.0], "concentration": [0.5, 4.0, 60.0]}],
    "Weibull": [
        {"scale": [0.5, 1.0, 2.0], "concentration": [0.7, 1.0, 3.0]},
        {"scale": 1.0, "concentration": [[2.0], [5.0]]},
    ],
    "Wishart": [
        {"df": [4.0, 6.5], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
        {"df": [5.0], "precision_matrix": [[2.0, 0.5], [0.5, 1.0]]},
        {"df": [3.5], "scale_tril": [[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-1.0, 0.1, 0.5]]},
    ],
}

EACH = [(name, i) for name, cases in CASES.items() for i in range(len(cases))]
IDS = [f"{name}-{i}" for name, i in EACH]


def parameters(name: str, case: int, tensor: Any) -> dict[str, Any]:
    """Return the parameters of a case, with `tensor(list)` for every list."""
    return {
        key: tensor(value) if isinstance(value, list) else value
        for key, value in CASES[name][case].items()
    }


def tensors_of(parameters: dict[str, Any]) -> Iterator[Any]:
    """Yield the parameters that are tensors."""
    return (value for value in parameters.values() if hasattr(value, "requires_grad"))
