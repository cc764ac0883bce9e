"""Probability distributions, what their values may be, and maps from one to another."""

from weft.distributions import constraints, transforms, utils
from weft.distributions.bernoulli import Bernoulli
from weft.distributions.binomial import Binomial
from weft.distributions.categorical import Categorical
from weft.distributions.cauchy import Cauchy
from weft.distributions.constraint_registry import biject_to, transform_to
from weft.distributions.distribution import Distribution
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.exponential import Exponential
from weft.distributions.geometric import Geometric
from weft.distributions.gumbel import Gumbel
from weft.distributions.half_cauchy import HalfCauchy
from weft.distributions.half_normal import HalfNormal
from weft.distributions.independent import Independent
from weft.distributions.kumaraswamy import Kumaraswamy
from weft.distributions.laplace import Laplace
from weft.distributions.log_normal import LogNormal
from weft.distributions.logistic_normal import LogisticNormal
from weft.distributions.multinomial import Multinomial
from weft.distributions.normal import Normal
from weft.distributions.one_hot_categorical import (
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from weft.distributions.pareto import Pareto
from weft.distributions.poisson import Poisson
from weft.distributions.relaxed_bernoulli import RelaxedBernoulli
from weft.distributions.relaxed_categorical import RelaxedOneHotCategorical
from weft.distributions.transformed_distribution import TransformedDistribution
from weft.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from weft.distributions.uniform import Uniform
from weft.distributions.weibull import Weibull

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Binomial",
    "CatTransform",
    "Categorical",
    "Cauchy",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "ExponentialFamily",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "Kumaraswamy",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowerCholeskyTransform",
    "Multinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "Weibull",
    "biject_to",
    "constraints",
    "identity_transform",
    "transform_to",
    "transforms",
    "utils",
]
