"""The half-normal distribution."""

from __future__ import annotations

import math

import weft
from weft import Tensor
from weft.distributions._half import Half
from weft.distributions.normal import Normal

__all__ = ["HalfNormal"]


class HalfNormal(Half):
    r"""Half-normal distribution: of the absolute value of normal numbers of mean 0.

    .. math:: p(x) = \frac{\sqrt 2}{\sigma \sqrt \pi} \exp\left(-\frac{x^2}{2 \sigma^2}\right),
        \quad x \ge 0

    Args:
        scale: the standard deviation of the normal numbers, (...) or a number, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    _whole = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (1 - 2 / math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.erf(value / (self.scale * math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * math.sqrt(2) * weft.erfinv(value)
