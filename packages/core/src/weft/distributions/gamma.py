"""The gamma distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.utils import broadcast_all
from weft.ops.gamma_draws import standard_gamma

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    r"""Gamma distribution.

    .. math:: p(x) = \frac{\beta^\alpha}{\Gamma(\alpha)} x^{\alpha - 1} e^{-\beta x}, \quad x > 0

    Its draws are differentiable by both parameters, by implicit differentiation of the cdf.

    Args:
        concentration: the shape parameter, (...) or a number, above 0.
        rate: one over the scale, above 0.
        validate_args: whether parameters and values are checked.

    Source: Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients" (2018).

    Example:
        >>> weft.distributions.Gamma(2.0, 4.0).mean
        tensor(0.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _expanded = ("concentration", "rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        drawn = standard_gamma(self.concentration.expand(shape)) / self.rate
        # where a tiny concentration leaves nothing, a number whose logarithm is finite
        return drawn.clamp(min=weft.finfo(drawn.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.concentration, self.rate
        return weft.xlogy(a, b) + weft.xlogy(a - 1, value) - b * value - weft.lgamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.special.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - weft.log(self.rate) + weft.lgamma(a) + (1 - a) * weft.digamma(a)

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        x, y = natural_params
        return weft.lgamma(x + 1) - (x + 1) * weft.log(-y)
