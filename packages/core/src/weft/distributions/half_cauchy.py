"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AbsTransform
from weft.distributions.cauchy import Cauchy
from weft.distributions.transformed_distribution import TransformedDistribution

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    r"""Half-Cauchy distribution: of the absolute value of Cauchy numbers of median 0.

    .. math:: p(x) = \frac{2}{\pi \gamma \left(1 + (x / \gamma)^2\right)}, \quad x \ge 0

    Args:
        scale: the median, (...) or a number, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.HalfCauchy(2.0).cdf(weft.tensor(2.0))
        tensor(0.5000)
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = Cauchy(0.0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(HalfCauchy, _instance))

    @property
    def scale(self) -> Tensor:
        """The median."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return weft.full_like(self.scale, math.inf)

    @property
    def mode(self) -> Tensor:
        return weft.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        one = self.base_dist.log_prob(value) + math.log(2)
        return weft.where(value >= 0, one, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.atan(value / self.scale) * (2 / math.pi)

    def icdf(self, value: Tensor) -> Tensor:
        return weft.tan(value * (math.pi / 2)) * self.scale

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
