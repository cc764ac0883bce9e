"""What is wrong with parameters and values is said in one sentence, with place and value."""

from __future__ import annotations

from typing import Any

import pytest

import weft
from tests.core.distributions.cases import EACH, IDS, parameters

D = weft.distributions


def double(value: Any) -> Any:
    return weft.tensor(value, dtype=weft.float64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: D.Normal(0.0, -1.0),
            r"Normal: scale must satisfy GreaterThan\(lower_bound=0.0\), but scale == -1.0$",
        ),
        (
            lambda: D.Normal(weft.zeros(2, 3), double([[1.0, 1.0, 1.0], [1.0, -2.0, 0.0]])),
            r"scale\[1, 1\] == -2.0 \(2 of 6 in shape \(2, 3\)\)$",
        ),
        (
            lambda: D.Categorical(weft.tensor([[0.5, 0.5], [-1.0, 2.0]])),
            r"Categorical: probs must satisfy Simplex\(\), but probs\[1\] == \[-1.0, 2.0\]",
        ),
        (
            lambda: D.OneHotCategorical(weft.tensor([-1.0, 2.0])),
            r"OneHotCategorical: probs must satisfy Simplex\(\)",
        ),
        (lambda: D.HalfNormal(-1.0), r"HalfNormal: scale must satisfy .*scale == -1.0"),
        (lambda: D.LogNormal(0.0, 0.0), r"LogNormal: scale must satisfy .*scale == 0.0"),
        (lambda: D.Chi2(-3.0), r"concentration == -1.5|Chi2: df must satisfy"),
        (lambda: D.Beta(1.0, -1.0), r"Beta: concentration0 must satisfy .*== -1.0"),
        (
            lambda: D.Uniform(weft.zeros(2, 1), weft.tensor([1.0, 2.0, 3.0])).log_prob(
                weft.tensor([[0.5, 2.5, 0.5], [0.5, 0.5, 0.5]])
            ),
            r"Uniform: value must satisfy Interval\(lower_bound=0.0, upper_bound=2.0\), but "
            r"value\[0, 1\] == 2.5 \(1 of 6",
        ),
        (lambda: D.Uniform(2.0, 1.0), r"Uniform: low must satisfy LessThan.*low == 2.0"),
        (
            lambda: D.MultivariateNormal(weft.zeros(2), double([[1.0, 2.0], [2.0, 1.0]])),
            r"MultivariateNormal: covariance_matrix must satisfy PositiveDefinite\(\), but "
            r"covariance_matrix == \[\[1.0, 2.0\], \[2.0, 1.0\]\]$",
        ),
        (lambda: D.Bernoulli(), r"exactly one of probs or logits must be given, got none"),
        (lambda: D.Bernoulli(0.5, 0.0), r"must be given, got probs and logits"),
        (
            lambda: D.MultivariateNormal(weft.zeros(2)),
            r"exactly one of covariance_matrix, precision_matrix or scale_tril must be given",
        ),
        (lambda: D.Wishart(1.0, weft.eye(3)), r"df must satisfy GreaterThan\(lower_bound=2\)"),
        (lambda: D.LKJCholesky(1), r"dim must be an int of at least 2, got 1"),
        (lambda: D.Geometric(0.0), r"Geometric: probs must satisfy GreaterThan"),
        (lambda: D.Categorical(weft.tensor(1.0)), r"at least one dim, of the categories"),
        (lambda: D.Dirichlet(weft.tensor(1.0)), r"at least one dim, of the parts"),
        (lambda: D.Normal("a", 1.0), r"value 0 must be a weft.Tensor or a number, got str 'a'"),
        (
            lambda: D.LowRankMultivariateNormal(weft.zeros(2), weft.ones(3, 1), weft.ones(2)),
            r"D must be the same in all parameters, got loc.shape == \(2,\), cov_factor.shape",
        ),
        (
            lambda: D.Independent(D.Normal(0.0, 1.0), 1),
            r"at most the number of batch dims, got 1 with base_distribution.batch_shape == \(\)",
        ),
        (
            lambda: D.MixtureSameFamily(D.Categorical(weft.ones(3)), D.Normal(weft.zeros(2), 1.0)),
            r"of its 3 categories, \(3,\), got \(2,\)",
        ),
        (
            lambda: D.Normal(0.0, 1.0).log_prob(weft.tensor([0.0, weft.nan])),
            r"Normal: value must satisfy Real\(\), but value\[1\] == nan \(1 of 2",
        ),
        (lambda: D.Normal(0.0, 1.0).log_prob(1.0), r"must be a weft.Tensor, got float 1.0"),
        (lambda: D.Poisson(1.0).log_prob(weft.tensor(0.5)), r"IntegerGreaterThan.*== 0.5"),
        (
            lambda: D.Normal(weft.zeros(3), 1.0).log_prob(weft.zeros(2)),
            r"value.shape == \(2,\) does not broadcast with batch_shape \+ event_shape == \(3,\)",
        ),
        (
            lambda: D.Dirichlet(weft.ones(3)).log_prob(weft.ones(2) / 2),
            r"must end in the event_shape \(3,\), got value.shape == \(2,\)",
        ),
        (
            lambda: D.Distribution.set_default_validate_args(3),
            r"expected True or False, got 3",
        ),
    ],
)
def test_an_error_names_the_parameter_the_constraint_and_the_value(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_types_that_cannot_be_are_named() -> None:
    with pytest.raises(TypeError, match="mixture_distribution must be a Categorical, got Normal"):
        D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(weft.zeros(2), 1.0))
    with pytest.raises(NotImplementedError, match=r"total_count must be one int .* float 3\.0"):
        D.Multinomial(3.0, weft.ones(2))
    with pytest.raises(NotImplementedError, match="it goes from 1 to 2"):
        D.Binomial(weft.tensor([1.0, 2.0]), weft.tensor(0.5)).enumerate_support()
    with pytest.raises(NotImplementedError, match="list those of base_dist"):
        D.Independent(D.Bernoulli(weft.ones(3) / 2), 1).enumerate_support()
    with pytest.raises(NotImplementedError, match="Normal has no enumerate_support"):
        D.Normal(0.0, 1.0).enumerate_support()
    with pytest.raises(ValueError, match="read it from a distribution's instance"):
        D.constraints.dependent.check(weft.ones(1))


def test_checks_can_be_left_out() -> None:
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Exponential(-2.0).rate.item() == -2
        with pytest.raises(ValueError, match="rate must satisfy"):
            D.Exponential(-2.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="rate must satisfy"):
        D.Exponential(-2.0)


def test_expanding_keeps_whether_values_are_checked() -> None:
    with pytest.raises(ValueError, match="value must satisfy"):
        D.Exponential(1.0).expand((2,)).log_prob(weft.tensor([1.0, -1.0]))
    loose = D.Exponential(1.0, validate_args=False).expand((2,))
    assert loose.log_prob(weft.tensor([1.0, -1.0])).tolist() == [-1.0, 1.0]


def test_a_subclass_with_arguments_of_its_own_says_that_it_needs_an_expand() -> None:
    class Standard(D.Normal):
        def __init__(self) -> None:
            super().__init__(0.0, 1.0)

    with pytest.raises(NotImplementedError, match="Standard has an __init__ of its own"):
        Standard().expand((2,))


def test_a_distribution_of_ones_own_needs_only_what_it_uses() -> None:
    class Constant(D.Distribution):
        arg_constraints = {"value": D.constraints.real}  # noqa: RUF012 - as users write it
        support = D.constraints.real

        def __init__(self, value: Any) -> None:
            (self.value,) = D.utils.broadcast_all(value)
            super().__init__(self.value.shape)

        def rsample(self, sample_shape: Any = ()) -> Any:
            return self.value.expand(self._extended_shape(sample_shape))

    one = Constant(3.0)
    assert one.sample((2,)).tolist() == [3.0, 3.0]
    assert repr(one) == "Constant(value: 3.0)"
    for what in ("mean", "variance", "mode"):
        with pytest.raises(NotImplementedError, match=f"Constant has no {what}"):
            getattr(one, what)
    with pytest.raises(NotImplementedError, match="Constant has no log_prob"):
        one.log_prob(weft.tensor(0.0))

    class Bare(D.Distribution):
        pass

    with pytest.warns(UserWarning, match="Bare has no arg_constraints"):
        Bare()


def test_parameters_under_vmap_are_checked_for_every_example() -> None:
    scales = weft.tensor([1.0, -1.0, 2.0])
    with pytest.raises(ValueError, match="scale must satisfy"):
        weft.vmap(lambda s: D.Normal(0.0, s).log_prob(weft.tensor(0.0)))(scales)


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_vmap_over_values_and_over_parameters(name: str, case: int) -> None:
    given = parameters(name, case, double)
    one = getattr(D, name)(**given)
    weft.manual_seed(3)
    x = one.sample((4,))
    whole = one.log_prob(x)
    each = weft.vmap(one.log_prob)(x)
    # a temperature of shape (1,) is no part of the batch, but its dim is one of the result
    assert weft.allclose(each.reshape(whole.shape), whole, equal_nan=True)
    names = [k for k, v in given.items() if isinstance(v, weft.Tensor)]
    if not names:
        return
    stacked = [weft.stack([given[k], given[k]]) for k in names]
    others = {k: v for k, v in given.items() if k not in names}

    def log_prob(*values: Any) -> Any:
        made = getattr(D, name)(**dict(zip(names, values, strict=True)), **others)
        return made.log_prob(x)

    both = weft.vmap(log_prob)(*stacked)
    assert weft.allclose(both[0], whole, equal_nan=True)
    assert weft.allclose(both[1], whole, equal_nan=True)


@pytest.mark.parametrize("name", ["Normal", "Gamma", "Beta", "Bernoulli", "Poisson", "Laplace"])
def test_draws_under_vmap_differ_between_examples(name: str) -> None:
    given = parameters(name, 0, double)
    names = list(given)
    stacked = [weft.stack([given[k]] * 50) for k in names]

    def draw(*values: Any) -> Any:
        return getattr(D, name)(**dict(zip(names, values, strict=True))).sample()

    drawn = weft.vmap(draw, randomness="different")(*stacked)
    assert len({tuple(row) for row in drawn.tolist()}) > 1


def test_weft_does_not_load_distributions_until_they_are_used() -> None:
    import subprocess
    import sys

    program = "import sys, weft; assert 'weft.distributions' not in sys.modules; weft.distributions"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_lazy_parameters_are_differentiable_also_when_first_read_without_gradients() -> None:
    p = weft.tensor(0.3, requires_grad=True)
    one = D.Bernoulli(probs=p)
    with weft.no_grad():
        one.sample()
        assert one.logits is one.logits
    assert one.logits.requires_grad
    assert "probs" in repr(one)
