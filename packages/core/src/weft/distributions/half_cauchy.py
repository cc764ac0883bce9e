"""The half-Cauchy distribution."""

from __future__ import annotations

import math

import weft
from weft import Tensor
from weft.distributions._half import Half
from weft.distributions.cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    r"""Half-Cauchy distribution: of the absolute value of Cauchy numbers of median 0.

    .. math:: p(x) = \frac{2}{\pi \gamma \left(1 + (x / \gamma)^2\right)}, \quad x \ge 0

    Args:
        scale: the median, (...) or a number, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.HalfCauchy(2.0).cdf(weft.tensor(2.0))
        tensor(0.5000)
    """

    _whole = Cauchy

    @property
    def mean(self) -> Tensor:
        return weft.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.atan(value / self.scale) * (2 / math.pi)

    def icdf(self, value: Tensor) -> Tensor:
        return weft.tan(value * (math.pi / 2)) * self.scale
