"""The Weibull distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AffineTransform, PowerTransform
from weft.distributions.exponential import Exponential
from weft.distributions.transformed_distribution import Chained
from weft.distributions.utils import broadcast_all, euler_constant

__all__ = ["Weibull"]


class Weibull(Chained):
    r"""Weibull distribution: of life times, where the rate of failure is a power of the age.

    .. math:: p(x) = \frac{k}{\lambda} \left(\frac{x}{\lambda}\right)^{k - 1}
        e^{-(x / \lambda)^k}, \quad x > 0

    Args:
        scale: (...) or a number, above 0.
        concentration: the exponent k, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Weibull(1.0, 1.0).mean  # the exponential distribution
        tensor(1.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _expanded = ("scale", "concentration")

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(weft.ones_like(self.scale), validate_args=False)
        super().__init__(base, self._chain(), validate_args=validate_args)

    def _chain(self) -> list[Any]:
        power = PowerTransform(exponent=self.concentration.reciprocal())
        return [power, AffineTransform(0, self.scale)]

    @property
    def mean(self) -> Tensor:
        return self.scale * self._moment(1)

    @property
    def mode(self) -> Tensor:
        """The likeliest value: 0 where concentration is at most 1."""
        k = self.concentration.clamp(min=1)
        return self.scale * ((k - 1) / k).pow(k.reciprocal())

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (self._moment(2) - self._moment(1).square())

    def _moment(self, order: int) -> Tensor:
        """Return the moment of an order where scale is 1."""
        return weft.exp(weft.lgamma(1 + order / self.concentration))

    def entropy(self) -> Tensor:
        k = self.concentration
        return euler_constant * (1 - k.reciprocal()) + weft.log(self.scale / k) + 1
