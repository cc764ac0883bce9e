"""Divergences of two distributions of one family."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions._covariance import log_diagonal, mahalanobis
from weft.distributions._kl_parts import squares_of_solution
from weft.distributions.bernoulli import Bernoulli
from weft.distributions.beta import Beta
from weft.distributions.binomial import Binomial
from weft.distributions.categorical import Categorical
from weft.distributions.cauchy import Cauchy
from weft.distributions.continuous_bernoulli import ContinuousBernoulli
from weft.distributions.dirichlet import Dirichlet
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.exponential import Exponential
from weft.distributions.gamma import Gamma
from weft.distributions.geometric import Geometric
from weft.distributions.gumbel import Gumbel
from weft.distributions.half_normal import HalfNormal
from weft.distributions.independent import Independent
from weft.distributions.kl import kl_divergence, register_kl
from weft.distributions.laplace import Laplace
from weft.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from weft.distributions.multivariate_normal import MultivariateNormal
from weft.distributions.normal import Normal
from weft.distributions.one_hot_categorical import OneHotCategorical
from weft.distributions.pareto import Pareto
from weft.distributions.poisson import Poisson
from weft.distributions.transformed_distribution import TransformedDistribution
from weft.distributions.uniform import Uniform
from weft.distributions.utils import euler_constant, sum_rightmost
from weft.nn.functional import softplus


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    # what cannot come under p adds nothing; what cannot come under q makes it infinite
    one = weft.where(p.probs == 0, 0.0, weft.where(q.probs == 0, math.inf, one))
    zero = weft.where(p.probs == 1, 0.0, weft.where(q.probs == 1, math.inf, zero))
    return one + zero


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError(
            "kl_divergence: of binomial distributions where q has more trials than p, no closed "
            "form is known"
        )
    success = p.probs * (p.logits - q.logits)
    kl = p.total_count * (success + weft.log1p(-p.probs) - weft.log1p(-q.probs))
    return weft.where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    parts = p.probs * (p.logits - q.logits)
    parts = weft.where(q.probs == 0, math.inf, parts)
    return weft.where(p.probs == 0, 0.0, parts).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - weft.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return weft.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    sizes = (
        weft.lgamma(c) + weft.lgamma(d) + weft.lgamma(a + b)
        - weft.lgamma(a) - weft.lgamma(b) - weft.lgamma(c + d)
    )  # fmt: skip
    slopes = (a - c) * weft.digamma(a) + (b - d) * weft.digamma(b)
    return sizes + slopes + (c + d - a - b) * weft.digamma(a + b)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1, keepdim=True)
    sizes = weft.lgamma(total.squeeze(-1)) - weft.lgamma(b.sum(-1))
    parts = weft.lgamma(b) - weft.lgamma(a)
    return sizes + (parts + (a - b) * (weft.digamma(a) - weft.digamma(total))).sum(-1)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b, c, d = p.concentration, p.rate, q.concentration, q.rate
    sizes = c * weft.log(b / d) + weft.lgamma(c) - weft.lgamma(a)
    return sizes + (a - c) * weft.digamma(a) + (d - b) * (a / b)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - weft.log(ratio) - 1


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    return p.mean * (p.logits - q.logits) - p._log_size() + q._log_size()


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    away = ((p.loc - q.loc) / q.scale).square()
    return 0.5 * (ratio + away - 1 - weft.log(ratio))


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    away = (p.loc - q.loc).abs()
    return -weft.log(ratio) + away / q.scale + ratio * weft.exp(-away / p.scale) - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    # Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy
    # distributions" (2019)
    above = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return weft.log(above) - weft.log(4 * p.scale * q.scale)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    away = (p.loc - q.loc) / q.scale
    slope = away + ratio * euler_constant - (1 + euler_constant)
    return slope - weft.log(ratio) + weft.exp(weft.lgamma(1 + ratio) - away)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * weft.log(p.scale / q.scale) - weft.log(ratio) + ratio - 1
    return weft.where(p.scale < q.scale, math.inf, kl)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = weft.log((q.high - q.low) / (p.high - p.low))
    return weft.where((q.low > p.low) | (q.high < p.high), math.inf, kl)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_size(p, q)
    first, second = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    spread = squares_of_solution(second, first)
    away = mahalanobis(second, q.loc - p.loc)
    size = int(p.event_shape[0])
    return log_diagonal(second) - log_diagonal(first) + 0.5 * (spread + away - size)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    return _to_low_rank(p, q, p._log_determinant(), p._unbroadcasted_cov_diag.diag_embed().sqrt(),
                        p._unbroadcasted_cov_factor)  # fmt: skip


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _multivariate_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    factor = p._unbroadcasted_scale_tril
    return _to_low_rank(p, q, 2 * log_diagonal(factor), factor)


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_multivariate(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_size(p, q)
    factor = q._unbroadcasted_scale_tril
    spread = squares_of_solution(factor, p._unbroadcasted_cov_factor)
    spread = spread + squares_of_solution(factor, p._unbroadcasted_cov_diag.sqrt().diag_embed())
    away = mahalanobis(factor, q.loc - p.loc)
    size = int(p.event_shape[0])
    return 0.5 * (2 * log_diagonal(factor) - p._log_determinant() + spread + away - size)


def _to_low_rank(p: Any, q: LowRankMultivariateNormal, own: Tensor, *factors: Tensor) -> Tensor:
    """Return the divergence of a normal p, whose covariance is the factors' squares added."""
    _same_size(p, q)
    root = q._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
    columns = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)
    spread: Any = 0
    for factor in factors:
        # the trace of the inverse covariance times p's, by Woodbury's identity
        spread = spread + (factor / root).square().sum((-2, -1))
        spread = spread - squares_of_solution(q._capacitance_tril, columns @ factor)
    size = int(p.event_shape[0])
    away = q._mahalanobis(q.loc - p.loc)
    return 0.5 * (q._log_determinant() - own + spread + away - size)


def _same_size(p: Any, q: Any) -> None:
    if tuple(p.event_shape) != tuple(q.event_shape):
        raise weft.ShapeError(
            f"kl_divergence: vectors of one size are needed, got event shapes "
            f"{tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        raise NotImplementedError(
            f"kl_divergence: no formula is entered for {type(p).__name__} and {type(q).__name__}; "
            f"enter one with register_kl"
        )
    # the Bregman divergence of the log normaliser, whose gradient is the mean statistic
    with weft.enable_grad():
        first = [n if n.requires_grad else n.detach().requires_grad_() for n in p._natural_params]
        own = p._log_normalizer(*first)
        slopes = weft.autograd.grad(own.sum(), first, create_graph=True)
    second = q._natural_params
    out = q._log_normalizer(*second) - own
    for a, b, slope in zip(first, second, slopes, strict=True):
        out = out - sum_rightmost((b - a) * slope, len(q.event_shape))
    return out


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or tuple(p.event_shape) != tuple(q.event_shape):
        raise NotImplementedError(
            "kl_divergence: of transformed distributions only those with equal transforms are known"
        )
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            f"kl_divergence: of Independent distributions with as many reinterpreted_batch_ndims, "
            f"got {p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
