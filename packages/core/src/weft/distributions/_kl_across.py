"""Divergences of distributions of different families: minus the entropy, and the mean of -log q.

Each is the entropy of p, negated, and the cross entropy, which for most q needs p's moments alone.
"""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions._kl_parts import infinite
from weft.distributions.bernoulli import Bernoulli
from weft.distributions.beta import Beta
from weft.distributions.binomial import Binomial
from weft.distributions.continuous_bernoulli import ContinuousBernoulli
from weft.distributions.exponential import Exponential
from weft.distributions.gamma import Gamma
from weft.distributions.gumbel import Gumbel
from weft.distributions.kl import register_kl
from weft.distributions.laplace import Laplace
from weft.distributions.normal import Normal
from weft.distributions.pareto import Pareto
from weft.distributions.poisson import Poisson
from weft.distributions.uniform import Uniform
from weft.distributions.utils import euler_constant


@register_kl(Beta, Pareto)
@register_kl(ContinuousBernoulli, Pareto)
@register_kl(Exponential, Beta)
@register_kl(Exponential, ContinuousBernoulli)
@register_kl(Exponential, Pareto)
@register_kl(Exponential, Uniform)
@register_kl(Gamma, Beta)
@register_kl(Gamma, ContinuousBernoulli)
@register_kl(Gamma, Pareto)
@register_kl(Gamma, Uniform)
@register_kl(Gumbel, Beta)
@register_kl(Gumbel, ContinuousBernoulli)
@register_kl(Gumbel, Exponential)
@register_kl(Gumbel, Gamma)
@register_kl(Gumbel, Pareto)
@register_kl(Gumbel, Uniform)
@register_kl(Laplace, Beta)
@register_kl(Laplace, ContinuousBernoulli)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Gamma)
@register_kl(Laplace, Pareto)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Beta)
@register_kl(Normal, ContinuousBernoulli)
@register_kl(Normal, Exponential)
@register_kl(Normal, Gamma)
@register_kl(Normal, Pareto)
@register_kl(Normal, Uniform)
@register_kl(Pareto, Beta)
@register_kl(Pareto, ContinuousBernoulli)
@register_kl(Pareto, Uniform)
@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _beyond(p: Any, q: Any) -> Tensor:
    """Draws of p leave q's support."""
    return infinite(p.mean, q.mean)


# --- where q's logarithm is linear, quadratic or exponential in x: by moments of p -------------


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Pareto, Exponential)
def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return -p.entropy() - weft.log(q.rate) + q.rate * p.mean


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - weft.log(q.rate) + q.rate * p.concentration / p.rate


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return weft.where(p.low < 0, math.inf, _to_exponential(p, q))


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _to_normal(p: Any, q: Normal) -> Tensor:
    squares = p.variance + (p.mean - q.loc).square()
    size = 0.5 * math.log(2 * math.pi) + weft.log(q.scale)
    return -p.entropy() + size + 0.5 * squares / q.variance


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    return weft.where(p.alpha <= 2, math.inf, _to_normal(p, q))


def _to_gumbel(p: Any, q: Gumbel, mean_exponential: Tensor) -> Tensor:
    """Return the divergence by the mean of exp(-(x - loc) / scale) under p."""
    away = (p.mean - q.loc) / q.scale
    return -p.entropy() + weft.log(q.scale) + away + mean_exponential


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    rate = p.rate * q.scale
    return _to_gumbel(p, q, weft.exp(q.loc / q.scale) * rate / (rate + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    shrunk = -p.concentration * weft.log1p((p.rate * q.scale).reciprocal())
    return _to_gumbel(p, q, weft.exp(q.loc / q.scale + shrunk))


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    return _to_gumbel(p, q, weft.exp((q.loc - p.loc) / q.scale + 0.5 * ratio.square()))


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    low, high = (p.low - q.loc) / q.scale, (p.high - q.loc) / q.scale
    return _to_gumbel(p, q, (weft.exp(-low) - weft.exp(-high)) / (high - low))


# --- where it has log x or log(1 - x): by the means of those under p ---------------------------


def _to_gamma(p: Any, q: Gamma, mean_log: Tensor) -> Tensor:
    size = weft.lgamma(q.concentration) - q.concentration * weft.log(q.rate)
    return -p.entropy() + size - (q.concentration - 1) * mean_log + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    a, b = p.concentration1, p.concentration0
    return _to_gamma(p, q, weft.digamma(a) - weft.digamma(a + b))


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _to_gamma(p, q, -weft.log(p.rate) - euler_constant)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return _to_gamma(p, q, weft.log(p.scale) + p.alpha.reciprocal())


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """Return the mean of log x over an interval of numbers from 0 on."""
    return (weft.xlogy(high, high) - weft.xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    outside = p.low < 0
    low = weft.where(outside, 0.0, p.low)
    high = weft.where(outside, 1.0, p.high)
    return weft.where(outside, math.inf, _to_gamma(p, q, _mean_log(low, high)))


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    outside = (p.low < 0) | (p.high > 1)
    low = weft.where(outside, 0.0, p.low)
    high = weft.where(outside, 1.0, p.high)
    a, b = q.concentration1, q.concentration0
    size = weft.lgamma(a) + weft.lgamma(b) - weft.lgamma(a + b)
    parts = (a - 1) * _mean_log(low, high) + (b - 1) * _mean_log(1 - high, 1 - low)
    return weft.where(outside, math.inf, -p.entropy() + size - parts)


# --- where q is flat, or its own shape in pieces ----------------------------------------------


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _to_uniform(p: Any, q: Uniform) -> Tensor:
    outside = (q.low > 0) | (q.high < 1)
    return weft.where(outside, math.inf, -p.entropy() + weft.log(q.high - q.low))


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - p.mean * q.logits + q._log_size()


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    outside = (p.low < 0) | (p.high > 1)
    return weft.where(outside, math.inf, -p.entropy() - p.mean * q.logits + q._log_size())


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    below = p.low < q.scale
    low, high = weft.where(below, 1.0, p.low), weft.where(below, 2.0, p.high)
    size = weft.log(q.alpha) + q.alpha * weft.log(q.scale)
    cross = (q.alpha + 1) * _mean_log(low, high) - size
    return weft.where(below, math.inf, -p.entropy() + cross)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    peak = math.sqrt(2 / math.pi) * weft.exp(-0.5 * z.square())
    away = p.scale * (peak + z * weft.erf(z / math.sqrt(2)))
    return -p.entropy() + weft.log(2 * q.scale) + away / q.scale


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * weft.log(q.rate) - q.rate)
