"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions._location import LocationScale
from weft.distributions.utils import uniform_inside

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    r"""Cauchy (Lorentz) distribution: that of the ratio of two normal numbers of mean 0.

    .. math:: p(x) = \frac{1}{\pi \gamma \left(1 + ((x - x_0) / \gamma)^2\right)}

    It has no mean and no variance: they are NaN and inf.

    Args:
        loc: the median and mode, (...) or a number.
        scale: the half width at half height, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Cauchy(0.0, 1.0).cdf(weft.tensor([0.0, 1.0]))
        tensor([0.5000, 0.7500])
    """

    @property
    def mean(self) -> Tensor:
        return weft.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return weft.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = uniform_inside(self._extended_shape(sample_shape), self.loc)
        return self.loc + self.scale * weft.tan(math.pi * (u - 0.5))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = (value - self.loc) / self.scale
        return -math.log(math.pi) - weft.log(self.scale) - weft.log1p(away * away)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return weft.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + weft.log(self.scale)
