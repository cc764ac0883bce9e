"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions._location import LocationScale
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.utils import standard_normal

__all__ = ["Normal"]


class Normal(LocationScale, ExponentialFamily):
    r"""Normal distribution.

    .. math:: p(x) = \frac{1}{\sigma \sqrt{2 \pi}} \exp\left(-\frac{(x - \mu)^2}{2 \sigma^2}\right)

    Args:
        loc: the mean, (...) or a number.
        scale: the standard deviation, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Normal(0.0, 2.0).cdf(weft.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8413])
    """

    _mean_carrier_measure = 0

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.loc + standard_normal(shape, self.loc.dtype, self.loc.device) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = (value - self.loc) / self.scale
        return -0.5 * away * away - weft.log(self.scale) - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        # by erfc, the lower tail keeps its digits
        return 0.5 * weft.erfc((self.loc - value) / (self.scale * math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * weft.special.ndtri(value)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + weft.log(self.scale)

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        square = self.scale * self.scale
        return self.loc / square, -0.5 / square

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        x, y = natural_params
        return -0.25 * x * x / y + 0.5 * weft.log(-math.pi / y)
