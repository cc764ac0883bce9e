"""The inverse gamma distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import PowerTransform
from weft.distributions.gamma import Gamma
from weft.distributions.transformed_distribution import TransformedDistribution

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    r"""Inverse gamma distribution: of one over a gamma number.

    .. math:: p(x) = \frac{\beta^\alpha}{\Gamma(\alpha)} x^{-\alpha - 1} e^{-\beta / x},
        \quad x > 0

    Args:
        concentration: the shape parameter, (...) or a number, above 0.
        rate: the gamma number's rate, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.InverseGamma(3.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    base_dist: Gamma

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=False)
        inverse = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, inverse, validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(InverseGamma, _instance))

    @property
    def concentration(self) -> Tensor:
        """The shape parameter."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """The gamma number's rate."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        """The mean; infinite where concentration is at most 1."""
        mean = self.rate / (self.concentration - 1)
        return weft.where(self.concentration > 1, mean, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        """The variance; infinite where concentration is at most 2."""
        a = self.concentration
        variance = (self.rate / (a - 1)).square() / (a - 2)
        return weft.where(a > 2, variance, math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + weft.log(self.rate) + weft.lgamma(a) - (1 + a) * weft.digamma(a)
