"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AffineTransform, ExpTransform
from weft.distributions.transformed_distribution import Chained
from weft.distributions.uniform import Uniform
from weft.distributions.utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(Chained):
    r"""Gumbel distribution: of the largest of many numbers with exponential tails.

    .. math:: p(x) = \frac{1}{\beta} \exp(-z - e^{-z}), \quad z = \frac{x - \mu}{\beta}

    Args:
        loc: the mode, (...) or a number.
        scale: the width, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Gumbel(1.0, 2.0).cdf(weft.tensor(1.0))
        tensor(0.3679)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _expanded = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        info = weft.finfo(self.loc.dtype)
        # inside (0, 1), so that both logarithms are finite
        base = Uniform(
            weft.full_like(self.loc, info.tiny),
            weft.full_like(self.loc, 1 - info.eps),
            validate_args=False,
        )
        super().__init__(base, self._chain(), validate_args=validate_args)

    def _chain(self) -> list[Any]:
        """Return x = loc - scale * log(-log(u)) as transforms."""
        turned = AffineTransform(0, -weft.ones_like(self.scale))
        return [
            ExpTransform().inv,
            turned,
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return -z - weft.exp(-z) - weft.log(self.scale)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.exp(-weft.exp((self.loc - value) / self.scale))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * weft.log(-weft.log(value))

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def entropy(self) -> Tensor:
        return weft.log(self.scale) + (1 + euler_constant)
