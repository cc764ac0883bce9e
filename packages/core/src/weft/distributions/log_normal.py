"""The log-normal distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import ExpTransform
from weft.distributions.normal import Normal
from weft.distributions.transformed_distribution import TransformedDistribution

__all__ = ["LogNormal"]


class LogNormal(TransformedDistribution):
    r"""Log-normal distribution: of numbers whose logarithms are normal.

    .. math:: p(x) = \frac{1}{x \sigma \sqrt{2 \pi}}
        \exp\left(-\frac{(\ln x - \mu)^2}{2 \sigma^2}\right)

    Args:
        loc: the mean of the logarithm, (...) or a number.
        scale: the standard deviation of the logarithm, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.LogNormal(0.0, 1.0).icdf(weft.tensor(0.5))
        tensor(1.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=False)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(LogNormal, _instance))

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return weft.exp(self.loc + self.scale.square() / 2)

    @property
    def mode(self) -> Tensor:
        return weft.exp(self.loc - self.scale.square())

    @property
    def variance(self) -> Tensor:
        square = self.scale.square()
        return weft.expm1(square) * weft.exp(2 * self.loc + square)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
